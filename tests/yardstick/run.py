#!/usr/bin/env python3
"""samband and ejabberd on the same PostgreSQL in the same run: messages for each second of a core."""

import argparse
import json
import os
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import asdict
from functools import partial
from pathlib import Path

from yard import machine
from yard.ejabberd import Ejabberd
from yard.loop import Sample
from yard.machine import Fault
from yard.nats import Nats
from yard.postgres import Postgres
from yard.samband import Samband, takes
from yard.table import compare, show

HERE = Path(__file__).resolve().parent


def options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("what", choices=["ejabberd", "samband", "all", "floor", "counters"])
    parser.add_argument("--seconds", type=float, default=10, help="of each measurement [%(default)s]")
    parser.add_argument("--warmup", type=float, default=3, help="seconds before it [%(default)s]")
    parser.add_argument("--senders", default="16,64,256", help="[%(default)s]")
    parser.add_argument("--repeat", type=int, default=3, help="turns; the median is shown [%(default)s]")
    parser.add_argument("--bytes", type=int, default=300, help="of a message's text [%(default)s]")
    parser.add_argument("--members", type=int, default=10, help="of each thread or room [%(default)s]")
    parser.add_argument("--pool", type=int, default=10, help="ejabberd's connections to PostgreSQL [its own: 10]")
    parser.add_argument("--samband", type=Path, default=HERE.parents[1] / "target/release/samband", metavar="PATH")
    parser.add_argument("--only", default="", metavar="PART", help="only rows whose name has this in it")
    parser.add_argument("--messages", type=int, default=500, help="of each count of NATS's messages [%(default)s]")
    parser.add_argument(
        "--patience", type=float, default=0, metavar="SECONDS",
        help="to wait for a quiet machine before each measurement, and to take disturbed ones again [%(default)s]",
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write the samples to a file")
    parser.add_argument("--temp", type=Path, metavar="DIR", help="where the databases are made")
    chosen = parser.parse_args()
    chosen.senders = [int(count) for count in chosen.senders.split(",")]
    return chosen


class Run:
    def __init__(self, chosen: argparse.Namespace, root: Path):
        self.chosen, self.root = chosen, root
        self.rows: dict[tuple[str, int], list[Sample]] = {}
        self.notes: list[str] = []
        self.counts: list[dict] = []
        self.turn = 0
        self.samband = root / "samband-under-load"
        self.postgres, self.nats = None, None

    def start(self) -> None:
        what = self.chosen.what
        if what in ("samband", "all", "counters"):
            if not self.chosen.samband.exists():
                raise Fault(f"there is no {self.chosen.samband}: name one with --samband")
            # A copy: another build may replace the original.
            shutil.copy(self.chosen.samband, self.samband)
        self.postgres = Postgres(self.root)
        self.notes.append(f"PostgreSQL {self.postgres.version}, settings of the package: fsync, synchronous_commit on")

    def say(self, text: str) -> None:
        print(f"  {text}", file=sys.stderr, flush=True)

    def keep(self, name: str, sample: Sample) -> None:
        sample.more["turn"] = self.turn
        self.rows.setdefault((name, sample.clients), []).append(sample)
        each = ", ".join(f"{part} {sample.micros(part):.0f} µs" for part in sample.cpu)
        self.say(f"{name}, {sample.clients}: {sample.per_core_second():.0f}/core-s ({each}), others {sample.others:.0%}")

    def take(self, name: str, measure: Callable[[], Sample]) -> None:
        """A measurement, in quiet if there is some to be had."""
        end = time.monotonic() + self.chosen.patience
        while True:
            while time.monotonic() < end and not machine.quiet():
                pass
            sample = measure()
            self.keep(name, sample)
            if sample.others <= machine.QUIET or time.monotonic() >= end:
                return

    def floor(self) -> None:
        for rows in (1, 16):
            name = f"floor: {rows} row{'s' * (rows > 1)} a commit"
            if self.chosen.only in name:
                for clients in [16, 64] if rows == 1 else [1]:
                    args = (self.root, clients, rows, self.chosen.bytes, self.chosen.seconds)
                    self.take(name, partial(self.postgres.floor, *args))

    def ejabberd(self) -> None:
        chosen = self.chosen
        self.note(f"ejabberd {Ejabberd.version()}, {chosen.pool} connections to PostgreSQL")
        for kind in ("rooms", "direct"):
            name = f"ejabberd, {kind}"
            if chosen.only not in name:
                continue
            server = Ejabberd(self.root, self.postgres, max(chosen.senders), chosen.members, chosen.pool)
            try:
                for senders in chosen.senders:
                    args = (kind, senders, chosen.bytes, chosen.warmup, chosen.seconds)
                    self.take(name, partial(server.measure, *args))
            finally:
                server.stop()

    def setups(self) -> list[tuple[str, int, bool, bool]]:
        """Name, nodes, on PostgreSQL, with NATS."""
        setups = [("samband, SQLite", 1, False, False)]
        if takes(self.samband, "--store"):
            setups.append(("samband, PostgreSQL", 1, True, False))
            if takes(self.samband, "--bus"):
                setups.append(("samband, PostgreSQL, NATS", 1, True, True))
                setups.append(("samband, 2 nodes", 2, True, True))
        else:
            self.note("this samband has no --store: only SQLite was measured")
        return [setup for setup in setups if self.chosen.only in setup[0]]

    def note(self, text: str) -> None:
        if text not in self.notes:
            self.notes.append(text)

    def bus(self) -> Nats:
        if not self.nats:
            self.nats = Nats(self.root)
            self.note(f"NATS {self.nats.version}")
        return self.nats

    def nodes(self) -> None:
        chosen = self.chosen
        for name, nodes, on_postgres, with_bus in self.setups():
            stores = (self.postgres if on_postgres else None, self.bus() if with_bus else None)
            cluster = Samband(self.root, self.samband, nodes, *stores)
            try:
                cluster.prepare(max(chosen.senders), chosen.members)
                for senders in chosen.senders:
                    args = (senders, chosen.bytes, chosen.warmup, chosen.seconds)
                    self.take(name, partial(cluster.measure, *args))
                self.say(f"{name}: {cluster.verify()} messages are in their threads")
            finally:
                cluster.stop()

    def counters(self) -> None:
        if not (takes(self.samband, "--store") and takes(self.samband, "--bus")):
            self.note("this samband has no --store and --bus: NATS's messages were not counted")
            return
        cluster = Samband(self.root, self.samband, 2, self.postgres, self.bus())
        try:
            for members in (10, 10_000):
                for where in ([], [0], [1], [0, 1]):
                    counted = cluster.counted(members, where, self.chosen.messages)
                    self.say(f"thread of {members}, connected to {where}: {counted['per']} published, delivered")
                    self.counts.append(counted)
        finally:
            cluster.stop()

    def run(self) -> None:
        what = self.chosen.what
        self.start()
        for turn in range(1 if what == "counters" else self.chosen.repeat):
            self.turn = turn + 1
            self.say(f"turn {self.turn}")
            if what != "counters":
                self.floor()
            if what in ("ejabberd", "all"):
                self.ejabberd()
            if what in ("samband", "all"):
                self.nodes()
        if what in ("samband", "all", "counters"):
            self.counters()

    def stop(self) -> None:
        for server in (self.nats, self.postgres):
            if server:
                server.stop()

    def report(self) -> None:
        print(machine.description())
        chosen = self.chosen
        print(
            f"servers on core {machine.SERVERS}, load on core {machine.LOAD}; {chosen.bytes}-byte messages, threads of {chosen.members}, "
            f"{chosen.seconds:g} s each, {chosen.repeat} turns, the median of the quiet ones"
        )
        print("; ".join(self.notes) + "\n")
        print(show(self.rows, self.counts))
        print(compare(self.rows))
        if chosen.json:
            samples = [{"name": name} | asdict(sample) for (name, _), all_of in self.rows.items() for sample in all_of]
            chosen.json.write_text(json.dumps({"samples": samples, "counts": self.counts}, indent=1))


def main() -> int:
    chosen = options()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    os.sched_setaffinity(0, {machine.LOAD})
    root = Path(tempfile.mkdtemp(prefix="yardstick-", dir=chosen.temp))
    root.chmod(0o755)
    run = Run(chosen, root)
    try:
        run.run()
    except Fault as fault:
        print(f"the run is void: {fault}", file=sys.stderr)
        return 1
    finally:
        run.stop()
        shutil.rmtree(root, ignore_errors=True)
        if run.rows or run.counts:
            run.report()
    return 0


if __name__ == "__main__":
    sys.exit(main())
