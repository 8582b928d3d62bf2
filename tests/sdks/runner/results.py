"""results.md: what passes, in git. It may only grow.

One table per family. First column the check, last column its title, one
column per suite between; a cell is `pass`, `n/a: reason`, or `-` (not yet).
"""

import json
from pathlib import Path

from .install import cache
from .scenario import HERE, Scenario, Suite
from .suites import Outcome

TABLE = HERE / "results.md"
HEADINGS = {"ga": "Released SDKs", "quickstart": "The 2020 quickstart with its own packages"}
INTRODUCTION = """\
# What Microsoft's SDKs prove

Written by `run.py run --update`. `run.py run` fails when a cell that says
`pass` here does not pass any more. `-` is not there yet; n/a says why not.
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


def write_table(scenario: Scenario, chosen: list[Suite], outcomes: list[Outcome]) -> None:
    cells = read_table()
    for suite in chosen:
        for outcome in outcomes:
            if outcome.suite == suite.name:
                cells[suite.name, outcome.check] = "pass" if outcome.passed else "-"
    text = INTRODUCTION
    for family, heading in HEADINGS.items():
        suites = [suite for suite in scenario.suites if suite.family == family]
        text += f"\n## {heading}\n\n"
        text += "".join(f"- {suite.name}: {suite.describe()}\n" for suite in suites)
        text += "\n" + row(["check", *(suite.name for suite in suites), "title"])
        text += row(["---"] * (len(suites) + 2))
        for check in scenario.checks:
            if check.family == family:
                text += row([check.id, *(cell_of(cells, suite, check) for suite in suites), check.title])
    TABLE.write_text(text, encoding="utf-8")


def cell_of(cells: Cells, suite: Suite, check) -> str:
    reason = check.reason_absent_from(suite)
    return f"n/a: {reason}" if reason else cells.get((suite.name, check.id), "-")


def row(cells: list[str]) -> str:
    return "| " + " | ".join(cells) + " |\n"
