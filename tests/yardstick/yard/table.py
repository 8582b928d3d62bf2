"""The figures as one table, and held against each other."""

import math

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
    head = "row,senders,server/core-s,all/core-s,from,to,quiet,server µs,postgres µs,nats µs,all µs,/s,p50 ms,p99 ms,load,others"
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


def compare(rows: Rows) -> str:
    """The aims, by numbers of senders."""
    said = []
    of = {key: median(samples) for key, samples in rows.items()}
    verdict = lambda reached, aim: f"{'reached' if reached else 'missed'} ({aim})"  # noqa: E731
    for senders in sorted({senders for _, senders in of}):
        get = lambda name: of.get((name, senders))  # noqa: B023, E731
        rivals = [sample for sample in (get("ejabberd, rooms"), get("ejabberd, direct")) if sample]
        lite, one, bus, two = map(
            get, ("samband, SQLite", "samband, PostgreSQL", "samband, PostgreSQL, NATS", "samband, 2 nodes")
        )
        if one and rivals:
            together = one.per_core_second() / max(rival.per_core_second() for rival in rivals)
            alone = one.per_core_second() / max(rival.per_core_second("server") for rival in rivals)
            said.append(
                f"{senders} senders: a node with PostgreSQL does {together:.2f} times ejabberd with PostgreSQL, "
                f"{verdict(together >= 4, 'at least 4')}; {alone:.2f} times ejabberd's own CPU alone"
            )
        if one and lite:
            ratio = one.micros("server") / lite.micros("server")
            said.append(
                f"{senders} senders: samband's own CPU is {ratio:.2f} times that on SQLite, "
                f"{verdict(ratio <= 1.7, 'at most 1.7')}"
            )
        for name, base in (("one node", one), ("one node with NATS", bus)):
            if two and base:
                more = two.micros() / base.micros() - 1
                said.append(
                    f"{senders} senders: from {name} to two, CPU in all processes changes by {more:+.1%}, "
                    f"{verdict(more < 0.15, 'less than +15%')}"
                )
    return "\n".join(said)
