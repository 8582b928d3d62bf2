"""Lines of outcomes, as all suites print them, and their count at the end."""

import traceback

from .processes import Unavailable


class Outcomes:
    def __init__(self) -> None:
        self.passed = self.failed = self.skipped = 0

    def passes(self, name: str, more: str = "") -> None:
        self.passed += 1
        print(f"PASS {name}{more and ': ' + more}", flush=True)

    def fails(self, name: str, why: object) -> None:
        self.failed += 1
        print(f"FAIL {name}: {why}", flush=True)

    def skips(self, name: str, why: object) -> None:
        self.skipped += 1
        print(f"SKIPPED {name}: {why}", flush=True)

    def run(self, name: str, check) -> None:
        try:
            check()
        except Unavailable as lacking:
            self.skips(name, lacking)
        except AssertionError as error:
            self.fails(name, error)
        except Exception:
            self.fails(name, traceback.format_exc())
        else:
            self.passes(name)

    def end(self) -> int:
        print(f"{self.passed} passed, {self.failed} failed")
        return 1 if self.failed or not self.passed + self.skipped else 0
