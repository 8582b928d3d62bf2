"""matrix.md: every release of every package, and what of it works here.

Made from results.md's cells and from coverage.json, so that it cannot say more
than what ran. It may only grow, too: a release that is in it stays in it.
"""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from . import coverage, registry
from .results import Cells, row
from .scenario import HERE, Package, Registered, Scenario, Suite, order

TABLE = HERE / "matrix.md"
INTRODUCTION = """\
# Every release of the SDKs

Written by `run.py run --all --update`. The api-version is what the server saw
the release send. Checks: how many pass, of how many that the release can run,
for each suite that is about it; [results.md](results.md) names them and says
why a check cannot run somewhere. `ci` marks what `run.py run` takes.
"""


def covered(scenario: Scenario) -> dict[Package, list[Suite]]:
    found: dict[Package, list[Suite]] = {}
    for suite in scenario.suites:
        for package in suite.subjects():
            found.setdefault(package, []).append(suite)
    return found


def write_table(scenario: Scenario, cells: Cells) -> None:
    text = INTRODUCTION
    suites = covered(scenario)
    sent = coverage.read()
    for package in scenario.packages:
        releases = {found.release for found in suites if found.name == package.name} | set(package.cannot)
        text += f"\n## {package.name} ({package.registry})\n\n" + (f"{package.note}\n\n" if package.note else "")
        text += row(["release", "api-version", "checks", "ci"]) + row(["---"] * 4)
        for release in sorted(releases, key=order):
            about = suites.get(Package(package.name, release), [])
            text += row(cells_of(scenario, package, release, about, cells, sent))
    TABLE.write_text(text, encoding="utf-8")


def cells_of(
    scenario: Scenario, package: Registered, release: str, suites: list[Suite], cells: Cells, sent: dict[str, list[str]]
) -> list[str]:
    if release in package.cannot:
        return [release, "-", f"cannot run: {package.cannot[release]}", ""]
    versions = sorted(
        {line.split()[2] for suite in suites for line in sent.get(suite.name, []) if line.startswith(package.service)}
    )
    counts = [count(scenario, package, suite, cells) for suite in suites]
    return [release, ", ".join(versions) or "-", ", ".join(counts), "ci" if any(suite.ci for suite in suites) else ""]


def count(scenario: Scenario, package: Registered, suite: Suite, cells: Cells) -> str:
    # A chat release is behind every check; an identity release behind those of identity.
    checks = [
        check for check in scenario.checks_of(suite) if package.service == "chat" or check.service == package.service
    ]
    passed = sum(cells.get((suite.name, check.id)) == "pass" for check in checks)
    return f"{suite.name} {passed}/{len(checks)}"


def read_table(path: Path = TABLE) -> set[Package]:
    found: set[Package] = set()
    name = ""
    for line in path.read_text(encoding="utf-8").splitlines() if path.is_file() else []:
        if line.startswith("## "):
            name = line.split()[1]
        elif line.startswith("| ") and not line.startswith(("| ---", "| release")):
            found.add(Package(name, line.split("|")[1].strip()))
    return found


def lost_releases(scenario: Scenario) -> list[Package]:
    """Releases that the table lists and that no suite is about any more."""
    return sorted(read_table() - set(covered(scenario)) - excused(scenario))


def missing_releases(scenario: Scenario) -> list[Package]:
    """Releases that a registry lists and that the table does not."""
    known = read_table()
    with ThreadPoolExecutor() as pool:
        listed = list(pool.map(registry.releases, scenario.packages))
    return [
        Package(package.name, release)
        for package, releases in zip(scenario.packages, listed)
        for release in releases or []
        if Package(package.name, release) not in known
    ]


def excused(scenario: Scenario) -> set[Package]:
    return {Package(package.name, release) for package in scenario.packages for release in package.cannot}
