"""Whether an answer keeps to the contract, whatever was asked."""

from .contract import NESTED_ERROR, Contract, Operation
from .wire import Answer


def is_json(answer: Answer) -> bool:
    return answer.headers.get_content_type() == "application/json"


def faults(contract: Contract, operation: Operation, answer: Answer, known_version: bool = True) -> list[str]:
    """What is wrong with an answer by itself: its status, its shape, its headers."""
    found = [f"no {name} header" for name in ("x-ms-request-id", "ms-cv") if not answer.headers.get(name)]
    if answer.status >= 500:
        return [f"status {answer.status}"]
    if answer.status >= 400:
        return found + error_faults(contract, operation, answer, known_version)
    described = operation.answers.get(answer.status)
    if described is None:
        return found + [f"status {answer.status} is none of {sorted(operation.answers)}"]
    for name in described.get("headers", {}):
        # Documented as there only if the request may be repeated.
        value = answer.headers.get(name)
        if value is not None and value not in ("accepted", "rejected"):
            found.append(f"{name}: {value}")
    schema = described.get("schema")
    if schema is None:
        return found + (["a body where the document has none"] if answer.body else [])
    if contract.resolve(schema).get("format") == "binary":
        return found + ([] if answer.headers.get_content_maintype() == "image" else ["no image"])
    return found + json_faults(contract, schema, answer)


def error_faults(contract: Contract, operation: Operation, answer: Answer, known_version: bool) -> list[str]:
    # Where the version cannot be told, neither can its envelope: the one of all versions but the first.
    schema = operation.error if known_version else NESTED_ERROR
    found = json_faults(contract, schema, answer)
    if found:
        return found
    body = answer.json()
    error = body.get("error", body)
    found = [f"error.{name} is empty" for name in ("code", "message") if not error.get(name)]
    code = answer.headers.get("x-ms-error-code")
    if code is not None and code != error.get("code"):
        found.append(f"x-ms-error-code is {code}, the body's code {error.get('code')}")
    return found


def json_faults(contract: Contract, schema: dict, answer: Answer) -> list[str]:
    if not is_json(answer):
        return [f"content-type is {answer.headers.get('content-type')}, not application/json"]
    try:
        body = answer.json()
    except ValueError as error:
        return [f"the body is not JSON: {error}"]
    return contract.faults(schema, body)
