#!/usr/bin/env python3
"""Microsoft's own SDKs against a running server.

    run.py install                 fetch the packages (no server needed)
    run.py run [--only NAME]...    run the suites, compare with results.md and matrix.md
    run.py run --update            run the suites, rewrite results.md, matrix.md and coverage.json
    run.py list                    name the suites
    run.py lock                    rewrite js/package.json and its lock from scenario.toml

Without --all these take the thinned set that CI runs; with --all every suite,
and `run` then also asks the registries whether they have releases that
matrix.md has not.

The server is described by the environment that `samband run -- ...` sets:
COMMUNICATION_SERVICES_CONNECTION_STRING and the variables that make the
languages trust its certificate. Real ACS works too: nothing else differs.
"""

import argparse
import os
import sys
import time
from concurrent.futures import ThreadPoolExecutor

from runner import coverage, install, matrix, results, suites
from runner.scenario import Scenario


def main() -> int:
    arguments = parse_arguments()
    scenario = Scenario.load()
    chosen = scenario.choose(arguments.only, arguments.all)
    if arguments.command == "list":
        for suite in chosen:
            print(suite.name, "=", suite.describe())
    elif arguments.command == "install":
        install.install(chosen)
    elif arguments.command == "lock":
        install.lock(scenario.suites)
    else:
        return run(scenario, chosen, arguments)
    return 0


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(dest="command", required=True)
    for name in ("install", "run", "list", "lock"):
        command = commands.add_parser(name)
        command.add_argument("--only", action="append", metavar="NAME", help="a suite, or a prefix ending in *")
        command.add_argument("--all", action="store_true", help="the whole matrix")
        if name == "run":
            command.add_argument("--update", action="store_true", help="rewrite the tables")
            command.add_argument("--jobs", type=int, default=os.cpu_count(), help="suites at a time")
    return parser.parse_args()


def run(scenario: Scenario, chosen: list, arguments: argparse.Namespace) -> int:
    if not os.environ.get("COMMUNICATION_SERVICES_CONNECTION_STRING"):
        print("COMMUNICATION_SERVICES_CONNECTION_STRING is not set: there is no server to test", file=sys.stderr)
        return 2
    install.install(chosen)
    started = time.monotonic()
    if arguments.update:
        outcomes, used = one_at_a_time(scenario, chosen)
    else:
        # The longest list of checks does not come last, to be waited for alone.
        by_length = sorted(chosen, key=lambda suite: -len(scenario.checks_of(suite)))
        with ThreadPoolExecutor(arguments.jobs) as pool:
            outcomes = sum(pool.map(lambda suite: suites.run_suite(scenario, suite), by_length), [])
    seconds = time.monotonic() - started

    failures = [outcome for outcome in outcomes if not outcome.passed]
    results.write_json(outcomes)
    complaints = []
    if arguments.update:
        coverage.write(used)
        matrix.write_table(scenario, results.write_table(scenario, outcomes))
    else:
        for suite_name, check in results.lost_cells(chosen, outcomes):
            complaints.append(f"LOST {suite_name} {check}: results.md says it passes")
        for package in matrix.lost_releases(scenario):
            complaints.append(f"LOST {package.name} {package.release}: matrix.md lists it")
    if arguments.all:
        for package in matrix.missing_releases(scenario):
            complaints.append(f"MISSING {package.name} {package.release}: its registry lists it, matrix.md does not")
    for complaint in complaints:
        print(complaint)
    print(f"{len(chosen)} suites in {seconds:.0f} s")
    print(f"{len(outcomes) - len(failures)} passed, {len(failures)} failed")
    return 1 if failures or complaints else 0


def one_at_a_time(scenario: Scenario, chosen: list) -> tuple[list, dict[str, list[str]]]:
    """Only so the server's counters tell what each suite has used."""
    outcomes, used = [], {}
    for suite in chosen:
        before = coverage.snapshot()
        outcomes += suites.run_suite(scenario, suite)
        used[suite.name] = coverage.used_since(before)
    return outcomes, used


if __name__ == "__main__":
    sys.exit(main())
