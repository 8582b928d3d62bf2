"""What is to be proven, read from scenario.toml."""

import fnmatch
import re
import sys
import tomllib
from dataclasses import dataclass, field
from pathlib import Path

HERE = Path(__file__).resolve().parent.parent

# As pip and npm write it: name==1.0.0b1, @scope/name@1.0.0-beta.1.
PACKAGE = re.compile(r"(?P<name>.+?)(?:==|@(?=\d))(?P<release>.+)")
RELEASE = re.compile(r"(\d+)\.(\d+)\.(\d+)(?:(?:b|-beta\.)(\d+))?")


@dataclass(frozen=True, order=True)
class Package:
    name: str
    release: str

    @classmethod
    def parse(cls, text: str) -> "Package":
        match = PACKAGE.fullmatch(text)
        assert match and RELEASE.fullmatch(match["release"]), f"not a package with its release: {text}"
        return cls(match["name"], match["release"])

    @property
    def short(self) -> str:
        """chat-1.0.0: what the release is called where it is installed."""
        return f"{self.name.rpartition('communication-')[2]}-{self.release}"


def order(release: str) -> tuple[int, ...]:
    """Releases in the order in which they came; a beta is before its release."""
    *numbers, beta = RELEASE.fullmatch(release).groups()
    return (*map(int, numbers), *((0, int(beta)) if beta else (1, 0)))


@dataclass(frozen=True)
class Registered:
    """A package whose every release is in the matrix."""

    name: str
    registry: str
    service: str
    # What of it no suite is about.
    note: str = ""
    # Releases that cannot run here, and exactly why.
    cannot: dict = field(default_factory=dict, hash=False)


@dataclass(frozen=True)
class Family:
    """Suites that share a table, and the checks that they run."""

    name: str
    heading: str
    checks: tuple[str, ...]


@dataclass(frozen=True)
class Suite:
    name: str
    family: str
    driver: str
    packages: tuple[Package, ...]
    # What has to be installed with them and is not under test.
    beside: tuple[str, ...] = ()
    # Which of the packages the suite is about; the others only help.
    about: tuple[str, ...] = ()
    mode: str = ""
    ci: bool = False

    @property
    def venv(self) -> str:
        """Suites of the same packages share an installation."""
        return "+".join((*(package.short for package in self.packages), *self.beside))

    def describe(self) -> str:
        wanted = ", ".join(f"{package.name} {package.release}" for package in self.packages)
        return wanted + (f" ({self.mode})" if self.mode else "")

    def subjects(self) -> tuple[Package, ...]:
        return tuple(package for package in self.packages if not self.about or package.name in self.about)

    def release_of(self, name: str) -> str | None:
        return next((package.release for package in self.packages if package.name == name), None)


@dataclass(frozen=True)
class Check:
    id: str
    title: str
    seed: str
    service: str = "chat"
    # The release of a package with which the call or the option came.
    since: dict = field(default_factory=dict, hash=False)
    # Releases of a package that have it at all: betas had things that their releases had not.
    only: dict = field(default_factory=dict, hash=False)
    not_in: dict = field(default_factory=dict, hash=False)

    def reason_absent_from(self, suite: Suite) -> str | None:
        """Why this check cannot apply to a suite of its family."""
        for pattern, reason in self.not_in.items():
            if fnmatch.fnmatchcase(suite.name, pattern):
                return reason
        for package in suite.packages:
            first = self.since.get(package.name)
            if first and order(package.release) < order(first):
                return f"came with {package.name} {first}"
            some = self.only.get(package.name)
            if some is not None and package.release not in some:
                return f"only in {package.name} {', '.join(some)}" if some else f"not in {package.name}"
        return None


@dataclass(frozen=True)
class Scenario:
    packages: list[Registered]
    families: list[Family]
    suites: list[Suite]
    checks: list[Check]

    @classmethod
    def load(cls) -> "Scenario":
        raw = tomllib.loads((HERE / "scenario.toml").read_text(encoding="utf-8"))
        packages = [Registered(**package) for package in raw["package"]]
        families = [Family(**{**family, "checks": tuple(family["checks"])}) for family in raw["family"]]
        suites = [suite for entry in raw["suite"] for suite in suites_of(entry)]
        checks = [Check(**check) for check in raw["check"]]
        for things in ([check.id for check in checks], [suite.name for suite in suites]):
            assert len(things) == len(set(things)), "scenario.toml names a check or a suite twice"
        known = {family.name for family in families}
        assert all(suite.family in known for suite in suites), "a suite's family is not there"
        return cls(packages, families, suites, checks)

    def choose(self, names: list[str] | None, everything: bool) -> list[Suite]:
        if not names:
            return [suite for suite in self.suites if everything or suite.ci]
        for name in names:
            if not any(fnmatch.fnmatchcase(suite.name, name) for suite in self.suites):
                sys.exit(f"no suite is called {name}; see `run.py list`")
        return [suite for suite in self.suites if any(fnmatch.fnmatchcase(suite.name, name) for name in names)]

    def family_checks(self, family: Family) -> list[Check]:
        return [
            check
            for check in self.checks
            if any(fnmatch.fnmatchcase(check.id, pattern) for pattern in family.checks)
        ]

    def checks_of(self, suite: Suite) -> list[Check]:
        family = next(family for family in self.families if family.name == suite.family)
        return [check for check in self.family_checks(family) if check.reason_absent_from(suite) is None]


def suites_of(entry: dict) -> list[Suite]:
    """One suite per mode: NAME is the synchronous one, NAME-aio the other."""
    entry = dict(entry)
    modes = entry.pop("modes", [""])
    beside_aio = entry.pop("beside_aio", None)
    ci = entry.pop("ci", False)
    for name in ("packages", "beside", "about"):
        entry[name] = tuple(entry.get(name, ()))
    entry["packages"] = tuple(Package.parse(text) for text in entry["packages"])
    name = entry.pop("name")
    suites = []
    for mode in modes:
        mine = dict(entry, ci=ci is True or mode in (ci or ()))
        if mode == "aio" and beside_aio:
            mine["beside"] = tuple(beside_aio)
        suites.append(Suite(name=name + ("-aio" if mode == "aio" else ""), mode=mode, **mine))
    return suites
