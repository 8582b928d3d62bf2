"""The schema itself: every type was seen, what is altered is refused, docs/events.md says the same. Runs last."""

import copy
import json
import re
from pathlib import Path

from runner.check import Group, expect
from runner.schema import EVENTS, MESSAGES, SCHEMA, must_fit, seen
from runner.story import KINDS

GROUP = Group()
PAGE = Path(__file__).resolve().parents[3] / "docs" / "events.md"
# All but Samband.TokenExpiring: no token lives for less than an hour.
CONTROLS = {"Samband.Connected", "Samband.Gap", "Samband.Closing", "Samband.Error"}
OPTIONAL = {"createTime", "totalParticipants", "target", "id", "lastPosition"}


@GROUP.check("schema: every type of both levels was seen")
def complete() -> None:
    types = {event["type"] for event in seen.values()}
    wanted = {kind[level] for kind in KINDS.values() for level in (0, 2)} | CONTROLS
    expect(wanted <= types, f"never seen: {sorted(wanted - types)}")
    for level in (True, False):
        own = {event["type"] for event in seen.values() if ("recipientId" in event["data"]) == level}
        expect({kind[0 if level else 2] for kind in KINDS.values()} <= own, f"user level {level}: {sorted(own)}")


@GROUP.check("schema: refuses what is altered")
def strict() -> None:
    examples = {(event["type"], "recipientId" in event["data"]): event for event in seen.values()}
    altered = list(alterations(next(iter(examples.values())), []))
    for event in examples.values():
        altered += alterations(event, ["data"])
        if "position" in event:
            altered.append({name: value for name, value in event.items() if name != "position"})
        else:
            altered.append(event | {"position": "x"})
    for event in altered:
        expect(not EVENTS.is_valid(event), f"accepts {event}")
    for message in (
        {"type": "typing"}, {"type": "token"}, {"type": "dance"}, {"type": "token", "token": 1},
        {"type": "typing", "threadId": "nonsense"}, {"type": "token", "token": "x", "more": 1},
    ):
        expect(not MESSAGES.is_valid(message), f"accepts {message}")


@GROUP.check("docs/events.md: its examples fit the schema, and it names every type and field")
def page() -> None:
    text = PAGE.read_text()
    examples = [json.loads(example) for example in re.findall(r"```json\n(.*?)```", text, re.DOTALL)]
    expect(len(examples) == 2, f"{len(examples)} examples")
    for example in examples:
        must_fit(example)
    names = set()
    for definition in SCHEMA["$defs"].values():
        properties = definition.get("properties", {})
        names.add(properties.get("type", {}).get("const", "").removeprefix("Microsoft.Communication."))
        names |= properties.get("data", {}).get("properties", {}).keys()
    unnamed = sorted(name for name in names - {""} if not re.search(rf"\b{re.escape(name)}\b", text))
    # Users stand in the table as who they are: "sender" is senderCommunicationIdentifier.
    unnamed = [name for name in unnamed if not name.endswith("CommunicationIdentifier")]
    expect(not unnamed, f"not named: {unnamed}")


def alterations(event: dict, at: list[str]):
    """The event with a field too many, and with each field wrong, or left out where it must be there."""
    def changed(change) -> dict:
        altered = copy.deepcopy(event)
        part = altered
        for name in at:
            part = part[name]
        change(part)
        return altered

    part = event
    for name in at:
        part = part[name]
    yield changed(lambda part: part.__setitem__("surplus", "x"))
    for name in part:
        yield changed(lambda part: part.__setitem__(name, ["wrong"]))
        if not (at == ["data"] and name in OPTIONAL):
            yield changed(lambda part: part.__delitem__(name))
