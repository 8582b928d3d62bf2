"""That the checker can fail: a standby that lagged is promoted, and a node that acknowledges too early."""

import asyncio
import signal
from dataclasses import replace
from pathlib import Path

from runner.cluster import Layout
from runner.load import Shape
from runner.outcomes import Outcomes
from runner.rows import Options, Result, Row, Run, run_row

from .test_checker import CASES


async def lagging(run: Run) -> str:
    # What the primary commits from now on does not reach the standby.
    run.begin()
    run.cluster.replication.swallow()
    await run.wait(3, 6)
    run.cluster.primary.crash()
    await run.cluster.standby.promote()
    run.back()
    await run.wait(2, 4)
    return ""


async def at_once(run: Run) -> str:
    for _ in range(6):
        run.begin()
        await run.cluster.primary.stop(signal.SIGQUIT)
        await run.cluster.primary.start()
        run.back()
        await asyncio.sleep(1.5)
    return ""


LAGGING = Row("prove-lagging", "failover to an asynchronous standby that lagged", Layout(standby="async"), Shape(), lagging)
WEAKENED = Row(
    "prove-weakened", "PostgreSQL stopped at once under a build that acknowledges before COMMIT",
    Layout(), Shape(senders=4, pause=0), at_once,
)


def weakened_row(options: Options) -> Result:
    """Between its acknowledgement and COMMIT is a fraction of a millisecond: six stops may meet none, once in a while."""
    for _ in range(4):
        result = asyncio.run(run_row(WEAKENED, options))
        if result.outcome == "SKIPPED" or (result.report and result.report.lost):
            break
    return result


def found_loss(outcomes: Outcomes, result: Result) -> None:
    """Passes if the checker reports the loss."""
    title = f"{result.row.title}: the checker reports the loss"
    if result.outcome == "SKIPPED":
        outcomes.skips(title, result.note)
    elif result.report and result.report.lost:
        outcomes.passes(title, result.report.counts())
    else:
        outcomes.fails(title, result.report.counts() if result.report else result.note)


def prove(outcomes: Outcomes, options: Options, weakened: Path | None) -> None:
    for name, run in CASES:
        outcomes.run(f"checker: {name}", run)
    found_loss(outcomes, asyncio.run(run_row(LAGGING, options)))
    if weakened:
        machine = replace(options.machine, binary=weakened, setup=options.machine.binary)
        found_loss(outcomes, weakened_row(replace(options, machine=machine)))
    else:
        outcomes.skips(WEAKENED.title, "no weakened build was given (--weakened)")
