"""What is to be proven, read from scenario.toml."""

import fnmatch
import sys
import tomllib
from dataclasses import dataclass, field
from pathlib import Path

HERE = Path(__file__).resolve().parent.parent


@dataclass(frozen=True)
class Suite:
    name: str
    family: str
    driver: str
    packages: tuple[str, ...]
    mode: str = ""
    venv: str = ""

    def describe(self) -> str:
        return ", ".join(self.packages) + (f" ({self.mode})" if self.mode else "")


@dataclass(frozen=True)
class Check:
    id: str
    title: str
    seed: str
    family: str = "ga"
    not_in: dict = field(default_factory=dict, hash=False)

    def reason_absent_from(self, suite: Suite) -> str | None:
        """Why this check cannot apply to a suite of its family."""
        for pattern, reason in self.not_in.items():
            if fnmatch.fnmatchcase(suite.name, pattern):
                return reason
        return None


@dataclass(frozen=True)
class Scenario:
    suites: list[Suite]
    checks: list[Check]

    @classmethod
    def load(cls) -> "Scenario":
        raw = tomllib.loads((HERE / "scenario.toml").read_text(encoding="utf-8"))
        suites = [Suite(**{**suite, "packages": tuple(suite["packages"])}) for suite in raw["suite"]]
        checks = [Check(**check) for check in raw["check"]]
        ids = [check.id for check in checks]
        assert len(ids) == len(set(ids)), "scenario.toml names a check twice"
        return cls(suites, checks)

    def choose(self, names: list[str] | None) -> list[Suite]:
        if not names:
            return self.suites
        for name in names:
            if not any(fnmatch.fnmatchcase(suite.name, name) for suite in self.suites):
                sys.exit(f"no suite is called {name}; see `run.py list`")
        return [suite for suite in self.suites if any(fnmatch.fnmatchcase(suite.name, name) for name in names)]

    def checks_of(self, suite: Suite) -> list[Check]:
        return [
            check
            for check in self.checks
            if check.family == suite.family and check.reason_absent_from(suite) is None
        ]
