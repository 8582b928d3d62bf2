"""docs/events.schema.json, held against events."""

import json
from pathlib import Path

import jsonschema

SCHEMA = json.loads((Path(__file__).resolve().parents[3] / "docs" / "events.schema.json").read_text())
jsonschema.Draft202012Validator.check_schema(SCHEMA)
EVENTS = jsonschema.Draft202012Validator(SCHEMA)
MESSAGES = EVENTS.evolve(schema=SCHEMA | {"$ref": "#/$defs/clientMessage"})

# Events that were held against the schema, as text: most are seen many times.
seen: dict[str, dict] = {}


def problem(event: dict) -> str | None:
    """What the schema says against an event."""
    text = json.dumps(event, sort_keys=True)
    if text in seen:
        return None
    error = jsonschema.exceptions.best_match(EVENTS.iter_errors(event))
    if error is None:
        seen[text] = event
        return None
    return f"{error.json_path}: {error.message[:400]} in {text[:2000]}"


def must_fit(event: dict) -> dict:
    why = problem(event)
    if why:
        raise AssertionError(f"the schema says {why}")
    return event
