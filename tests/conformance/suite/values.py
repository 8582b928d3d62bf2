"""Valid requests: random values that the documents allow and that mean something to the server."""

import uuid
from email.utils import formatdate
from random import Random

from .contract import Contract, Operation
from .plan import Plan
from .world import GIF, PNG, Thread, World

TIMES = (
    "2020-10-30T10:50:50Z",
    "2021-01-01T00:00:00.000Z",
    "2021-06-30T23:59:59.9999999Z",
    "2022-02-28T12:00:00+02:00",
    "2024-02-29T00:00:00-11:30",
    "1970-01-01T00:00:00Z",
    "2099-12-31T23:59:59Z",
)
TEXTS = (
    "",
    " ",
    "a",
    "Lunch",
    "Ärger & <b>so</b>",
    "日本語のテキスト",
    "👩‍👩‍👧‍👦 family",
    "שלום",
    "a\u0000b",
    "\u2028\ufeff",
    "'; drop table entry; --",
    "${x} {{y}} %00 %s \\",
    "line\r\nline\ttab",
)
# The documents name no lengths; these are sizes that clients have been seen to send.
LENGTHS = (1, 63, 64, 255, 256, 257, 1000)
# Chat's guide says about 28 KB for a message.
CONTENT_LENGTHS = (1, 1024, 28 * 1024)
CLOUDS = ("public", "dod", "gcch")


class Values:
    def __init__(self, random: Random, world: World, contract: Contract):
        self.random = random
        self.world = world
        self.contract = contract

    def plan(self, operation: Operation, full: bool = False) -> Plan:
        """A valid request, about something that it may destroy. `full`: with every optional part."""
        random, world = self.random, self.world
        proof = "key" if self.contract.service == "identity" else world.owner.token
        plan = Plan(self.contract, operation, proof)
        thread = world.new_thread() if operation.role == "DeleteChatThread" else world.thread
        for parameter in operation.parameters:
            name, place = parameter["name"], parameter["in"]
            if place == "path":
                plan.path[name] = self.path_value(operation, name, parameter, thread)
            elif name == "api-version":
                plan.query.append((name, self.contract.version))
            elif not (full or random.random() < 0.5):
                continue
            elif place == "query":
                plan.query.append((name, self.query_value(name, parameter)))
            else:
                plan.headers[name] = self.header_value(parameter)
        if "Repeatability-Request-ID" in plan.headers or "Repeatability-First-Sent" in plan.headers:
            # One of the pair asks for the other.
            plan.headers["Repeatability-Request-ID"] = str(uuid.UUID(int=random.getrandbits(128), version=4))
            plan.headers["Repeatability-First-Sent"] = formatdate(usegmt=True)
        if operation.body and (operation.body_required or full or random.random() < 0.7):
            plan.headers["content-type"] = random.choice(operation.consumes)
            if operation.consumes == ["application/octet-stream"]:
                plan.body = random.choice((PNG, GIF))
            elif operation.role == "RemoveChatParticipant":
                plan.body = world.new_member(thread).identifier()
                if self.contract.knows("CommunicationIdentifierModel", "kind"):
                    plan.body["kind"] = "communicationUser"
            else:
                plan.body = self.value(operation.body, full)
                if operation.role == "UpdateChatParticipant":
                    plan.body["communicationIdentifier"] = world.friend.identifier()
        return plan

    def path_value(self, operation: Operation, name: str, parameter: dict, thread: Thread) -> str:
        world = self.world
        if "enum" in parameter:
            return self.random.choice(parameter["enum"])
        if name == "chatThreadId":
            return thread.id
        if name == "chatMessageId":
            return (
                world.new_message(thread)
                if operation.role == "DeleteChatMessage"
                else self.random.choice(thread.messages)
            )
        if name in ("chatMemberId", "chatParticipantId"):
            return world.new_member(thread).id
        if name == "imageId":
            return world.new_image(thread)
        if name == "id":
            return world.user().id
        raise KeyError(f"no value for the path parameter {name}")

    def query_value(self, name: str, parameter: dict) -> str:
        if parameter["type"] == "integer":
            lowest = 0 if name == "skip" else 1
            return str(self.random.choice((lowest, 1, 2, 20, 200, 201, 2**31 - 1)))
        if parameter.get("format") == "date-time":
            return self.random.choice(TIMES)
        raise KeyError(f"no value for the query parameter {name}")

    def header_value(self, parameter: dict) -> str:
        if parameter["name"] == "image-filename":
            return self.random.choice(("photo.png", "a", "x" * 200 + ".png"))
        return str(uuid.UUID(int=self.random.getrandbits(128), version=4))

    def text(self, lengths: tuple[int, ...] = LENGTHS) -> str:
        """One of the texts that go wrong easily, or one that fills a length (of UTF-8 bytes)."""
        if self.random.random() < 0.7:
            return self.random.choice(TEXTS)
        filling = self.random.choice("xé𝄞")
        return filling * max(1, self.random.choice(lengths) // len(filling.encode()))

    def value(self, schema: dict, full: bool, name: str = "") -> object:
        """A value of a schema. `name`: the definition or property that it is of."""
        random = self.random
        if "$ref" in schema:
            name = schema["$ref"].rsplit("/", 1)[1]
            schema = self.contract.resolve(schema)
        if name == "CommunicationIdentifierModel":
            return self.identifier(schema, full)
        if name == "ChatAttachment":
            return self.attachment(full)
        if name == "ChatMessageType":
            # The other types are the system's own; clients send these two.
            return random.choice(("text", "html"))
        if name == "chatMessageId":
            return random.choice(self.world.thread.messages)
        if name == "id":
            return random.choice((self.world.owner, self.world.friend, self.world.nobody)).id
        if name == "content":
            return self.text(CONTENT_LENGTHS)
        if name == "deleteThreadAfterDays":
            return random.choice((30, 31, 89, 90))
        if "oneOf" in schema:
            return self.value(schema["oneOf"][0] if full else random.choice(schema["oneOf"]), full)
        if "enum" in schema:
            return random.choice(schema["enum"])
        return self.plain(schema, full, name)

    def plain(self, schema: dict, full: bool, name: str) -> object:
        random = self.random
        match schema["type"]:
            case "object" if "additionalProperties" in schema:
                return {f"key {index}": self.text() for index in range(2 if full else random.randrange(4))}
            case "object":
                required = schema.get("required", [])
                chosen = {
                    key: value
                    for key, value in schema["properties"].items()
                    if full or key in required or random.random() < 0.5
                }
                return {key: self.value(value, full, key) for key, value in chosen.items()}
            case "array" if name in ("scopes", "createTokenWithScopes"):
                # The first version names them in its guide alone.
                scopes = self.contract.resolve(schema["items"]).get("enum", ["chat", "voip", "pstn"])
                return random.sample(scopes, random.randint(1, len(scopes)))
            case "array" if name == "roleIds":
                return [self.text((1, 36, 64)) or "member" for _ in range(1 if full else random.randrange(4))]
            case "array":
                return [self.value(schema["items"], full) for _ in range(1 if full else random.randrange(4))]
            case "integer":
                lowest, highest = schema.get("minimum", 0), schema.get("maximum", 2**31 - 1)
                return random.choice((lowest, lowest + 1, highest - 1, highest))
            case "boolean":
                return random.random() < 0.5
            case "string" if schema.get("format") == "date-time":
                return random.choice(TIMES)
            case "string":
                return self.text()
        raise KeyError(f"no value for {name}: {schema}")

    def identifier(self, schema: dict, full: bool) -> dict:
        """Of one kind; a user whom the server knows in most cases."""
        random = self.random
        kinds = [key for key in schema["properties"] if key not in ("kind", "rawId")]
        kind = random.choice(kinds) if random.random() < 0.4 and not full else "communicationUser"
        cloud = {} if random.random() < 0.5 and not full else {"cloud": random.choice(CLOUDS)}
        model: dict = {}
        match kind:
            case "communicationUser":
                user = random.choice((self.world.owner, self.world.friend, self.world.nobody))
                model = user.identifier()
                if random.random() < 0.3 and not full:
                    del model[random.choice(("rawId", "communicationUser"))]
            case "phoneNumber":
                model = {kind: {"value": "+14255550123"}}
            case "microsoftTeamsUser":
                model = {kind: {"userId": str(uuid.UUID(int=9)), "isAnonymous": random.random() < 0.5} | cloud}
            case "microsoftTeamsApp":
                model = {kind: {"appId": str(uuid.UUID(int=11))} | cloud}
            case _:
                raise KeyError(f"no value for an identifier of kind {kind}")
        if "kind" in schema["properties"] and (full or random.random() < 0.5):
            model["kind"] = kind
        return model

    def attachment(self, full: bool) -> dict:
        attachment = {"id": self.world.image(), "attachmentType": "image"}
        if full or self.random.random() < 0.5:
            # Clients send back what they read.
            attachment |= {
                "name": "photo.png",
                "url": "https://localhost/original",
                "previewUrl": "https://localhost/small",
            }
        return attachment
