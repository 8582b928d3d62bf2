"""The figures as one table, and held against each other."""

import math
import statistics
from collections.abc import Callable

from .loop import Sample
from .machine import QUIET

Rows = dict[tuple[str, int], list[Sample]]


def median(samples: list[Sample]) -> Sample:
    """The middle one by CPU for a message; of two the better; of those taken in quiet, if any were."""
    ordered = sorted(
        [sample for sample in samples if sample.others <= QUIET] or samples, key=lambda sample: sample.micros()
    )
    return ordered[(len(ordered) - 1) // 2]


def lines(table: list[list[str]]) -> str:
    """The first column to the left, the others to the right."""
    widths = [max(len(row[at]) for row in table) for at in range(len(table[0]))]
    text = ""
    for row in table:
        cells = [cell.ljust(width) if at == 0 else cell.rjust(width) for at, (cell, width) in enumerate(zip(row, widths))]
        text += "  ".join(cells).rstrip() + "\n"
    return text


def number(value: float, digits: int = 0) -> str:
    return "" if math.isnan(value) else f"{value:.{digits}f}"


def show(rows: Rows, counts: list[dict]) -> str:
    head = "row,senders,server/core-s,all/core-s,from,to,quiet,server µs,postgres µs,nats µs,all µs,commits,WAL B,/s,p50 ms,p99 ms,load,others"
    table = [head.split(",")]
    for (name, senders), samples in sorted(rows.items(), key=lambda row: list(rows).index(row[0])):
        middle = median(samples)
        each = [sample.per_core_second() for sample in samples]
        cpu = lambda part: number(middle.micros(part), 1) if part in middle.cpu else ""  # noqa: E731
        table.append(
            [name, str(senders)]
            + [number(middle.per_core_second("server")) if "server" in middle.cpu else ""]
            + [number(middle.per_core_second()), number(min(each)), number(max(each))]
            + [f"{sum(sample.others <= QUIET for sample in samples)} of {len(samples)}"]
            + [cpu("server"), cpu("postgres"), cpu("nats"), number(middle.micros(), 1)]
            + [number(middle.more.get("commits", math.nan), 2), number(middle.more.get("wal", math.nan))]
            + [number(middle.messages / middle.wall), number(middle.p50 * 1e3, 1), number(middle.p99 * 1e3, 1)]
            + [f"{middle.load:.0%}", f"{middle.others:.0%}"]
        )
    text = lines(table) if len(table) > 1 else ""
    if counts:
        table = ["NATS's messages,members,connected to,published,delivered,idle in/s,idle out/s".split(",")]
        for count in counts:
            where = "+".join("AB"[at] for at in count["connected"]) or "none"
            cells = [f"{value:.3f}" for value in count["per"]] + [f"{value:.1f}" for value in count["idle"]]
            table.append(["a message through A", str(count["members"]), where, *cells])
        text += "\n" + lines(table)
    return text


def by_turn(samples: list[Sample]) -> dict[int, Sample]:
    """Of each turn the quietest."""
    turns: dict[int, Sample] = {}
    for sample in sorted(samples, key=lambda sample: -sample.others):
        turns[sample.more["turn"]] = sample
    return turns


def ratios(over: list[Sample], under: list[Sample], figure: Callable[[Sample], float]) -> list[float]:
    """One for each turn that has both, in order: what disturbs a turn disturbs both."""
    upper, lower = by_turn(over), by_turn(under)
    return sorted(figure(upper[turn]) / figure(lower[turn]) for turn in upper.keys() & lower.keys())


def compare(rows: Rows) -> str:
    """The aims, at each number of senders: the median of the turns' ratios, and their range."""
    said = []

    def say(senders: int, what: str, found: list[float], aim: str, reached: Callable[[float], bool]) -> None:
        if found:
            middle = statistics.median(found)
            verdict = f"; {'reached' if reached(middle) else 'missed'} ({aim})" if aim else ""
            said.append(f"{senders} senders: {what}: {middle:.2f} ({found[0]:.2f} to {found[-1]:.2f}){verdict}")

    for senders in sorted({senders for _, senders in rows}):
        get = lambda name: rows.get((name, senders), [])  # noqa: B023, E731
        lite, one, two = get("samband, SQLite"), get("samband, PostgreSQL"), get("samband, 2 nodes")
        bus = get("samband, PostgreSQL, NATS")
        rivals = [rival for rival in (get("ejabberd, rooms"), get("ejabberd, direct")) if rival]
        if rivals:
            rival = max(rivals, key=lambda samples: median(samples).per_core_second())
            each = Sample.per_core_second
            what = "samband and PostgreSQL, to ejabberd and PostgreSQL"
            say(senders, what, ratios(one, rival, each), "at least 4", lambda ratio: ratio >= 4)
            own = {id(sample): each(sample, "server") for sample in rival}
            what = "samband and PostgreSQL, to ejabberd's own CPU alone"
            say(senders, what, ratios(one, rival, lambda sample: own.get(id(sample), each(sample))), "", bool)
        own_cpu = lambda sample: sample.micros("server")  # noqa: E731
        what = "samband's own CPU on PostgreSQL, to that on SQLite"
        say(senders, what, ratios(one, lite, own_cpu), "at most 1.7", lambda ratio: ratio <= 1.7)
        for name, base in (("one node", one), ("one node with NATS", bus)):
            what = f"CPU in all processes on two nodes, to {name}"
            say(senders, what, ratios(two, base, Sample.micros), "less than 1.15", lambda ratio: ratio < 1.15)
        # As many senders on each node: batches are as large.
        half = rows.get(("samband, PostgreSQL, NATS", senders // 2), []) if senders % 2 == 0 else []
        what = f"CPU in all processes on two nodes, to one node with NATS and {senders // 2} senders"
        say(senders, what, ratios(two, half, Sample.micros), "less than 1.15", lambda ratio: ratio < 1.15)
    return "\n".join(said)
