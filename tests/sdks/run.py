#!/usr/bin/env python3
"""Run Microsoft's unmodified SDKs against a server that speaks their protocol.

    run.py install                 fetch the packages (no server needed)
    run.py run [--only NAME]...    run the suites, compare with results.md
    run.py run --update            run the suites, rewrite results.md and coverage.json
    run.py list                    name the suites

The server is described by the environment that `samband run -- ...` sets:
COMMUNICATION_SERVICES_CONNECTION_STRING and the variables that make the
languages trust its certificate. Real ACS works too: nothing else differs.
"""

import argparse
import os
import sys

from runner import coverage, install, results, suites
from runner.scenario import Scenario


def main() -> int:
    arguments = parse_arguments()
    scenario = Scenario.load()
    if arguments.command == "list":
        for suite in scenario.suites:
            print(suite.name, "=", suite.describe())
        return 0
    chosen = scenario.choose(arguments.only)
    if arguments.command == "install":
        install.install(chosen)
        return 0
    return run(scenario, chosen, arguments.update)


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(dest="command", required=True)
    for name in ("install", "run", "list"):
        command = commands.add_parser(name)
        command.add_argument("--only", action="append", metavar="NAME", help="a suite, or a prefix ending in *")
        if name == "run":
            command.add_argument("--update", action="store_true", help="rewrite results.md")
    return parser.parse_args()


def run(scenario: Scenario, chosen: list, update: bool) -> int:
    if not os.environ.get("COMMUNICATION_SERVICES_CONNECTION_STRING"):
        print("COMMUNICATION_SERVICES_CONNECTION_STRING is not set: there is no server to test", file=sys.stderr)
        return 2
    install.install(chosen)
    outcomes = []
    used = {}
    for suite in chosen:
        before = coverage.snapshot()
        outcomes += suites.run_suite(scenario, suite)
        used[suite.name] = coverage.used_since(before)

    failures = [outcome for outcome in outcomes if not outcome.passed]
    results.write_json(outcomes)
    lost = []
    if update:
        results.write_table(scenario, chosen, outcomes)
        coverage.write(used)
    else:
        lost = results.lost_cells(chosen, outcomes)
        for suite_name, check in lost:
            print(f"LOST {suite_name} {check}: results.md says it passes")
    print(f"{len(outcomes) - len(failures)} passed, {len(failures)} failed")
    return 1 if failures or lost else 0


if __name__ == "__main__":
    sys.exit(main())
