"""Rows: what happens to the database, and to the way there."""

import signal

from runner.cluster import Layout
from runner.load import Shape
from runner.proxy import Ambush
from runner.rows import Run, row


@row("store-cut", "the connection between a node and the database cut, NATS there", Layout(proxied=True))
async def store_cut(run: Run) -> None:
    for _ in run.rounds(3):
        run.begin()
        run.cluster.store_proxy.cut()
        await run.wait(5, 15)
        run.hush()
        run.cluster.store_proxy.heal()
        run.back("node0")
        await run.wait(0, 5)


@row("store-swallow", "the connection between a node and the database swallows everything, NATS there", Layout(proxied=True))
async def store_swallow(run: Run) -> None:
    run.begin()
    run.cluster.store_proxy.swallow()
    await run.wait(8, 60)
    run.hush()
    run.cluster.store_proxy.heal()
    run.back("node0")


@row("commit-cut", "the connection cut after COMMIT was sent and before its answer", Layout(proxied=True))
async def commit_cut(run: Run) -> str:
    ambush = Ambush(every=15)
    run.begin()
    run.cluster.store_proxy.ambush = ambush
    await run.wait(6, 60)
    run.cluster.store_proxy.heal()
    run.back("node0")
    run.hush()
    said = f"{ambush.cuts} cuts in {ambush.seen} commits"
    if not ambush.cuts:
        raise AssertionError(f"nothing was cut, the row proves nothing: {said}")
    return said


@row("database-restart", "PostgreSQL stopped at once (immediate) and restarted")
async def database_restart(run: Run) -> None:
    for _ in run.rounds(6):
        run.begin()
        await run.cluster.primary.stop(signal.SIGQUIT)
        await run.wait(2, 5)
        run.hush()
        await run.cluster.primary.start()
        run.back()
        await run.wait(0, 5)


@row("disk-full", "PostgreSQL's disk full, and freed again", Layout(small_disk=200), Shape(padding=4_000))
async def disk_full(run: Run) -> str:
    primary = run.cluster.primary
    filler = primary.data.parent / "filler"
    before = run.seen("info")
    run.begin()
    with filler.open("wb") as file:
        for _ in run.rounds(8):
            fill(file)
            # Longer than nodes try by themselves.
            await run.wait(8, 8)
    failed = run.seen("info") - before
    filler.unlink()
    run.hush()
    ended = not primary.child.running
    if ended:
        primary.launch()
    await primary.wait()
    run.back()
    said = f"{failed} messages of unknown outcome; PostgreSQL {'ended and was started again' if ended else 'stayed up'}"
    if not failed:
        raise AssertionError(f"nothing failed, the row proves nothing: {said}")
    return said


def fill(file) -> None:
    try:
        while True:
            file.write(bytes(1 << 16))
            file.flush()
    except OSError:
        pass


@row("failover", "the primary lost, its synchronous standby promoted", Layout(standby="sync"))
async def failover(run: Run) -> None:
    run.begin()
    run.cluster.primary.crash()
    await run.wait(1, 5)
    run.hush()
    await run.cluster.standby.promote()
    run.back()
    await run.wait(3, 20)
