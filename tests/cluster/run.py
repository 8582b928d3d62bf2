#!/usr/bin/env python3
"""A cluster of samband nodes on PostgreSQL and NATS, broken in every way, and what its clients saw.

    run.py faults [--short | --full] [ROW...]   the fault table
    run.py prove [--weakened BINARY]            show that the checker can fail
    run.py unit                                 the checker against histories made by hand (no server needed)
    run.py check FILE...                        check histories again that were kept
    run.py list                                 name the rows
    run.py up [--nodes N] -- COMMAND...         a command beside a cluster, as `samband run` runs it

PostgreSQL, NATS and the nodes run on the loopback address with data in a temporary directory.
"""

import argparse
import asyncio
import os
import signal
import sys
from pathlib import Path

from checks import bus, database, nodes  # noqa: F401, they add their rows
from checks.checker import check
from checks.prove import prove
from checks.test_checker import CASES
from runner import history
from runner.cluster import Machine
from runner.node import BINARY
from runner.outcomes import Outcomes
from runner.rows import ROWS, WHOLE_SECONDS, Options, Row, run_row, table
from runner.up import Plan, up


def main() -> int:
    arguments = parse_arguments()
    # What is open is closed then: data, mounts, processes.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    return {"faults": faults, "prove": proof, "unit": unit, "check": again, "list": names, "up": beside}[arguments.do](arguments)


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(dest="do", required=True)

    def command(name: str, *, server: bool) -> argparse.ArgumentParser:
        made = commands.add_parser(name)
        more = f"seconds on top of the {WHOLE_SECONDS} in which a listener must be whole"
        made.add_argument("--margin", type=float, default=1.0, help=more)
        if server:
            default = Path(os.environ.get("SAMBAND_BIN", BINARY))
            made.add_argument("--binary", type=Path, default=default, help="the node; or SAMBAND_BIN")
            made.add_argument("--store", choices=["postgres", "sqlite"], default="postgres", help="sqlite: one node by itself")
        return made

    for name in ("faults", "prove"):
        made = command(name, server=True)
        length = made.add_mutually_exclusive_group()
        length.add_argument("--short", action="store_true", help="each fault once, for seconds (the default)")
        length.add_argument("--full", action="store_true", help="longer, and again and again")
        made.add_argument("--keep", type=Path, metavar="DIRECTORY", help="keep histories and logs of all rows, not only of those that fail")
    commands.choices["faults"].add_argument("rows", nargs="*", metavar="ROW")
    weakened = os.environ.get("SAMBAND_WEAKENED_BIN")
    early = "a build that acknowledges before COMMIT; or SAMBAND_WEAKENED_BIN"
    commands.choices["prove"].add_argument("--weakened", type=Path, default=weakened, help=early)
    command("unit", server=False)
    command("check", server=False).add_argument("files", nargs="+", type=Path, metavar="FILE")
    command("list", server=False)
    made = command("up", server=True)
    made.add_argument("--nodes", type=int, default=2)
    made.add_argument("--kill-one-after", type=float, metavar="SECONDS", help="kill -9 a node")
    made.add_argument("--restart", action="store_true", help="start it again some seconds later")
    made.add_argument("command", nargs="+", metavar="COMMAND")
    return parser.parse_args()


def options_of(arguments: argparse.Namespace) -> Options:
    return Options(machine_of(arguments), arguments.full, arguments.margin, arguments.keep)


def machine_of(arguments: argparse.Namespace) -> Machine:
    return Machine(arguments.binary.absolute(), arguments.store)


def choose(wanted: list[str]) -> list[Row]:
    unknown = set(wanted) - {row.name for row in ROWS}
    if unknown:
        sys.exit(f"no such row: {', '.join(sorted(unknown))}; `run.py list` names them")
    return [row for row in ROWS if not wanted or row.name in wanted]


def faults(arguments: argparse.Namespace) -> int:
    options = options_of(arguments)
    outcomes = Outcomes()
    results = []
    for row in choose(arguments.rows):
        result = asyncio.run(run_row(row, options))
        results.append(result)
        counts = result.report.counts() if result.report else ""
        more = "; ".join(part for part in (counts, result.note) if part)
        told = f"{row.name} ({result.seconds:.0f} s)"
        {"PASS": outcomes.passes, "FAIL": outcomes.fails, "SKIPPED": outcomes.skips}[result.outcome](told, more)
        if result.kept:
            print(f"     kept in {result.kept}", flush=True)
    print("\n" + "\n".join(table(results, options.limit)) + "\n")
    return outcomes.end()


def proof(arguments: argparse.Namespace) -> int:
    outcomes = Outcomes()
    prove(outcomes, options_of(arguments), arguments.weakened and arguments.weakened.absolute())
    return outcomes.end()


def unit(_: argparse.Namespace) -> int:
    outcomes = Outcomes()
    for name, run in CASES:
        outcomes.run(f"checker: {name}", run)
    return outcomes.end()


def again(arguments: argparse.Namespace) -> int:
    outcomes = Outcomes()
    for file in arguments.files:
        report = check(history.read(file), WHOLE_SECONDS + arguments.margin)
        said = "; ".join([report.counts(), *report.lines()])
        (outcomes.passes if report.good else outcomes.fails)(str(file), said)
    return outcomes.end()


def names(_: argparse.Namespace) -> int:
    for row in ROWS:
        print(f"{row.name:18} {row.title}")
    return 0


def beside(arguments: argparse.Namespace) -> int:
    plan = Plan(arguments.command, arguments.nodes, arguments.kill_one_after, arguments.restart)
    return asyncio.run(up(plan, machine_of(arguments)))


if __name__ == "__main__":
    sys.exit(main())
