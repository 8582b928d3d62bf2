"""The contracts: what the documents of each api-version say, and whether an answer keeps to it."""

import json
import re
from dataclasses import dataclass, field
from datetime import datetime
from fnmatch import fnmatchcase
from functools import cache
from pathlib import Path
from urllib.parse import urlsplit

import jsonschema

CONTRACTS = Path(__file__).resolve().parents[1] / "contracts"
SERVICES = ("chat", "identity")

# Operations that changed their names between versions, by the last one.
RENAMED = {
    "ListChatThreadMembers": "ListChatParticipants",
    "AddChatThreadMembers": "AddChatParticipants",
    "RemoveChatThreadMember": "RemoveChatParticipant",
    "GetChatThread": "GetChatThreadProperties",
    "UpdateChatThread": "UpdateChatThreadProperties",
    "IssueToken": "IssueAccessToken",
}

# For documents that say nothing of errors: the envelope of the versions after them.
NESTED_ERROR = {
    "type": "object",
    "required": ["error"],
    "properties": {
        "error": {
            "type": "object",
            "required": ["code", "message"],
            "properties": {
                "code": {"type": "string"},
                "message": {"type": "string"},
                "target": {"type": "string"},
                "details": {"type": "array", "items": {"type": "object"}},
            },
        }
    },
}

TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)")
FORMATS = jsonschema.FormatChecker(formats=())


@FORMATS.checks("date-time", raises=ValueError)
def is_time(value: object) -> bool:
    if not isinstance(value, str):
        return True
    if not TIME.fullmatch(value):
        return False
    datetime.fromisoformat(value)
    return True


@FORMATS.checks("int32")
def is_int32(value: object) -> bool:
    return not isinstance(value, int) or -(2**31) <= value < 2**31


@FORMATS.checks("uri")
def is_uri(value: object) -> bool:
    return not isinstance(value, str) or bool(urlsplit(value).scheme)


@dataclass
class Operation:
    name: str
    role: str  # the name without its group, the same in every version
    method: str
    path: str
    parameters: list[dict]
    answers: dict[int, dict]
    error: dict
    consumes: list[str] = field(default_factory=list)
    body: dict | None = None
    body_required: bool = False
    paged: bool = False


class Contract:
    def __init__(self, service: str, version: str):
        self.service = service
        self.version = version
        source = json.loads((CONTRACTS / service / f"{version}.json").read_text())
        self.definitions: dict[str, dict] = source["definitions"]
        # Where a definition is closed, an answer may carry nothing that it does not name.
        self.closed = close(self.definitions)
        self.operations = [self.operation(name, entry) for name, entry in source["operations"].items()]
        self.by_role = {operation.role: operation for operation in self.operations}
        self.validators: dict[str, jsonschema.Validator] = {}

    def __str__(self) -> str:
        return f"{self.service}/{self.version}"

    @staticmethod
    def operation(name: str, entry: dict) -> Operation:
        role = name.rsplit("_", 1)[-1]
        body = entry.get("body")
        return Operation(
            name=name,
            role=RENAMED.get(role, role),
            method=entry["method"],
            path=entry["path"],
            parameters=entry["parameters"],
            answers={int(status): answer for status, answer in entry["answers"].items()},
            error=entry["errors"].get("schema", NESTED_ERROR),
            consumes=entry.get("consumes", []),
            body=body and body["schema"],
            body_required=bool(body and body["required"]),
            paged=entry.get("paged", False),
        )

    def resolve(self, schema: dict) -> dict:
        while "$ref" in schema:
            schema = self.definitions[schema["$ref"].rsplit("/", 1)[1]]
        return schema

    def knows(self, definition: str, field_name: str) -> bool:
        return field_name in self.definitions.get(definition, {}).get("properties", {})

    def faults(self, schema: dict, instance: object) -> list[str]:
        """Where an answer's body departs from its schema. Fields that the schema does not name are departures."""
        key = json.dumps(schema)
        if key not in self.validators:
            root = {**close(schema), "definitions": self.closed}
            self.validators[key] = jsonschema.Draft4Validator(root, format_checker=FORMATS)
        # Without the values, so that the same fault in another answer is the same text.
        return sorted(
            {
                f"{INDEX.sub('[]', error.json_path)}: {complaint(error)}"
                for error in self.validators[key].iter_errors(instance)
            }
        )


INDEX = re.compile(r"\[\d+\]")


def complaint(error: jsonschema.ValidationError) -> str:
    match error.validator:
        case "additionalProperties":
            unknown = sorted(error.instance.keys() - error.schema["properties"].keys())
            return f"the version does not know {', '.join(unknown)}"
        case "required":
            return f"needs {', '.join(sorted(set(error.validator_value) - error.instance.keys()))}"
        case "oneOf":
            return "is none of its kinds"
    return f"not of {error.validator} {error.validator_value}"


def close(schema: object) -> object:
    if isinstance(schema, list):
        return [close(value) for value in schema]
    if not isinstance(schema, dict):
        return schema
    closed = {key: close(value) for key, value in schema.items()}
    if isinstance(closed.get("properties"), dict) and "type" in closed:
        closed.setdefault("additionalProperties", False)
    return closed


@cache
def load(service: str, version: str) -> Contract:
    return Contract(service, version)


def versions(only: list[str]) -> list[tuple[str, str]]:
    """Every (service, version), or those that `only` names: `chat`, `chat/2021-09-07`, `chat/2021-*`."""
    found = [(service, path.stem) for service in SERVICES for path in sorted((CONTRACTS / service).glob("*.json"))]
    if not only:
        return found
    chosen = [(service, version) for service, version in found if any(matches(service, version, word) for word in only)]
    if not chosen:
        raise SystemExit(f"no contract is called {' or '.join(only)}")
    return chosen


def matches(service: str, version: str, word: str) -> bool:
    return word == service or fnmatchcase(f"{service}/{version}", word)
