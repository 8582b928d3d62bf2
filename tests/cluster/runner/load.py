"""Everybody who uses the cluster during a row: senders, listeners and readers, at each node and behind the
balancer, in several threads; and what they find at the end."""

import asyncio
import ssl
import time
from dataclasses import dataclass
from itertools import cycle

from .cluster import Cluster
from .history import History, now
from .listeners import Listener
from .people import Place, Refused, User, text_of
from .readers import Reader
from .senders import Sender
from .wire import CALL_TROUBLE

FINAL_SECONDS = 30


@dataclass
class Shape:
    """How much of everything."""

    threads: int = 3
    # At each node, and as many behind the balancer.
    senders: int = 2
    pause: float = 0.025
    padding: int = 0
    # Every second sender connects anew for each message.
    fresh: bool = False
    # False: everybody sends through the balancer.
    pinned: bool = True


class Load:
    def __init__(self, cluster: Cluster, history: History, shape: Shape):
        self.cluster, self.history, self.shape = cluster, history, shape
        tls = ssl.create_default_context(cafile=str(cluster.certificate.ca))
        self.places = {node.name: Place(node.port, tls, node.name) for node in cluster.nodes}
        self.balanced = Place(cluster.balancer.port, tls, None)
        self.users: list[User] = []
        self.threads: list[str] = []
        self.senders: list[Sender] = []
        self.readers: list[Reader] = []
        self.listeners: list[Listener] = []
        self.tasks: list[asyncio.Task] = []

    async def user(self, name: str, place: Place, made_at: Place) -> User:
        """The token of a user is made at another place than the one where it is used."""
        user = await User.create(name, made_at, self.cluster.access_key)
        user.place = place
        self.users.append(user)
        return user

    async def start(self) -> None:
        """Returns once all listeners are connected and messages flow."""
        everywhere = [*self.places.values(), self.balanced]
        sending = everywhere if self.shape.pinned else [self.balanced]
        names = [f"s{number}" for number in range(self.shape.senders * len(sending))]
        others = cycle(everywhere[::-1])
        writers = [await self.user(name, place, next(others)) for name, place in zip(names, cycle(sending))]
        hearers = [await self.user(f"l-{place.node or 'any'}", place, next(others)) for place in everywhere]
        for number in range(self.shape.threads):
            thread = await writers[0].create_thread(f"Thread {number}", self.users)
            self.threads.append(thread)
            self.history.write("thread", thread=thread)
        for user in hearers:
            for how in ("sse", "websocket"):
                self.listen(f"{user.name}-{how}", user, user.place, how)
            self.readers.append(Reader(user, self.threads, self.history, 0.3))
        operator = {"Authorization": f"Bearer {self.cluster.admin_token}"}
        self.listen("l-operator", hearers[-1], self.balanced, "sse", operator)
        async with asyncio.timeout(10):
            for listener in self.listeners:
                await listener.connected.wait()
        shape = self.shape
        self.senders = [
            Sender(user, self.threads, self.history, shape.pause, shape.padding, shape.fresh and number % 2 == 1)
            for number, user in enumerate(writers)
        ]
        self.tasks = [asyncio.create_task(each.run()) for each in [*self.senders, *self.readers]]
        await asyncio.sleep(1)
        self.alive()

    def listen(self, name: str, user: User, place: Place, how: str, proof: dict[str, str] | None = None) -> None:
        listener = Listener(name, user, place, how, self.threads, self.history, proof)
        self.listeners.append(listener)
        listener.start()

    def alive(self) -> None:
        """Raises what ended a client before its time."""
        for task in [*self.tasks, *(listener.task for listener in self.listeners)]:
            if task.done() and task.exception():
                raise task.exception()

    def hush(self) -> None:
        """Nobody writes to the last thread any more: what was said in it is followed by nothing that tells of a gap."""
        for sender in self.senders:
            sender.threads = self.threads[:-1]

    def acknowledged(self) -> int:
        return sum(line["kind"] == "ok" for line in self.history.lines)

    async def stop_sending(self) -> None:
        for each in [*self.senders, *self.readers]:
            each.stop()
        await asyncio.gather(*self.tasks)

    async def settle(self, seconds: float) -> None:
        """Waits until every listener has heard all that there is, but not longer than so."""
        wanted = set()
        user = self.users[0]
        for thread in self.threads:
            wanted |= {(thread, message["id"]) for message in await self.patiently(user, thread, self.balanced) if text_of(message)}
        end = time.monotonic() + seconds
        while time.monotonic() < end and not all(wanted <= listener.heard for listener in self.listeners):
            await asyncio.sleep(0.1)
        # A message that is told twice would come about now.
        await asyncio.sleep(0.5)
        self.alive()
        for listener in self.listeners:
            await listener.stop()

    async def final(self) -> None:
        """Each member lists each thread, each at another place."""
        places = cycle([*self.places.values(), self.balanced])
        for user in self.users:
            place = next(places)
            for thread in self.threads:
                found = [
                    {"id": message["id"], "seq": message["sequenceId"], "text": text_of(message)}
                    for message in await self.patiently(user, thread, place)
                ]
                self.history.write("final", who=user.name, node=place.node, thread=thread, messages=found)

    async def patiently(self, user: User, thread: str, place: Place) -> list[dict]:
        """A listing, tried until the service is whole again."""
        end = now() + FINAL_SECONDS
        while True:
            try:
                return await user.list(thread, place)
            except (Refused, *CALL_TROUBLE) as trouble:
                if now() > end:
                    raise AssertionError(f"{user.name} cannot list at {place.node or 'the balancer'}: {trouble!r}") from trouble
            await asyncio.sleep(0.3)
