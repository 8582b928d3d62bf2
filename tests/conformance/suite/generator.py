"""Valid and invalid requests of one api-version, and what is wrong with their answers."""

import zlib
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from random import Random

from . import contract as contracts
from . import exceptions, judge, mutations
from .contract import Operation
from .values import Values
from .wire import Broken, Request, Server
from .world import Unready, World

# Of three requests, one is valid.
VALID_EVERY = 3
# So many requests are about one thread.
STAGE = 1000
# What a valid request may be refused with, by its nature.
DOMAIN_REFUSALS = {
    # No server of anybody's knows the random Teams token.
    "ExchangeTeamsUserAccessToken": (400, 401, 403),
}


@dataclass
class Case:
    operation: Operation
    name: str  # "valid", or the mutation's
    request: Request
    # The refusals that will do; none where `refusable`: any 4xx.
    statuses: tuple[int, ...] = ()
    success: bool = True
    refusable: bool = False
    known_version: bool = True


@dataclass
class Unstaged:
    """A valid request that cannot be made, since what it is about cannot be."""

    operation: Operation
    why: str


@dataclass
class Finding:
    service: str
    version: str
    role: str
    case: str
    wrong: str
    answer: str
    curl: str

    @property
    def key(self) -> tuple[str, str, str, str]:
        return (self.service, self.role, self.case, self.wrong)


@dataclass
class Report:
    service: str
    version: str
    requests: int = 0
    valid: int = 0
    # What the documents leave open.
    odd: int = 0
    invalid: int = 0
    statuses: Counter = field(default_factory=Counter)
    findings: list[Finding] = field(default_factory=list)
    # How many requests each operation had: an operation without one was not tested.
    roles: Counter = field(default_factory=Counter)
    # Mutations that there are, and those that had their turn.
    mutations: int = 0
    tried: int = 0
    excused: Counter = field(default_factory=Counter)


class Generator:
    def __init__(self, service: str, version: str, seed: int):
        self.contract = contracts.load(service, version)
        # Each version's stream is its own, so that --only repeats what a whole run did.
        self.random = Random(seed ^ zlib.crc32(f"{service}/{version}".encode()))
        self.server = Server()
        self.world = World(self.server)
        self.values = Values(self.random, self.world, self.contract)
        self.rules = exceptions.load()
        self.report = Report(service, version)

    def run(self, requests: int) -> Report:
        cases = self.cases()
        seen = set()
        report = self.report
        # Of no number: until every mutation has had its turn.
        while report.requests < requests if requests else report.tried <= report.mutations:
            if report.requests % STAGE == STAGE - 1:
                self.world.set_stage()
            for finding in self.judge(next(cases)):
                if finding.key not in seen:
                    seen.add(finding.key)
                    report.findings.append(finding)
        self.report.excused.update({rule.reason: rule.used for rule in self.rules if rule.used})
        return self.report

    def cases(self) -> Iterator["Case | Unstaged"]:
        """Without end: valid requests of every operation in turn, and between them every mutation in turn."""
        invalid = self.invalid()
        while True:
            operations = list(self.contract.operations)
            self.random.shuffle(operations)
            for operation in operations:
                try:
                    yield self.valid(operation)
                except Unready as why:
                    yield Unstaged(operation, str(why))
                for _ in range(VALID_EVERY - 1):
                    yield next(invalid)

    def valid(self, operation: Operation) -> Case:
        plan = self.values.plan(operation)
        refusals = DOMAIN_REFUSALS.get(operation.role, ())
        return Case(operation, "valid", plan.request(), refusals, refusable=bool(refusals))

    def invalid(self) -> Iterator[Case]:
        others = [contracts.load(service, version) for service, version in contracts.versions([self.contract.service])]
        gone = mutations.absent(self.contract, others)
        gone = [(operation, version) for operation, version in gone if self.stageable(operation, version)]
        while True:
            # Which mutations there are hangs on the optional parts alone, and a full plan has them all.
            listed: list[tuple[Operation, mutations.Mutation | None, str]] = []
            for operation in self.contract.operations:
                try:
                    full = self.values.plan(operation, full=True)
                except Unready:
                    continue  # told of its valid requests
                listed += [
                    (operation, mutation, "") for mutation in mutations.of(self.contract, operation, full, self.world)
                ]
            listed += [(operation, None, version) for operation, version in gone]
            self.report.mutations = len(listed)
            self.random.shuffle(listed)
            for operation, mutation, version in listed:
                self.report.tried += 1
                yield self.absent(operation, version) if mutation is None else self.mutated(operation, mutation)

    def mutated(self, operation: Operation, mutation: mutations.Mutation) -> Case:
        plan = self.values.plan(operation, full=True)
        mutation.apply(plan)
        return Case(
            operation, mutation.name, plan.request(), mutation.statuses, mutation.odd, True, mutation.known_version
        )

    def stageable(self, operation: Operation, version: str) -> bool:
        """Whether a valid request of another version's operation can be made. Its own version tells if not."""
        try:
            Values(self.random, self.world, contracts.load(self.contract.service, version)).plan(operation)
        except Unready:
            return False
        return True

    def absent(self, operation: Operation, version: str) -> Case:
        """An operation that only other versions have."""
        there = contracts.load(self.contract.service, version)
        plan = Values(self.random, self.world, there).plan(operation)
        plan.set_query("api-version", self.contract.version)
        # Its error is told in the envelope of this version.
        here = self.contract.operations[0]
        stand_in = Operation(operation.name, operation.role, operation.method, operation.path, [], {}, here.error)
        return Case(
            stand_in,
            f"{operation.method} {operation.path} is of other versions",
            plan.request(),
            (404, 405),
            False,
            True,
        )

    def judge(self, case: "Case | Unstaged") -> list[Finding]:
        report, role = self.report, case.operation.role
        report.requests += 1
        if isinstance(case, Unstaged):
            return [
                Finding(report.service, report.version, role, "valid", "what it is about cannot be made", case.why, "")
            ]
        report.roles[role] += 1
        report.valid += not case.refusable
        report.odd += case.success and case.refusable
        report.invalid += not case.success
        try:
            answer = self.server.send(case.request)
        except Broken as broken:
            return [self.finding(case, "no answer", str(broken))]
        report.statuses[answer.status] += 1
        wrong = judge.faults(self.contract, case.operation, answer, case.known_version)
        if not wrong:
            wrong = self.unexpected(case, answer.status)
        return [self.finding(case, fault, answer.short()) for fault in wrong]

    def unexpected(self, case: Case, status: int) -> list[str]:
        if status < 300 and case.success:
            return []
        if status >= 300 and case.refusable and (status in case.statuses or not case.statuses):
            return []
        if self.excused(case):
            return []
        wanted = [*(["success"] if case.success else []), *map(str, case.statuses)]
        if case.refusable and not case.statuses:
            wanted.append("4xx")
        return [f"answered with {status}, not {' or '.join(wanted)}"]

    def excused(self, case: Case) -> bool:
        for rule in self.rules:
            if rule.covers(self.contract.service, self.contract.version, case.operation.role, case.name):
                rule.used += 1
                return True
        return False

    def finding(self, case: Case, wrong: str, answer: str) -> Finding:
        contract = self.contract
        return Finding(
            contract.service, contract.version, case.operation.role, case.name, wrong, answer, case.request.curl()
        )


def run(service: str, version: str, seed: int, requests: int) -> Report:
    return Generator(service, version, seed).run(requests)
