"""Listeners: the open event stream as its documents say to use it. Each resumes with its last position,
and where that is gone, connects without one and lists."""

import asyncio
import base64
import json
import os
import struct
from collections.abc import AsyncIterator

from .history import History
from .people import Place, Refused, User, text_of
from .wire import CALL_TROUBLE, Broken, Wire

PATH = "/_samband/v1/events"
# The server says something at least each 15 s (Server-Sent Events) or pings each 30 s (WebSocket).
SILENCE = {"sse": 20.0, "websocket": 40.0}
CONNECTING = 5.0
PAUSE = 0.2
RECEIVED = ("Microsoft.Communication.ChatMessageReceived", "Microsoft.Communication.ChatMessageReceivedInThread")
TEXT, CLOSE, PING, PONG = 1, 8, 9, 10


class Listener:
    """`how`: sse or websocket. `proof`: headers that say who listens, if not the user's own."""

    def __init__(self, name: str, user: User, place: Place, how: str, threads: list[str], history: History,
                 proof: dict[str, str] | None = None):
        self.name, self.user, self.place, self.how = name, user, place, how
        self.threads, self.history = threads, history
        self.proof = proof or user.bearer
        self.position: str | None = None
        self.told: set[str] = set()
        # Messages heard, by thread and id: for those who wait until it is whole.
        self.heard: set[tuple[str, str]] = set()
        self.connected = asyncio.Event()
        self.task: asyncio.Task | None = None

    def start(self) -> None:
        self.task = asyncio.create_task(self.run())

    async def stop(self) -> None:
        self.task.cancel()
        (how,) = await asyncio.gather(self.task, return_exceptions=True)
        if not isinstance(how, asyncio.CancelledError):
            raise how

    def write(self, kind: str, **fields: object) -> None:
        self.history.write(kind, who=self.name, **fields)

    async def run(self) -> None:
        while True:
            wire = self.place.wire()
            try:
                why = await self.listen(wire)
            except CALL_TROUBLE as trouble:
                why = f"{type(trouble).__name__} {trouble}"[:120]
            finally:
                wire.close()
            if self.connected.is_set():
                self.connected.clear()
                self.write("lost", why=why)
            await asyncio.sleep(PAUSE)

    async def listen(self, wire: Wire) -> str:
        """One connection. Returns why it ended."""
        resumed = self.position
        events = self.sse(wire) if self.how == "sse" else self.websocket(wire)
        try:
            async with asyncio.timeout(CONNECTING):
                await anext(events)
        except Refused as refused:
            if refused.answer.status != 410:
                return str(refused)[:120]
            self.write("expired")
            self.position = None
            return "410"
        except StopAsyncIteration:
            raise Broken("ended before it said where it is") from None
        self.connected.set()
        self.write("connected", node=self.place.node, after=resumed)
        if resumed is None and self.told:
            # In this order, so that nothing falls between.
            await self.list()
        while True:
            try:
                async with asyncio.timeout(SILENCE[self.how]):
                    event = await anext(events)
            except StopAsyncIteration:
                return "ended"
            self.take(event)

    def take(self, event: dict) -> None:
        if event["type"] == "Samband.Gap":
            self.write("gap", reason=event["data"].get("reason"))
            self.position = event["data"].get("lastPosition") or self.position
        self.position = event.get("position") or self.position
        if event["type"] not in RECEIVED:
            return
        data = event["data"]
        again = event["id"] in self.told
        self.told.add(event["id"])
        self.heard.add((data["threadId"], data["messageId"]))
        self.write(
            "event", thread=data["threadId"], id=data["messageId"], text=data["messageBody"].split(" ", 1)[0],
            event=event["id"], again=again,
        )

    async def list(self) -> None:
        for thread in self.threads:
            found = [[message["id"], text_of(message)] for message in await self.user.list(thread, self.place)]
            self.heard |= {(thread, name) for name, _ in found}
            self.write("listed", thread=thread, messages=found)

    async def sse(self, wire: Wire) -> AsyncIterator[dict | None]:
        """None once it is connected and knows where it is, then events."""
        resume = {"Last-Event-ID": self.position} if self.position else {}
        await wire.send("GET", PATH, self.proof | resume)
        answer = await wire.head()
        if answer.status != 200:
            answer.body = await wire.reader.readexactly(int(answer.headers.get("content-length", "0")))
            raise Refused(answer)
        started = False
        rest = b""
        async for chunk in wire.chunks():
            *blocks, rest = (rest + chunk).split(b"\n\n")
            for block in blocks:
                fields = dict(line.split(b": ", 1) for line in block.split(b"\n") if b": " in line)
                if b"data" in fields:
                    yield json.loads(fields[b"data"])
                    continue
                if b"id" in fields:
                    self.position = fields[b"id"].decode()
                if not started:
                    started = True
                    yield None

    async def websocket(self, wire: Wire) -> AsyncIterator[dict | None]:
        key = base64.b64encode(os.urandom(16)).decode()
        headers = {"Connection": "Upgrade", "Upgrade": "websocket", "Sec-WebSocket-Version": "13", "Sec-WebSocket-Key": key}
        after = f"?after={self.position}" if self.position else ""
        await wire.send("GET", PATH + after, self.proof | headers)
        answer = await wire.head()
        if answer.status != 101:
            answer.body = await wire.reader.readexactly(int(answer.headers.get("content-length", "0")))
            raise Refused(answer)
        while True:
            kind, payload = await frame(wire)
            if kind == TEXT:
                event = json.loads(payload)
                if event["type"] == "Samband.Connected":
                    self.position = event["data"]["position"]
                    yield None
                else:
                    yield event
            elif kind == PING:
                wire.writer.write(bytes([0x80 | PONG, 0x80 | len(payload)]) + bytes(4) + payload)
            elif kind == CLOSE:
                return


async def frame(wire: Wire) -> tuple[int, bytes]:
    first, second = await wire.reader.readexactly(2)
    if not first & 0x80 or second & 0x80:
        raise Broken(f"an odd frame: {first:#x} {second:#x}")
    length = second & 0x7F
    if length >= 126:
        form = ">H" if length == 126 else ">Q"
        (length,) = struct.unpack(form, await wire.reader.readexactly(struct.calcsize(form)))
    return first & 0x0F, await wire.reader.readexactly(length)
