"""Rows: what happens to nodes. They are killed, stopped, restarted, and their clocks are wrong."""

from runner.clock import hours_off
from runner.cluster import Layout
from runner.leases import Leases, passed_on
from runner.load import Shape
from runner.rows import Run, row


@row("kill-node", "kill -9 of a node under load", Layout(alone=True))
async def kill_node(run: Run) -> None:
    for number in run.rounds(6):
        # In turn, and never twice the same.
        node = run.cluster.nodes[-1 - number % len(run.cluster.nodes)]
        run.begin()
        node.kill()
        if number == 0:
            # What was under way at that moment is followed by nothing in its thread.
            run.hush()
        await run.wait(3, 6)
        await node.start()
        run.back(node.name)
        await run.wait(0, 4)


@row("stop-node", "SIGSTOP of a node that holds leases, then SIGCONT", Layout(alone=True))
async def stop_node(run: Run) -> str:
    leases = Leases(run.cluster)
    holder = await leases.holder()
    node = holder or run.cluster.nodes[-1]
    before = await leases.table()
    run.begin()
    node.pause()
    # Beyond the term of a lease.
    await run.wait(14, 60)
    during = await leases.table()
    run.hush()
    node.resume()
    run.back(node.name)
    await run.wait(4, 10)
    after = await leases.table()
    if not holder:
        return f"{node.name} stood still; there are no leases"
    said = passed_on(before, during, after, released=not await leases.held_by(node))
    return f"{node.name} stood still; {said}; {await leases.refused_at(node)} of its writes refused by their fence"


@row("rolling-restart", "rolling restart of all nodes by SIGTERM", Layout(nodes=3), Shape(pinned=False, senders=6, fresh=True))
async def rolling_restart(run: Run) -> None:
    before = run.seen("info")
    for node in run.cluster.nodes:
        run.begin()
        code = await node.stop()
        if code != 0:
            raise AssertionError(f"{node.name} ended {code} after SIGTERM")
        await node.start()
        run.back(node.name)
        await run.wait(1, 5)
    failed = [line for line in run.history.lines if line["kind"] == "info"][before:]
    if failed:
        raise AssertionError(f"{len(failed)} requests failed, such as {failed[0]['text']}: {failed[0]['why']}")


@row("clock-ahead", "a node's clock an hour ahead", Layout(clocks={1: "+1h"}))
async def clock_ahead(run: Run) -> str:
    off = await hours_off(run.cluster.nodes[1].http_port)
    if not 0.9 < off < 1.1:
        raise AssertionError(f"the clock is {off:+.2f} h off: the row proves nothing")
    await run.wait(4, 30)
    return f"its clock {off:+.2f} h"


@row("clock-back", "a node's clock steps back by an hour, and forward again", Layout(clocks={1: "+0"}))
async def clock_back(run: Run) -> str:
    clock, port = run.cluster.clocks[1], run.cluster.nodes[1].http_port
    clock.set("-1h")
    await run.wait(5, 30)
    off = 3600 * await hours_off(port)
    clock.set("+0")
    await run.wait(4, 30)
    after = 3600 * await hours_off(port)
    # The Date of answers is renewed when a second has passed: after a step back it stands still.
    if off > -3 or abs(after) > 2:
        raise AssertionError(f"the node said that it was {off:+.1f} s, then {after:+.1f} s off: the row proves nothing")
    return f"its Date was {off:+.1f} s, then {after:+.1f} s off"
