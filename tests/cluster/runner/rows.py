"""A row of the fault table: a cluster under load, a fault, the recovery, and what the checker says."""

import asyncio
import shutil
import tempfile
import time
import traceback
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path

from checks.checker import Report, check

from .cluster import Cluster, Layout, Machine
from .history import History, now
from .load import Load, Shape
from .node import ROOT
from .processes import Unavailable

# A cut-off listener is to be whole within this; a margin for a busy machine comes on top.
WHOLE_SECONDS = 10
ROW_SECONDS = 600
# Where histories and logs of rows that failed are kept.
KEPT = ROOT / "target" / "cluster"


@dataclass
class Row:
    name: str
    title: str
    layout: Layout
    shape: Shape
    fault: Callable[["Run"], Awaitable[str | None]]


ROWS: list[Row] = []


def row(name: str, title: str, layout: Layout = Layout(), shape: Shape = Shape()):
    """The function makes the fault and ends it; what it returns is noted beside the counts."""

    def add(fault: Callable[["Run"], Awaitable[str | None]]) -> Callable:
        ROWS.append(Row(name, title, layout, shape, fault))
        return fault

    return add


@dataclass
class Options:
    machine: Machine = field(default_factory=Machine)
    full: bool = False
    margin: float = 1.0
    keep: Path | None = None

    @property
    def limit(self) -> float:
        return WHOLE_SECONDS + self.margin


class Run:
    """What a row's fault works with."""

    def __init__(self, cluster: Cluster, load: Load, history: History, full: bool):
        self.cluster, self.load, self.history, self.full = cluster, load, history, full
        self.since = 0.0

    async def wait(self, short: float, full: float) -> None:
        await asyncio.sleep(full if self.full else short)

    def rounds(self, full: int) -> range:
        return range(full if self.full else 1)

    def begin(self) -> None:
        self.since = now()

    def back(self, node: str | None = None) -> None:
        """The service is to be had again; `node`: that node is, the others never were away."""
        self.history.write("outage", began=self.since, back=now(), node=node)

    def hush(self) -> None:
        self.load.hush()

    def seen(self, kind: str) -> int:
        return sum(line["kind"] == kind for line in self.history.lines)


@dataclass
class Result:
    row: Row
    outcome: str
    report: Report | None = None
    note: str = ""
    seconds: float = 0.0
    kept: Path | None = None

    def cells(self, limit: float) -> list[str]:
        if self.report is None:
            return [self.row.title, self.outcome, "", "", "", "", ""]
        report = self.report
        never = report.rules()["missing"]
        late = f"not after {limit:g} s" if never else f"{report.whole:.1f} s"
        figures = (report.acknowledged, report.unknown, report.lost, report.duplicates)
        return [self.row.title, self.outcome, *map(str, figures), late]


async def run_row(row: Row, options: Options) -> Result:
    started = time.monotonic()
    directory = Path(tempfile.mkdtemp(prefix="samband-history-"))
    result = Result(row, "FAIL")
    try:
        async with asyncio.timeout(ROW_SECONDS):
            await attempt(row, options, directory, result)
    except Unavailable as lacking:
        result.outcome, result.note = "SKIPPED", str(lacking)
    except AssertionError as error:
        result.outcome, result.note = "FAIL", str(error)
    except Exception:
        result.outcome, result.note = "FAIL", traceback.format_exc()
    result.seconds = time.monotonic() - started
    keep = options.keep / row.name if options.keep else KEPT / row.name if result.outcome == "FAIL" else None
    if keep:
        shutil.rmtree(keep, ignore_errors=True)
        shutil.copytree(directory, keep)
        result.kept = keep
    shutil.rmtree(directory, ignore_errors=True)
    return result


async def attempt(row: Row, options: Options, directory: Path, result: Result) -> None:
    history = History(directory / "history.jsonl")
    cluster = Cluster(row.layout, options.machine)
    wrong = ""
    try:
        await cluster.start()
        load = Load(cluster, history, row.shape)
        await load.start()
        run = Run(cluster, load, history, options.full)
        try:
            result.note = await row.fault(run) or ""
        except AssertionError as error:
            # What the clients saw is looked at all the same.
            wrong = str(error)
        await run.wait(3, 10)
        await load.stop_sending()
        await load.settle(options.limit)
        await load.final()
    finally:
        history.close()
        await cluster.close(directory)
    result.report = check(history.lines, options.limit)
    problems = ([wrong] if wrong else []) + result.report.lines()
    result.outcome = "FAIL" if problems else "PASS"
    result.note = "; ".join([*problems, result.note] if result.note else problems)


def table(results: list[Result], limit: float) -> list[str]:
    head = ["row", "result", "acknowledged", "unknown", "lost", "duplicates", "whole after"]
    lines = [head, ["---"] * len(head)] + [result.cells(limit) for result in results]
    return ["| " + " | ".join(cells) + " |" for cells in lines]
