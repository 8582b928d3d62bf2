"""Users of the cluster: made with an access key, then acting with a token (docs/rest.md)."""

import base64
import email.utils
import hashlib
import hmac
import json
import ssl
from urllib.parse import quote, urlsplit

from .wire import Answer, Wire

IDENTITY = "api-version=2023-10-01"
CHAT = "api-version=2025-03-15"


class Refused(Exception):
    def __init__(self, answer: Answer):
        super().__init__(f"{answer.status} {answer.body[:300].decode(errors='replace')}")
        self.answer = answer


class Place:
    """An address of the cluster: a node's or the balancer's. `node` is the node's name, None behind the balancer."""

    def __init__(self, port: int, tls: ssl.SSLContext, node: str | None):
        self.port, self.tls, self.node = port, tls, node

    def wire(self) -> Wire:
        return Wire("127.0.0.1", self.port, self.tls)


def signed(key: str, method: str, path: str, host: str, body: bytes) -> dict[str, str]:
    """The headers that prove an access key."""
    date = email.utils.formatdate(usegmt=True)
    content = base64.b64encode(hashlib.sha256(body).digest()).decode()
    text = f"{method}\n{path}\n{date};{host};{content}"
    signature = base64.b64encode(hmac.digest(base64.b64decode(key), text.encode(), "sha256")).decode()
    proof = f"HMAC-SHA256 SignedHeaders=x-ms-date;host;x-ms-content-sha256&Signature={signature}"
    return {"Authorization": proof, "x-ms-date": date, "x-ms-content-sha256": content, "Host": host}


class User:
    """A user, and the place where it does things unless told otherwise."""

    def __init__(self, name: str, raw_id: str, token: str, place: Place):
        self.name, self.id, self.place = name, raw_id, place
        self.bearer = {"Authorization": f"Bearer {token}"}

    @classmethod
    async def create(cls, name: str, place: Place, key: str) -> "User":
        path = f"/identities?{IDENTITY}"
        body = json.dumps({"createTokenWithScopes": ["chat"]}).encode()
        wire = place.wire()
        try:
            answer = await wire.call("POST", path, signed(key, "POST", path, f"127.0.0.1:{place.port}", body), body)
        finally:
            wire.close()
        if answer.status >= 300:
            raise Refused(answer)
        made = answer.json()
        return cls(name, made["identity"]["id"], made["accessToken"]["token"], place)

    def participant(self) -> dict:
        identifier = {"rawId": self.id, "communicationUser": {"id": self.id}}
        return {"communicationIdentifier": identifier, "displayName": self.name}

    async def once(self, method: str, path: str, body: object = None, place: Place | None = None) -> dict:
        """A request on a connection of its own that must succeed."""
        wire = (place or self.place).wire()
        try:
            answer = await wire.call(method, path, self.bearer, body)
        finally:
            wire.close()
        if answer.status >= 300:
            raise Refused(answer)
        return answer.json()

    async def create_thread(self, topic: str, everybody: list["User"]) -> str:
        body = {"topic": topic, "participants": [user.participant() for user in everybody]}
        return (await self.once("POST", f"/chat/threads?{CHAT}", body))["chatThread"]["id"]

    async def list(self, thread: str, place: Place | None = None) -> list[dict]:
        """All messages of a thread, oldest first."""
        wire = (place or self.place).wire()
        path: str | None = messages(thread)
        found = []
        try:
            while path:
                answer = await wire.call("GET", path, self.bearer, seconds=15)
                if answer.status != 200:
                    raise Refused(answer)
                page = answer.json()
                found += page["value"]
                # The link leads to the public address; we stay where we are.
                path = page.get("nextLink") and "{0.path}?{0.query}".format(urlsplit(page["nextLink"]))
        finally:
            wire.close()
        return found[::-1]


def messages(thread: str, more: str = "") -> str:
    return f"/chat/threads/{quote(thread, safe='')}/messages?{CHAT}{more}"


def text_of(message: dict) -> str:
    """What names a message of a sender: `sender:n`, before the padding. Empty for system messages."""
    if message["type"] not in ("text", "Text"):
        return ""
    return message["content"]["message"].split(" ", 1)[0]
