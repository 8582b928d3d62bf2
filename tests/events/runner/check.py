"""Checks: functions with a name that raise when something is wrong. Prints each one's outcome."""

import threading
import time
import traceback
from dataclasses import dataclass
from typing import Callable


class Skip(Exception):
    """The check cannot run here."""


@dataclass
class Check:
    name: str
    run: Callable[[], None]


class Group:
    """Checks that run one after another. A group in the background runs beside all others."""

    def __init__(self, background: bool = False):
        self.background = background
        self.checks: list[Check] = []

    def check(self, name: str) -> Callable:
        def add(function: Callable) -> Callable:
            self.checks.append(Check(name, function))
            return function

        return add


def expect(condition: object, why: object) -> None:
    if not condition:
        raise AssertionError(why)


class Outcomes:
    def __init__(self) -> None:
        self.passed = self.failed = 0
        self.lock = threading.Lock()

    def run(self, check: Check) -> None:
        started = time.monotonic()
        try:
            check.run()
            line = f"PASS {check.name} ({time.monotonic() - started:.1f} s)"
        except Skip as skip:
            line = f"SKIPPED {check.name}: {skip}"
        except AssertionError as error:
            line = f"FAIL {check.name}: {error}"
        except Exception:
            line = f"FAIL {check.name}: {traceback.format_exc()}"
        with self.lock:
            self.passed += line.startswith("PASS")
            self.failed += line.startswith("FAIL")
            print(line, flush=True)


def run_all(groups: list[Group], only: str) -> int:
    outcomes = Outcomes()

    def run(group: Group) -> None:
        for check in group.checks:
            if only in check.name:
                outcomes.run(check)

    beside = [threading.Thread(target=run, args=(group,)) for group in groups if group.background]
    for thread in beside:
        thread.start()
    for group in groups:
        if not group.background:
            run(group)
    for thread in beside:
        thread.join()
    print(f"{outcomes.passed} passed, {outcomes.failed} failed")
    return 1 if outcomes.failed or not outcomes.passed else 0
