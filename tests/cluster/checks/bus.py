"""Rows: what happens to the bus. The store is the truth; whoever missed a note finds what it was about."""

from runner.cluster import Layout
from runner.load import Shape
from runner.rows import Run, row


@row("bus-restart", "the NATS server killed and restarted")
async def bus_restart(run: Run) -> None:
    for _ in run.rounds(4):
        await away(run)


@row("bus-cluster", "all NATS servers of a cluster of three killed and restarted", Layout(nats=3))
async def bus_cluster(run: Run) -> None:
    for _ in run.rounds(4):
        await away(run)


async def away(run: Run) -> None:
    run.begin()
    run.cluster.nats.kill()
    await run.wait(4, 10)
    # What was said last while it was away is followed by nothing that tells of it.
    run.hush()
    await run.wait(0.5, 1)
    await run.cluster.nats.start()
    run.back()
    await run.wait(0, 5)


# A server that has little patience with who does not read.
IMPATIENT = "max_payload: 65536\nmax_pending: 65536\nwrite_deadline: \"1s\""
# Each message at least four times as long as what a sender says otherwise, and no pause.
FLOOD = Shape(senders=4, pause=0, padding=8_000)


@row("slow-consumer", "a node stopped for seconds while thousands of messages are published", Layout(nats_settings=IMPATIENT), FLOOD)
async def slow_consumer(run: Run) -> str:
    node = run.cluster.nodes[-1]
    before = run.load.acknowledged()
    run.begin()
    node.pause()
    await run.wait(7, 30)
    node.resume()
    run.back(node.name)
    run.hush()
    told = run.cluster.nats.servers[0].varz()["slow_consumers"]
    said = f"{run.load.acknowledged() - before} messages meanwhile, {told} slow consumers let go"
    if not told:
        raise AssertionError(f"NATS let nobody go, the row proves nothing: {said}")
    return said


@row("bus-slow", "the way from NATS to a node blocked, so that it lags", Layout(proxied=True, nats_settings=IMPATIENT), FLOOD)
async def bus_slow(run: Run) -> str:
    run.begin()
    run.cluster.bus_proxy.hold()
    await run.wait(7, 30)
    run.hush()
    run.cluster.bus_proxy.heal()
    run.back()
    return f"{run.cluster.nats.servers[0].varz()['slow_consumers']} slow consumers let go"


@row("bus-cut", "the connection between a node and NATS cut, the database there", Layout(proxied=True))
async def bus_cut(run: Run) -> None:
    for _ in run.rounds(3):
        run.begin()
        run.cluster.bus_proxy.cut()
        await run.wait(5, 15)
        run.hush()
        run.cluster.bus_proxy.heal()
        run.back()
        await run.wait(0, 5)


@row("bus-swallow", "the connection between a node and NATS swallows everything, the database there", Layout(proxied=True))
async def bus_swallow(run: Run) -> None:
    run.begin()
    run.cluster.bus_proxy.swallow()
    await run.wait(8, 60)
    run.hush()
    run.cluster.bus_proxy.heal()
    run.back()
