"""Golden answers: what every operation of a version answered last time, and whether it still does."""

import json
from dataclasses import dataclass, field
from pathlib import Path

from . import contract as contracts
from . import judge
from .contract import Operation
from .mask import Mask
from .plan import NOTHING, Plan
from .wire import Answer, Request, Server

GOLDEN = Path(__file__).resolve().parents[1] / "golden"
# Of an answer's headers, those that belong to the contract. That JSON is called JSON, and that the code of an
# error is in its header too, every answer is judged by.
HEADERS = ("location", "allow", "retry-after", "repeatability-result")


class Story:
    """The operations of one version, in the order of a life: each step is a request whose answer is kept."""

    def __init__(self, service: str, version: str):
        self.contract = contracts.load(service, version)
        self.server = Server()
        self.mask = Mask(self.server.endpoint)
        self.asked: dict[str, tuple[Request, Answer]] = {}
        self.faults: dict[str, list[str]] = {}

    def has(self, role: str) -> bool:
        return role in self.contract.by_role

    def takes(self, role: str, parameter: str) -> bool:
        return any(entry["name"] == parameter for entry in self.contract.by_role[role].parameters)

    def step(
        self,
        role: str,
        variant: str = "",
        *,
        path: tuple[str, ...] = (),
        query: dict[str, str] | None = None,
        headers: dict[str, str] | None = None,
        body: object = NOTHING,
        proof: str = "key",
        expect: int = 0,
    ) -> Answer:
        """Does one request and keeps its answer. `expect`: the status; 0 for the operation's own success."""
        operation = self.contract.by_role[role]
        plan = Plan(self.contract, operation, proof)
        names = [entry["name"] for entry in operation.parameters if entry["in"] == "path"]
        plan.path = dict(zip(names, path, strict=True))
        plan.query = [*(query or {}).items(), ("api-version", self.contract.version)]
        plan.headers = dict(headers or {})
        plan.body = body
        if body is not NOTHING:
            plan.headers.setdefault("content-type", operation.consumes[0])
        return self.keep(operation, variant, plan, expect)

    def follow(self, role: str, variant: str, link: str, proof: str) -> Answer:
        """A link that an answer gave, as it was given: to the next page, to an image."""
        operation = self.contract.by_role[role]
        assert link.startswith(self.server.endpoint + "/"), f"the link leads elsewhere: {link}"
        request = Request(operation.method, link.removeprefix(self.server.endpoint), proof=proof)
        return self.send(operation, variant, request, 0)

    def keep(self, operation: Operation, variant: str, plan: Plan, expect: int, known_version: bool = True) -> Answer:
        return self.send(operation, variant, plan.request(), expect, known_version)

    def send(
        self, operation: Operation, variant: str, request: Request, expect: int, known_version: bool = True
    ) -> Answer:
        answer = self.server.send(request)
        name = operation.role + (f", {variant}" if variant else "")
        assert name not in self.asked, f"two steps are called {name}"
        found = judge.faults(self.contract, operation, answer, known_version)
        if answer.status not in ([expect] if expect else operation.answers):
            found.append(f"status {answer.status} instead of {expect or sorted(operation.answers)}: {answer.short()}")
        self.faults[name] = found
        self.asked[name] = (request, answer)
        return answer

    def steps(self) -> dict[str, dict]:
        """All answers, masked: now that the story is over, everything in it has its name."""
        return {
            name: {"request": f"{request.method} {self.mask.text(request.target)}"} | self.masked(answer)
            for name, (request, answer) in self.asked.items()
        }

    def masked(self, answer: Answer) -> dict:
        kept: dict = {"status": answer.status}
        headers = {name: self.mask.text(answer.headers[name]) for name in HEADERS if name in answer.headers}
        if headers:
            kept["headers"] = headers
        if judge.is_json(answer):
            body = answer.json()
            if answer.status >= 400:
                # The words of an error are no part of the contract.
                error = body.get("error", body)
                error["message"] = "<words>" if error.get("message") else ""
            kept["body"] = self.mask(body)
        elif answer.body:
            kept["body"] = f"<{answer.headers['content-type']}, {len(answer.body)} bytes>"
        return kept

    def path_of(self) -> Path:
        return GOLDEN / self.contract.service / f"{self.contract.version}.json"


@dataclass
class Outcome:
    service: str
    version: str
    passed: int = 0
    failures: list[str] = field(default_factory=list)


def run(service: str, version: str, update: bool) -> Outcome:
    from .stories import TELLERS

    story = Story(service, version)
    outcome = Outcome(service, version)
    try:
        TELLERS[service](story)
    except Exception as error:  # a step whose answer the next steps needed
        last = next(reversed(story.asked), "nothing")
        outcome.failures.append(f"the story ends after '{last}': {type(error).__name__}: {error}")
        outcome.failures += [f"{name}: " + "; ".join(found) for name, found in story.faults.items() if found]
        return outcome
    told = {name.partition(",")[0] for name in story.asked}
    outcome.failures += [f"{role}: no step asks for it" for role in story.contract.by_role if role not in told]
    steps = story.steps()
    if update:
        write(story, steps)
    compare(story, steps, outcome)
    return outcome


def write(story: Story, steps: dict[str, dict]) -> None:
    path = story.path_of()
    path.parent.mkdir(parents=True, exist_ok=True)
    # What is wrong by itself does not become golden.
    sound = {name: step for name, step in steps.items() if not story.faults[name]}
    lines = [f"{json.dumps(name)}: {json.dumps(step, ensure_ascii=False)}" for name, step in sound.items()]
    path.write_text("{\n" + ",\n".join(lines) + "\n}\n")


def compare(story: Story, steps: dict[str, dict], outcome: Outcome) -> None:
    path = story.path_of()
    if not path.is_file():
        outcome.failures.append("has no golden answers yet; `run --part golden --update` writes them")
    golden = json.loads(path.read_text()) if path.is_file() else {}
    for name, step in steps.items():
        found = list(story.faults[name])
        if name not in golden and not found and path.is_file():
            found.append("there is no golden answer")
        elif golden.get(name, step) != step:
            found += differences(golden[name], step)
        if found:
            outcome.failures.append(f"{name}: " + "; ".join(found))
        else:
            outcome.passed += 1
    outcome.failures += [f"{name}: is golden and was not asked" for name in golden.keys() - steps.keys()]


def differences(golden: object, now: object, where: str = "") -> list[str]:
    if isinstance(golden, dict) and isinstance(now, dict):
        found = []
        for key in sorted(golden.keys() | now.keys()):
            if key not in now:
                found.append(f"{where}.{key} is gone")
            elif key not in golden:
                found.append(f"{where}.{key} is new: {shown(now[key])}")
            else:
                found += differences(golden[key], now[key], f"{where}.{key}")
        return found
    if isinstance(golden, list) and isinstance(now, list) and len(golden) == len(now):
        return [line for index, pair in enumerate(zip(golden, now)) for line in differences(*pair, f"{where}[{index}]")]
    return [] if golden == now else [f"{where} was {shown(golden)}, is {shown(now)}"]


def shown(value: object) -> str:
    return json.dumps(value, ensure_ascii=False)[:200]
