"""What valid requests are about: users, threads, messages. Made in the newest api-versions, whatever is tested."""

import json
import struct
import zlib
from dataclasses import dataclass, field
from urllib.parse import quote

from .wire import Request, Server

IDENTITY = "api-version=2023-10-01"
CHAT = "api-version=2025-03-15"


def chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


# The smallest images that are what they say: one pixel each.
PNG = (
    b"\x89PNG\r\n\x1a\n"
    + chunk(b"IHDR", struct.pack(">IIBBBBB", 1, 1, 8, 2, 0, 0, 0))
    + chunk(b"IDAT", zlib.compress(b"\x00\xff\x00\x00"))
    + chunk(b"IEND", b"")
)
GIF = bytes.fromhex("47494638396101000100800000ff0000ffffff2c00000000010001000002024401003b")


class Unready(Exception):
    """The stage could not be set: the server refused what every version needs."""


@dataclass
class User:
    id: str
    token: str = ""

    def identifier(self) -> dict:
        return {"rawId": self.id, "communicationUser": {"id": self.id}}


@dataclass
class Thread:
    id: str
    members: list[User]
    # Of its owner, undeleted.
    messages: list[str] = field(default_factory=list)


def call(server: Server, method: str, target: str, body: object = None, proof: str = "key") -> dict:
    content = b"" if body is None else json.dumps(body).encode()
    kind = "application/merge-patch+json" if method == "PATCH" else "application/json"
    answer = server.send(Request(method, target, content, {"content-type": kind}, proof))
    if answer.status >= 300:
        raise Unready(f"{method} {target}: {answer.short()}")
    return json.loads(answer.body) if answer.body else {}


def new_user(server: Server, *scopes: str) -> User:
    made = call(server, "POST", f"/identities?{IDENTITY}", {"createTokenWithScopes": scopes or ["chat"]})
    return User(made["identity"]["id"], made["accessToken"]["token"])


class World:
    def __init__(self, server: Server):
        self.server = server
        self.owner = self.user()
        self.friend = self.user()
        self.stranger = self.user()
        self.nobody = self.user()
        self.limited = self.user("chat.join.limited")
        self.caller_only = self.user("voip")
        self.set_stage()

    def set_stage(self) -> None:
        """A thread that most requests are about. Members and messages gather in it, so a long run sets it anew."""
        self.thread = self.new_thread()
        self.thread.messages = [self.new_message(self.thread, text) for text in ("one", "two")]
        self.kept_image = ""

    def call(self, method: str, target: str, body: object = None, proof: str = "key") -> dict:
        return call(self.server, method, target, body, proof)

    def user(self, *scopes: str) -> User:
        return new_user(self.server, *scopes)

    def new_thread(self) -> Thread:
        members = [self.owner, self.friend, self.limited]
        participants = [{"communicationIdentifier": user.identifier()} for user in members]
        made = self.call(
            "POST", f"/chat/threads?{CHAT}", {"topic": "stage", "participants": participants}, self.owner.token
        )
        return Thread(made["chatThread"]["id"], members)

    def new_message(self, thread: Thread, text: str = "for one use") -> str:
        target = f"/chat/threads/{quote(thread.id, safe='')}/messages?{CHAT}"
        return self.call("POST", target, {"content": text}, self.owner.token)["id"]

    def new_member(self, thread: Thread) -> User:
        """A participant who may be removed."""
        user = User(self.call("POST", f"/identities?{IDENTITY}", {})["identity"]["id"])
        target = f"/chat/threads/{quote(thread.id, safe='')}/participants/:add?{CHAT}"
        self.call("POST", target, {"participants": [{"communicationIdentifier": user.identifier()}]}, self.owner.token)
        return user

    def image(self) -> str:
        """One that stays, in the thread that stays."""
        self.kept_image = self.kept_image or self.new_image(self.thread)
        return self.kept_image

    def new_image(self, thread: Thread) -> str:
        target = f"/chat/threads/{quote(thread.id, safe='')}/images?api-version=2024-06-05-preview"
        headers = {"content-type": "application/octet-stream"}
        answer = self.server.send(Request("POST", target, PNG, headers, self.owner.token))
        if answer.status != 201:
            raise Unready(f"POST {target}: {answer.short()}")
        return json.loads(answer.body)["id"]
