"""Invalid requests: a valid one with one thing wrong. A mutation has a name, which says the place and the
fault, and a function that makes the fault."""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from .contract import Contract, Operation
from .plan import NOTHING, Plan
from .world import World

# What no parameter of a path can be.
BAD_IDS = {
    "chatThreadId": (
        "nonsense",
        "19:@thread.v2",
        "19:zz@thread.v2",
        "%00",
        "x" * 3000,
        "é",
        "..",
        "19:" + "0" * 31 + "@thread.v2",
    ),
    "chatMessageId": ("nonsense", "-1", "1.5", "1e5", "0x10", "9" * 40, "x" * 3000, "é", "\x00"),
    "chatMemberId": ("nonsense", "8:acs:x", "x" * 3000, "\x00"),
    "chatParticipantId": ("nonsense", "8:acs:x", "x" * 3000, "\x00"),
    "imageId": ("nonsense", "x" * 3000, "\x00", "../x"),
    "imageViewType": ("huge", "Original", ""),
    "id": ("nonsense", "8:acs:x", "8:acs:", "x" * 3000, "\x00", "4:+14255550123"),
}
# Written into the path as they stand: broken percent-encoding, and what would lead to another path.
RAW_IDS = ("%zz", "%", "%f", "%ff%fe", "a%2Fb", "a/b", "..%2F..", "%00", "a;b=c", "a+b")
BAD_TIMES = (
    "yesterday",
    "2020-13-01T00:00:00Z",
    "2020-02-30T00:00:00Z",
    "2020-10-30",
    "2020-10-30T25:00:00Z",
    "1604055050",
    "2020-10-30T10:50:50",
)
BAD_INT32 = ("abc", "1.5", "1e3", "2147483648", "-2147483649", "9" * 30, "0x10", "true")
BAD_VERSIONS = (
    "",
    "nonsense",
    "2021",
    "2021-13-07",
    "2021-03-32",
    "2021-03-07-",
    "2021-03-07-beta",
    "2021-03-07x",
    "21-03-07",
    "v1",
    "2021/03/07",
)
BAD_JSON = {
    "truncated": b'{"topic": "x", "scopes": ["chat"',
    "not JSON": b"topic=x&content=y",
    "single quotes": b"{'topic': 'x'}",
    "trailing comma": b'{"topic": "x",}',
    "two values": b"{} {}",
    "no UTF-8": b'{"topic": "\xff\xfe", "content": "\xff"}',
    "NaN": b'{"topic": NaN, "content": NaN, "scopes": NaN}',
    "a control character": b'{"topic": "\x01", "content": "\x01", "scopes": ["\x01"]}',
    "too deep": b"[" * 20_000,
}
# Of these the documents say nothing: any answer will do that is one, and in schema.
ODD_JSON = {
    "deep in a field": b'{"topic": ' + b'{"a":' * 20_000 + b"1" + b"}" * 20_000 + b"}",
    "a lone surrogate": b'{"topic": "\\ud800", "content": "\\ud800", "scopes": ["\\ud800"]}',
    "a field twice": b'{"topic": "x", "topic": "y", "content": "x", "content": "y", "scopes": ["chat"], "scopes": []}',
    "a byte order mark": b'\xef\xbb\xbf{"topic": "x", "content": "x", "scopes": ["chat"]}',
    "fields of no version": b'{"topic": "x", "content": "x", "scopes": ["chat"], "nonsense": [{"x": 1e400}]}',
    "in UTF-16": '{"topic": "x", "content": "x", "scopes": ["chat"]}'.encode("utf-16"),
    "a huge text": b'{"content": "' + b"x" * 2_000_000 + b'"}',
    "a huge name": b'{"topic": "' + b"x" * 100_000 + b'", "senderDisplayName": "' + b"x" * 100_000 + b'"}',
}
ODD_INT32 = ("0", "-1", "-2147483648", "", "+5", "007", " 5")
ODD_TIMES = (
    "",
    "0001-01-01T00:00:00Z",
    "9999-12-31T23:59:59.9999999Z",
    "2016-12-31T23:59:60Z",
    "2020-10-30t10:50:50z",
    "2020-10-30 10:50:50Z",
)
WRONG_TYPES = (
    "text/plain",
    "application/xml",
    "multipart/form-data; boundary=x",
    "application/x-www-form-urlencoded",
    "nonsense",
)
# For each type of a schema, values of every other.
OTHERS = {
    "string": (7, True, ["x"], {"x": "y"}),
    "integer": ("60", 61.5, True, [60], {"x": 60}, 2**31, -(2**31) - 1, 10**40),
    "boolean": ("true", 1, [True], {}),
    "array": ("x", 7, {}, True),
    "object": ("x", 7, [], True),
}
# Identifiers of the kinds that a full request does not have in it.
OTHER_KINDS: dict[str, dict] = {
    "phoneNumber": {"phoneNumber": {"value": "+14255550123"}},
    "microsoftTeamsUser": {"microsoftTeamsUser": {"userId": "x", "isAnonymous": False, "cloud": "public"}},
    "microsoftTeamsApp": {"microsoftTeamsApp": {"appId": "x", "cloud": "public"}},
}


@dataclass
class Mutation:
    name: str
    apply: Callable[[Plan], None]
    # The statuses that alone will do; none: any 4xx.
    statuses: tuple[int, ...] = ()
    # Not invalid, but what the documents leave open: success will do as well.
    odd: bool = False
    # Whether the version that was asked for can be told from the request.
    known_version: bool = True


def of(contract: Contract, operation: Operation, full: Plan, world: World) -> list[Mutation]:
    """Every mutation of an operation. `full`: a valid request with all optional parts."""
    return [
        Mutation("method: PUT", lambda plan: setattr(plan, "method", "PUT"), (404, 405)),
        *parameters(operation),
        *bodies(contract, operation, full),
        *callers(contract, operation, world),
    ]


def parameters(operation: Operation) -> Iterator[Mutation]:
    for parameter in operation.parameters:
        name, place = parameter["name"], parameter["in"]
        match place:
            case "path":
                for value in BAD_IDS[name]:
                    yield Mutation(f"path.{name}: {shown(value)}", setter("path", name, value))
                for value in RAW_IDS:
                    yield Mutation(f"path.{name}: {value} as it stands", raw(name, value))
            case "query" if name == "api-version":
                yield Mutation("query.api-version: missing", query(name, None), (400,), known_version=False)
                for value in BAD_VERSIONS:
                    yield Mutation(
                        f"query.api-version: {shown(value)}", query(name, value), (400,), known_version=False
                    )
            case "query":
                time = parameter.get("format") == "date-time"
                for value in BAD_TIMES if time else BAD_INT32:
                    yield Mutation(f"query.{name}: {shown(value)}", query(name, value), (400,))
                for value in ODD_TIMES if time else ODD_INT32:
                    yield Mutation(f"query.{name}: {shown(value)}", query(name, value), odd=True)
                yield Mutation(f"query.{name}: twice", lambda plan, name=name: plan.query.append((name, "1")), odd=True)
    names = {parameter["name"] for parameter in operation.parameters}
    if "Repeatability-Request-ID" in names:
        yield Mutation("header.Repeatability-First-Sent: missing", without_header("Repeatability-First-Sent"), (400,))
        yield Mutation("header.Repeatability-Request-ID: missing", without_header("Repeatability-Request-ID"), (400,))
        for value in ("nonsense", "1234", "00000000-0000-0000-0000-00000000000g"):
            yield Mutation(
                f"header.Repeatability-Request-ID: {value}",
                setter("headers", "Repeatability-Request-ID", value),
                (400,),
            )
        for value in ("nonsense", "2023-08-01T00:00:00Z", "Tue, 40 Aug 2023 00:00:00 GMT"):
            yield Mutation(
                f"header.Repeatability-First-Sent: {value}",
                setter("headers", "Repeatability-First-Sent", value),
                (400,),
            )


def bodies(contract: Contract, operation: Operation, full: Plan) -> Iterator[Mutation]:
    if operation.body is None:
        return
    for kind in WRONG_TYPES:
        yield Mutation(f"content-type: {kind}", setter("headers", "content-type", kind))
    if operation.consumes == ["application/octet-stream"]:
        return
    for kind in {"application/json", "application/merge-patch+json"} - set(operation.consumes):
        yield Mutation(f"content-type: {kind}", setter("headers", "content-type", kind))
    for name, content in BAD_JSON.items():
        yield Mutation(f"body: {name}", whole(content), (400,))
    for name, content in ODD_JSON.items():
        yield Mutation(f"body: {name}", whole(content), odd=True)
    yield Mutation("content-type: missing", without_header("content-type"), odd=True)
    if operation.body_required:
        yield Mutation("body: missing", whole(NOTHING), (400,))
    for value in (None, [], "x", 7, True):
        yield Mutation(f"body: {shown(value)} for an object", whole(value), (400,))
    yield from inside(contract, operation.body, full.body, (), full.body)


def inside(contract: Contract, schema: dict, value: object, path: tuple, body: object) -> Iterator[Mutation]:
    """Of every field of a body: other types, null, absence, and what its schema forbids beside."""
    name = schema.get("$ref", "").rsplit("/", 1)[-1]
    schema = contract.resolve(schema)
    if "oneOf" in schema:
        schema = schema["oneOf"][0]
    where = ".".join(["body", *("#" if isinstance(step, int) else step for step in path)])
    if path:
        for other in OTHERS[schema["type"]]:
            yield Mutation(f"{where}: {shown(other)} for {article(schema['type'])}", inner(path, other), (400,))
        yield from narrower(schema, path, where)
    if name == "CommunicationIdentifierModel":
        yield Mutation(f"{where}: an identifier of nobody", inner(path, {}), (400,))
        both = OTHER_KINDS["phoneNumber"] | {"communicationUser": {"id": "8:acs:x"}}
        yield Mutation(f"{where}: of two kinds", inner(path, both), (400,))
        for kind, model in OTHER_KINDS.items():
            if kind in schema["properties"]:
                yield from of_kind(contract, schema, kind, model, path, where)
    if isinstance(value, list) and value:
        yield Mutation(f"{where}.#: null", inner((*path, 0), None), (400,))
        yield from inside(contract, schema["items"], value[0], (*path, 0), body)
    if isinstance(value, dict) and "properties" in schema:
        for key, part in value.items():
            field = f"{where}.{key}"
            required = key in schema.get("required", [])
            yield Mutation(
                f"{field}: {'null' if required else 'null though optional'}", inner((*path, key), None), (400,)
            )
            if required:
                yield Mutation(f"{field}: missing", inner((*path, key), NOTHING), (400,))
            yield from inside(contract, schema["properties"][key], part, (*path, key), body)
    elif isinstance(value, dict) and value:
        key = next(iter(value))
        yield Mutation(f"{where}.*: null", inner((*path, key), None), (400,))
        yield from inside(contract, schema["additionalProperties"], value[key], (*path, key), body)


def of_kind(contract: Contract, schema: dict, kind: str, model: dict, path: tuple, where: str) -> Iterator[Mutation]:
    """The faults of an identifier of another kind than the one in the request."""
    details = contract.resolve(schema["properties"][kind])
    yield Mutation(f"{where}.{kind}: 'x' for an object", inner(path, {kind: "x"}), (400,))
    for name in details["required"]:
        rest = {key: value for key, value in model[kind].items() if key != name}
        yield Mutation(f"{where}.{kind}.{name}: missing", inner(path, {kind: rest}), (400,))
    for name in model[kind].keys() & details["properties"].keys():
        part = contract.resolve(details["properties"][name])
        wrong = [(other, f"{shown(other)} for {article(part['type'])}") for other in OTHERS[part["type"]]]
        if "enum" in part:
            wrong += [(other, f"{shown(other)}, not of its enum") for other in ("nonsense", "Public", "")]
        for other, fault in wrong:
            yield Mutation(f"{where}.{kind}.{name}: {fault}", inner(path, {kind: model[kind] | {name: other}}), (400,))


def narrower(schema: dict, path: tuple, where: str) -> Iterator[Mutation]:
    if "enum" in schema:
        for value in ("nonsense", "", schema["enum"][0].upper(), schema["enum"][0] + " "):
            if value not in schema["enum"]:
                yield Mutation(f"{where}: {shown(value)}, not of its enum", inner(path, value), (400,))
    if schema.get("format") == "date-time":
        for value in ("", *BAD_TIMES):
            yield Mutation(f"{where}: {shown(value)}, no date-time", inner(path, value), (400,))
    if "minimum" in schema:
        for value in (schema["minimum"] - 1, -1, 0):
            yield Mutation(f"{where}: {value}, below the minimum", inner(path, value), (400,))
    if "maximum" in schema:
        yield Mutation(
            f"{where}: {schema['maximum'] + 1}, above the maximum", inner(path, schema["maximum"] + 1), (400,)
        )
    if "minLength" in schema:
        yield Mutation(f"{where}: too short", inner(path, "x" * (schema["minLength"] - 1)), (400,))
    if "maxLength" in schema:
        yield Mutation(f"{where}: too long", inner(path, "x" * (schema["maxLength"] + 1)), (400,))


def callers(contract: Contract, operation: Operation, world: World) -> Iterator[Mutation]:
    yield Mutation("caller: no proof", proof(""), (401,))
    yield Mutation("caller: a token of nobody", proof("eyJhbGciOiJFUzI1NiJ9.eyJleHAiOjF9.AAAA"), (401,))
    if contract.service == "identity":
        yield Mutation("caller: a user's token", proof(world.owner.token), (401, 403))
        yield Mutation("caller: another body signed", header("x-ms-content-sha256", "AAAA"), (401,))
        yield Mutation("caller: signed long ago", header("x-ms-date", "Tue, 01 Aug 2023 00:00:00 GMT"), (401,))
        return
    yield Mutation("caller: the access key", proof("key"), (401, 403))
    yield Mutation("caller: a token for calls alone", proof(world.caller_only.token), (401, 403))
    if "{chatThreadId}" in operation.path:
        yield Mutation("caller: not a participant", proof(world.stranger.token), (403, 404))
    # Specs: what each scope allows.
    if operation.role in (
        "CreateChatThread",
        "UpdateChatThreadProperties",
        "DeleteChatThread",
        "AddChatParticipants",
        "RemoveChatParticipant",
    ):
        yield Mutation("caller: chat.join.limited", proof(world.limited.token), (403,))


def absent(contract: Contract, others: list[Contract]) -> list[tuple[Operation, str]]:
    """Operations of other versions that this one does not have, with a version that has them."""

    def shape(operation: Operation) -> tuple[str, str]:
        return operation.method, "/".join("{}" if part.startswith("{") else part for part in operation.path.split("/"))

    here = {shape(operation) for operation in contract.operations}
    found: dict[tuple[str, str], tuple[Operation, str]] = {}
    for other in others:
        for operation in other.operations:
            if shape(operation) not in here:
                found.setdefault(shape(operation), (operation, other.version))
    return list(found.values())


def shown(value: object) -> str:
    text = value if isinstance(value, str) else json.dumps(value)
    return f"'{text}'" if len(text) <= 30 else f"{len(text)} characters"


def article(kind: str) -> str:
    return ("an " if kind[0] in "aio" else "a ") + kind


def setter(part: str, name: str, value: str) -> Callable[[Plan], None]:
    return lambda plan: getattr(plan, part).__setitem__(name, value)


def header(name: str, value: str) -> Callable[[Plan], None]:
    return setter("headers", name, value)


def without_header(name: str) -> Callable[[Plan], None]:
    return lambda plan: plan.headers.pop(name, None)


def query(name: str, value: str | None) -> Callable[[Plan], None]:
    return lambda plan: plan.set_query(name, value)


def proof(value: str) -> Callable[[Plan], None]:
    return lambda plan: setattr(plan, "proof", value)


def raw(name: str, value: str) -> Callable[[Plan], None]:
    def change(plan: Plan) -> None:
        # The others as some clients write them: not encoded at all.
        plan.raw = True
        plan.path[name] = value

    return change


def whole(value: object) -> Callable[[Plan], None]:
    return lambda plan: setattr(plan, "body", value)


def inner(path: tuple, value: object) -> Callable[[Plan], None]:
    """Sets, or takes away, a part of the body."""
    if not path:
        return whole(value)

    def change(plan: Plan) -> None:
        holder = plan.body
        for step in path[:-1]:
            holder = holder[step]
        if value is NOTHING:
            del holder[path[-1]]
        else:
            holder[path[-1]] = value

    return change
