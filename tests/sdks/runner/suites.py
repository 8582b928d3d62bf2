"""Run one suite in a process of its own and read what it reports.

A driver gets the ids to prove as arguments and writes one JSON object per
line: {"id": ..., "ok": true} or {"id": ..., "ok": false, "error": ...}.
"""

import json
import os
import subprocess
import threading
from dataclasses import dataclass

from .install import JS, python_of
from .scenario import HERE, Scenario, Suite

# A server that answers nothing must not hold up the build for ever.
SUITE_TIMEOUT_SECONDS = 600


@dataclass(frozen=True)
class Outcome:
    suite: str
    check: str
    passed: bool
    error: str = ""


def run_suite(scenario: Scenario, suite: Suite) -> list[Outcome]:
    expected = [check.id for check in scenario.checks_of(suite)]
    reported: dict[str, Outcome] = {}
    process = subprocess.Popen(
        command(suite) + expected,
        cwd=HERE,
        env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1", "PYTHONUTF8": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        encoding="utf-8",
    )
    complaints: list[str] = []
    listener = threading.Thread(target=lambda: complaints.extend(process.stderr), daemon=True)
    listener.start()
    alarm = threading.Timer(SUITE_TIMEOUT_SECONDS, process.kill)
    alarm.start()
    try:
        for line in process.stdout:
            outcome = read_report(suite, line)
            if outcome and outcome.check in expected and outcome.check not in reported:
                reported[outcome.check] = announce(outcome)
        process.wait()
    finally:
        alarm.cancel()
        listener.join(timeout=5)

    why = f"not reported (the driver ended with {process.returncode})"
    for check in expected:
        if check not in reported:
            reported[check] = announce(Outcome(suite.name, check, False, why))
    if process.returncode and complaints:
        print("".join(complaints[-40:]))
    return list(reported.values())


def command(suite: Suite) -> list[str]:
    if suite.driver == "js":
        return ["node", str(JS / "driver.mjs"), ",".join(package.short for package in suite.packages)]
    return [str(python_of(suite)), str(HERE / suite.driver / "driver.py"), suite.mode]


def read_report(suite: Suite, line: str) -> Outcome | None:
    try:
        report = json.loads(line)
        return Outcome(suite.name, report["id"], report["ok"] is True, report.get("error", ""))
    except (ValueError, KeyError, TypeError):
        print(f"  {suite.name}: {line.rstrip()}")
        return None


def announce(outcome: Outcome) -> Outcome:
    word = "PASS" if outcome.passed else "FAIL"
    line = f"{word} {outcome.suite} {outcome.check}" + (f": {outcome.error}" if outcome.error else "")
    # In one piece: suites run beside each other.
    print(line + "\n", end="", flush=True)
    return outcome
