"""A connection to the stream by server-sent events, read line by line."""

import http.client
import json
from dataclasses import dataclass
from urllib.parse import urlencode

from .rest import HERE, Refused, Server, User
from .schema import must_fit

PATH = "/_samband/v1/events"


@dataclass
class Block:
    """What stands between two empty lines."""

    id: str | None = None
    event: dict | None = None
    retry: str | None = None


def path(query: dict | None = None) -> str:
    return PATH + ("?" + urlencode(query, doseq=True) if query else "")


def proof_of(who: User | dict[str, str] | None, server: Server) -> tuple[dict[str, str], Server]:
    """The headers that say who asks, and the server to ask."""
    return (who.bearer, who.server) if isinstance(who, User) else (who or {}, server)


class Stream:
    """Raises Refused where the server refuses. `last` is the position as an EventSource would hold it."""

    def __init__(
        self,
        who: User | dict[str, str],
        query: dict | None = None,
        headers: dict[str, str] | None = None,
        server: Server = HERE,
    ):
        proof, server = proof_of(who, server)
        self.wire = server.connection()
        self.wire.request("GET", path(query), headers=proof | (headers or {}))
        self.answer = self.wire.getresponse()
        if self.answer.status != 200:
            try:
                raise Refused(self.answer.status, self.answer.read(), self.answer.headers)
            finally:
                self.wire.close()
        self.last: str | None = None
        self.ignored: set[str] = set()

    def __enter__(self) -> "Stream":
        return self

    def __exit__(self, *_: object) -> None:
        self.answer.close()
        self.wire.close()

    def block(self) -> Block | None:
        """The next block; none at the stream's end."""
        block = Block()
        while True:
            try:
                line = self.answer.readline()
            except http.client.IncompleteRead:
                return None
            if not line:
                return None
            if not line.endswith(b"\n"):
                raise AssertionError(f"the stream ended within a line: {line[-80:]!r}")
            text = line[:-1].decode()
            if not text:
                self.last = block.id or self.last
                return block
            field, _, value = text.partition(": ")
            if field == "id":
                block.id = value
            elif field == "data" and block.event is None:
                block.event = must_fit(json.loads(value))
            elif field == "retry":
                block.retry = value
            elif not text.startswith(":"):
                raise AssertionError(f"an unexpected line: {text[:80]!r}")

    def next(self) -> dict | None:
        """The next event; none at the stream's end. Its position must be that of its lines."""
        while (event := self.any()) and event["data"].get("threadId") in self.ignored:
            pass
        return event

    def any(self) -> dict | None:
        while True:
            block = self.block()
            if block is None:
                return None
            if block.event is not None:
                if block.event.get("position") != block.id:
                    raise AssertionError(f"id {block.id} on an event with position {block.event.get('position')}")
                return block.event

    def take(self, count: int) -> list[dict]:
        events = []
        while len(events) < count:
            event = self.next()
            if event is None:
                raise AssertionError(f"the stream ended after {len(events)} of {count} events")
            events.append(event)
        return events

    def start(self) -> str:
        """The position that stands before the first event."""
        while self.last is None:
            if self.block() is None:
                raise AssertionError("the stream ended before it said a position")
        return self.last

    def until(self, thread: str, message: str) -> list[dict]:
        """The events up to the one that this message was received. Threads may have messages of the same id."""
        events = []
        while True:
            event = self.next()
            if event is None:
                raise AssertionError(f"the stream ended before message {message}; {kinds(events)}")
            events.append(event)
            if is_received(event) and (event["data"]["threadId"], event["data"]["messageId"]) == (thread, message):
                return events


def is_received(event: dict) -> bool:
    return event["type"].startswith("Microsoft.Communication.ChatMessageReceived")


def kinds(events: list[dict]) -> list[str]:
    return [event["type"].rpartition(".")[2] for event in events]
