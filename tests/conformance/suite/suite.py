"""Both halves over the chosen versions, and what is printed."""

from collections import Counter
from concurrent.futures import ProcessPoolExecutor

from . import contract, exceptions, generator, golden


def run(only: list[str], part: str | None, update: bool, seed: int, requests: int, jobs: int) -> int:
    versions = contract.versions(only)
    passed = failed = 0
    with ProcessPoolExecutor(jobs) as pool:
        if part != "generator":
            told = [pool.submit(golden.run, *version, update) for version in versions]
            passed, failed = tell_golden([future.result() for future in told])
        if part != "golden":
            waiting = [pool.submit(generator.run, *version, seed, requests) for version in versions]
            reports = [future.result() for future in waiting]
            ok, bad = tell(reports, seed)
            if not only and not requests:
                bad += tell_exceptions(reports)
            passed, failed = passed + ok, failed + bad
    print(f"{passed} passed, {failed} failed")
    return 1 if failed or not passed else 0


def tell_golden(outcomes: list[golden.Outcome]) -> tuple[int, int]:
    for outcome in outcomes:
        for failure in outcome.failures:
            print(f"FAIL golden {outcome.service}/{outcome.version} {failure}")
    passed, failed = sum(outcome.passed for outcome in outcomes), sum(len(outcome.failures) for outcome in outcomes)
    print(f"golden: {passed} of {passed + failed} answers over {len(outcomes)} versions")
    return passed, failed


def tell(reports: list[generator.Report], seed: int) -> tuple[int, int]:
    """Prints the generator's outcome; answers how many operations of versions passed and failed."""
    passed = failed = 0
    groups: dict[tuple, list[generator.Finding]] = {}
    for report in reports:
        bad = {finding.role for finding in report.findings}
        passed += len(set(report.roles) - bad)
        failed += len(bad)
        print(described(report))
        for finding in report.findings:
            groups.setdefault(finding.key, []).append(finding)
    for findings in sorted(groups.values(), key=lambda findings: findings[0].key):
        first = findings[0]
        where = ", ".join(finding.version for finding in findings)
        print(f"FAIL {first.service} {first.role}: {first.case}: {first.wrong}")
        print(f"  in {where}\n  {first.curl}\n  -> {first.answer}")
    total = sum(report.requests for report in reports)
    print(f"generator: seed {seed}, {total} requests over {len(reports)} versions, {len(groups)} findings")
    return passed, failed


def tell_exceptions(reports: list[generator.Report]) -> int:
    """Prints what was excused; answers how many exceptions nothing needs any more, after a run of everything."""
    used = sum((report.excused for report in reports), Counter())
    unused = [rule for rule in exceptions.load() if rule.reason not in used]
    for rule in unused:
        print(f"FAIL exceptions.toml: nothing needs {rule.mutation} ({rule.reason})")
    print(f"excused: {used.total()} answers by {len(used)} exceptions")
    return len(unused)


def described(report: generator.Report) -> str:
    kinds = f"{report.valid} valid, {report.invalid} invalid, {report.odd} odd"
    mutations = f"{min(report.tried, report.mutations)} of {report.mutations} mutations"
    statuses = ", ".join(f"{count} x {status}" for status, count in sorted(report.statuses.items()))
    return (
        f"{report.service}/{report.version}: {report.requests} requests ({kinds}; {mutations}), "
        f"{len(report.findings)} findings; {statuses}"
    )
