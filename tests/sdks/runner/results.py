"""results.md: what passes, in git. It may only grow.

One table per family. First column the check, last column its title, one
column per suite between; a cell is `pass`, `n/a` with the number of a reason
below the table, or `-` (not yet).
"""

import json
from pathlib import Path

from .install import cache
from .scenario import HERE, Check, Family, Scenario, Suite
from .suites import Outcome

TABLE = HERE / "results.md"
INTRODUCTION = """\
# What Microsoft's SDKs prove

Written by `run.py run --update`. `run.py run` fails when a cell that says
`pass` here does not pass any more. `-` is not there yet; `n/a` with a number
has its reason below the table. [matrix.md](matrix.md) is the short form: every
release and how much of this it passes.
"""

Cells = dict[tuple[str, str], str]


def write_json(outcomes: list[Outcome]) -> None:
    target = cache() / "results.json"
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(json.dumps([vars(outcome) for outcome in outcomes], indent=1) + "\n", encoding="utf-8")


def lost_cells(chosen: list[Suite], outcomes: list[Outcome]) -> list[tuple[str, str]]:
    """Cells of the chosen suites, and of suites that are gone, that no longer pass."""
    passed = {(outcome.suite, outcome.check) for outcome in outcomes if outcome.passed}
    known = {suite.name for suite in Scenario.load().suites}
    chosen_names = {suite.name for suite in chosen}
    return sorted(
        (suite, check)
        for (suite, check), cell in read_table().items()
        if cell == "pass" and (suite, check) not in passed and (suite in chosen_names or suite not in known)
    )


def read_table(path: Path = TABLE) -> Cells:
    cells: Cells = {}
    header: list[str] = []
    for line in path.read_text(encoding="utf-8").splitlines() if path.is_file() else []:
        if not line.startswith("|"):
            header = []
            continue
        row = [cell.strip() for cell in line.strip("|").split("|")]
        if not header:
            header = row
        elif not set(line) <= set("|-: "):
            for suite, cell in zip(header[1:-1], row[1:-1]):
                cells[suite, row[0]] = cell
    return cells


def write_table(scenario: Scenario, outcomes: list[Outcome]) -> Cells:
    cells = read_table()
    for outcome in outcomes:
        cells[outcome.suite, outcome.check] = "pass" if outcome.passed else "-"
    text = INTRODUCTION + "".join(section(scenario, family, cells) for family in scenario.families)
    TABLE.write_text(text, encoding="utf-8")
    return cells


def section(scenario: Scenario, family: Family, cells: Cells) -> str:
    suites = [suite for suite in scenario.suites if suite.family == family.name]
    reasons: dict[str, int] = {}
    text = f"\n## {family.heading}\n\n"
    text += "".join(f"- {suite.name}: {suite.describe()}\n" for suite in suites)
    text += "\n" + row(["check", *(suite.name for suite in suites), "title"])
    text += row(["---"] * (len(suites) + 2))
    for check in scenario.family_checks(family):
        text += row([check.id, *(cell_of(cells, suite, check, reasons) for suite in suites), check.title])
    if reasons:
        text += "\n" + "".join(f"- n/a {number}: {reason}\n" for reason, number in reasons.items())
    return text


def cell_of(cells: Cells, suite: Suite, check: Check, reasons: dict[str, int]) -> str:
    reason = check.reason_absent_from(suite)
    if reason:
        return f"n/a {reasons.setdefault(reason, len(reasons) + 1)}"
    return cells.get((suite.name, check.id), "-")


def row(cells: list[str]) -> str:
    return "| " + " | ".join(cells) + " |\n"
