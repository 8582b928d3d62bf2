"""A TCP load balancer: several nodes behind one address. It asks each for /readyz, gives new connections to
those that are ready in turn, leaves the connections of a node that drains, and ends those of one that is gone."""

import asyncio

from .node import Node
from .processes import free_port
from .proxy import reset
from .wire import CALL_TROUBLE, Wire

INTERVAL = 0.2
PATIENCE = 1.0
# A node that does not answer so many times in a row is gone; one that says so is gone at once.
MISSES = 2
CHUNK = 1 << 16


class Backend:
    def __init__(self, node: Node):
        self.node = node
        self.up = True
        self.misses = 0
        self.pairs: set[tuple[asyncio.StreamWriter, asyncio.StreamWriter]] = set()

    def drop(self) -> None:
        for pair in list(self.pairs):
            for writer in pair:
                reset(writer)


class Balancer:
    def __init__(self) -> None:
        self.port = free_port()
        self.backends: list[Backend] = []
        self.turn = 0
        self.listener: asyncio.Server | None = None
        self.watchers: list[asyncio.Task] = []

    @property
    def url(self) -> str:
        return f"https://127.0.0.1:{self.port}"

    async def start(self, nodes: list[Node]) -> None:
        self.backends = [Backend(node) for node in nodes]
        self.listener = await asyncio.start_server(self.accept, "127.0.0.1", self.port, backlog=4096)
        self.watchers = [asyncio.create_task(self.watch(backend)) for backend in self.backends]

    async def watch(self, backend: Backend) -> None:
        while True:
            status, text = await self.ask(backend.node)
            if status == 200:
                backend.up, backend.misses = True, 0
            elif status == 503 and text.startswith(b"draining"):
                backend.up = False
            else:
                backend.misses += 1
                if status or backend.misses >= MISSES:
                    backend.up = False
                    backend.drop()
            await asyncio.sleep(INTERVAL)

    async def ask(self, node: Node) -> tuple[int, bytes]:
        wire = Wire("127.0.0.1", node.http_port)
        try:
            answer = await wire.call("GET", "/readyz", seconds=PATIENCE)
            return answer.status, answer.body
        except CALL_TROUBLE:
            return 0, b""
        finally:
            wire.close()

    def in_turn(self) -> list[Backend]:
        """Those that are ready, the next one first; all, if none is."""
        self.turn += 1
        ready = [backend for backend in self.backends if backend.up] or self.backends
        start = self.turn % len(ready)
        return ready[start:] + ready[:start]

    async def accept(self, reader: asyncio.StreamReader, client: asyncio.StreamWriter) -> None:
        for backend in self.in_turn():
            try:
                connecting = asyncio.open_connection("127.0.0.1", backend.node.port)
                upstream, server = await asyncio.wait_for(connecting, PATIENCE)
                break
            except (OSError, asyncio.TimeoutError):
                continue
        else:
            return reset(client)
        pair = (client, server)
        backend.pairs.add(pair)
        try:
            await asyncio.gather(pump(reader, server), pump(upstream, client))
        except (OSError, asyncio.CancelledError):
            pass  # cancelled: at the very end, and asyncio's streams take it badly
        finally:
            backend.pairs.discard(pair)
            for writer in pair:
                writer.close()

    def close(self) -> None:
        for watcher in self.watchers:
            watcher.cancel()
        if self.listener:
            self.listener.close()
        for backend in self.backends:
            backend.drop()


async def pump(source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
    """Passes on what comes, and its end too."""
    while data := await source.read(CHUNK):
        sink.write(data)
        await sink.drain()
    if sink.can_write_eof():
        sink.write_eof()
