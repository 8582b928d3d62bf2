"""A TCP load balancer: several nodes behind one address. It asks each for /readyz, gives new connections to
those that are ready in turn, leaves the connections of a node that drains, and ends those of one that is gone."""

import asyncio
import socket
import struct

from .node import Node
from .processes import free_port
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
        # Of each connection.
        self.tasks: set[asyncio.Task] = set()

    def drop(self) -> None:
        for task in self.tasks:
            task.cancel()


class Balancer:
    def __init__(self) -> None:
        self.port = free_port()
        self.backends: list[Backend] = []
        self.turn = 0
        self.listener: socket.socket | None = None
        self.tasks: list[asyncio.Task] = []
        self.connecting: set[asyncio.Task] = set()

    @property
    def url(self) -> str:
        return f"https://127.0.0.1:{self.port}"

    async def start(self, nodes: list[Node]) -> None:
        self.backends = [Backend(node) for node in nodes]
        self.listener = socket.create_server(("127.0.0.1", self.port), backlog=4096)
        self.listener.setblocking(False)
        self.tasks = [asyncio.create_task(self.watch(backend)) for backend in self.backends]
        self.tasks.append(asyncio.create_task(self.accept()))

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

    async def accept(self) -> None:
        while True:
            client, _ = await asyncio.get_running_loop().sock_accept(self.listener)
            task = asyncio.create_task(self.serve(client))
            self.connecting.add(task)
            task.add_done_callback(self.connecting.discard)

    async def serve(self, client: socket.socket) -> None:
        for backend in self.in_turn():
            try:
                server = await connect(backend.node.port)
                break
            except (OSError, asyncio.TimeoutError):
                continue
        else:
            return reset(client)
        task = asyncio.create_task(both_ways(client, server))
        backend.tasks.add(task)
        task.add_done_callback(backend.tasks.discard)

    def close(self) -> None:
        for task in self.tasks:
            task.cancel()
        if self.listener:
            self.listener.close()
        for backend in self.backends:
            backend.drop()


async def connect(port: int) -> socket.socket:
    wire = socket.socket()
    wire.setblocking(False)
    try:
        await asyncio.wait_for(asyncio.get_running_loop().sock_connect(wire, ("127.0.0.1", port)), PATIENCE)
    except BaseException:
        wire.close()
        raise
    wire.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return wire


def reset(wire: socket.socket) -> None:
    """Closes with an RST."""
    wire.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    wire.close()


class Gone(Exception):
    """A peer has reset the connection: nobody is there to be told anything."""


async def both_ways(client: socket.socket, server: socket.socket) -> None:
    """Until both have ended, one is gone, or it is cancelled. Sockets without asyncio's transports: with
    those, what a peer said last is lost once something cannot be sent to it."""
    client.setblocking(False)
    client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    end = reset
    try:
        async with asyncio.TaskGroup() as ways:
            ways.create_task(one_way(client, server))
            ways.create_task(one_way(server, client))
        end = socket.socket.close
    except* Gone:
        pass
    finally:
        for wire in (client, server):
            end(wire)


async def one_way(source: socket.socket, sink: socket.socket) -> None:
    loop = asyncio.get_running_loop()
    while True:
        try:
            data = await loop.sock_recv(source, CHUNK)
        except OSError as error:
            raise Gone from error
        try:
            if not data:
                return sink.shutdown(socket.SHUT_WR)
            await loop.sock_sendall(sink, data)
        except OSError:
            # What it said before may still be on its way: the other way passes that on, and notices the end.
            return
