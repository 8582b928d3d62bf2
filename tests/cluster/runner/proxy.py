"""A TCP proxy that breaks what passes through it: between a node and its database, or its bus.

It watches what the client says for a marker too, passes it on, and cuts before the server's answer comes
back: for the moment after COMMIT was sent and before anybody knows whether it was done."""

import asyncio
import socket
import struct
from dataclasses import dataclass

from .processes import free_port

CHUNK = 1 << 16
# How long a swallowed answer is waited for, so that what was asked is done before the cut.
ANSWER_SECONDS = 2


@dataclass
class Ambush:
    """Cut after the client's `marker`; every so many of them. `answer`: what the server says once it is done."""

    marker: bytes = b"COMMIT\0"
    answer: bytes = b"COMMIT\0"
    every: int = 1
    seen: int = 0
    cuts: int = 0


def reset(writer: asyncio.StreamWriter) -> None:
    """Closes with an RST: what is under way is lost."""
    try:
        wire = writer.get_extra_info("socket")
        wire.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    except OSError:
        pass
    writer.transport.abort()


class Link:
    """A connection through the proxy."""

    def __init__(self, proxy: "Proxy", client: asyncio.StreamWriter, server: asyncio.StreamWriter):
        self.proxy = proxy
        self.client = client
        self.server = server
        # Bytes were swallowed: it can only be cut.
        self.spoilt = False
        # Set by an ambush: nothing goes back to the client any more.
        self.silent = False
        self.tail = b""
        self.answered = asyncio.Event()

    async def up(self, source: asyncio.StreamReader) -> None:
        while data := await source.read(CHUNK):
            sprung = self.proxy.ambush is not None and self.marked(data)
            self.silent |= sprung
            await self.forward(data, self.server)
            if sprung:
                asyncio.ensure_future(self.cut_when_done())

    async def down(self, source: asyncio.StreamReader) -> None:
        tail = b""
        while data := await source.read(CHUNK):
            if not self.silent:
                await self.forward(data, self.client)
            elif self.proxy.ambush and self.proxy.ambush.answer in tail + data:
                self.answered.set()
            tail = data[-32:]

    def marked(self, data: bytes) -> bool:
        ambush = self.proxy.ambush
        text = self.tail + data
        count = text.count(ambush.marker)
        # A marker is counted once, though it may come in two pieces.
        self.tail = b"" if text.endswith(ambush.marker) else text[-(len(ambush.marker) - 1):]
        before, ambush.seen = ambush.seen, ambush.seen + count
        return ambush.seen // ambush.every > before // ambush.every

    async def cut_when_done(self) -> None:
        try:
            await asyncio.wait_for(self.answered.wait(), ANSWER_SECONDS)
        except asyncio.TimeoutError:
            pass
        if self.proxy.ambush:
            self.proxy.ambush.cuts += 1
        self.cut()

    async def forward(self, data: bytes, to: asyncio.StreamWriter) -> None:
        if self.proxy.delay:
            await asyncio.sleep(self.proxy.delay)
        if self.proxy.mode == "swallow":
            self.spoilt = True
            return
        await self.proxy.flowing.wait()
        to.write(data)
        await to.drain()

    def cut(self) -> None:
        for writer in (self.client, self.server):
            reset(writer)

    def close(self) -> None:
        for writer in (self.client, self.server):
            writer.close()


class Proxy:
    """`mode`: forward; refuse (what connects is cut); swallow (accepted, and nothing passes either way)."""

    def __init__(self, target: int):
        self.target = target
        self.port = free_port()
        self.mode = "forward"
        self.delay = 0.0
        self.ambush: Ambush | None = None
        self.flowing = asyncio.Event()
        self.flowing.set()
        self.links: set[Link] = set()
        self.listener: asyncio.Server | None = None

    async def start(self) -> "Proxy":
        self.listener = await asyncio.start_server(self.accept, "127.0.0.1", self.port)
        return self

    async def accept(self, reader: asyncio.StreamReader, client: asyncio.StreamWriter) -> None:
        if self.mode == "refuse":
            return reset(client)
        try:
            upstream, server = await asyncio.open_connection("127.0.0.1", self.target)
        except OSError:
            return reset(client)
        link = Link(self, client, server)
        self.links.add(link)
        try:
            pumps = [asyncio.ensure_future(link.up(reader)), asyncio.ensure_future(link.down(upstream))]
            _, others = await asyncio.wait(pumps, return_when=asyncio.FIRST_COMPLETED)
            for pump in others:
                pump.cancel()
            await asyncio.gather(*pumps, return_exceptions=True)
        except asyncio.CancelledError:
            pass  # at the very end, and asyncio's streams take it badly
        finally:
            self.links.discard(link)
            link.close()

    def cut(self, mode: str = "refuse") -> None:
        """Breaks what is connected, and what connects from now on."""
        self.mode = mode
        for link in list(self.links):
            link.cut()

    def swallow(self) -> None:
        """Nothing passes any more, and nobody is told."""
        self.mode = "swallow"

    def hold(self) -> None:
        """Nothing is read any more: who sends finds the pipe full. `heal` lets it flow again."""
        self.flowing.clear()

    def heal(self) -> None:
        self.mode = "forward"
        self.delay = 0.0
        self.ambush = None
        self.flowing.set()
        for link in list(self.links):
            if link.spoilt:
                link.cut()

    def close(self) -> None:
        if self.listener:
            self.listener.close()
        for link in list(self.links):
            link.cut()
