"""Senders: numbered messages into several threads, one after another, and what became of each."""

import asyncio
from itertools import count

from .history import History
from .people import User, messages
from .wire import CALL_TROUBLE

# Longer than a node tries itself: its answer says more than our patience.
PATIENCE = 8.0
# After something went wrong, before the next message.
PAUSE_AFTER = 0.2


class Sender:
    """`threads`: those that it writes to in turn. It goes on with the next number whatever happens."""

    def __init__(self, user: User, threads: list[str], history: History, pause: float, padding: int = 0, fresh: bool = False):
        self.user = user
        self.threads = threads
        self.history = history
        self.pause = pause
        self.padding = " " + "x" * padding if padding else ""
        # A connection for each message.
        self.fresh = fresh
        self.stopping = False
        self.wire = user.place.wire()

    async def run(self) -> None:
        for number in count(1):
            if self.stopping:
                break
            thread = self.threads[number % len(self.threads)]
            good = await self.send(thread, f"{self.user.name}:{number}")
            if not good or self.fresh:
                self.wire.close()
            await asyncio.sleep(self.pause if good else PAUSE_AFTER)
        self.wire.close()

    async def send(self, thread: str, text: str) -> bool:
        about = {"who": self.user.name, "thread": thread, "text": text}
        self.history.write("invoke", **about)
        body = {"content": text + self.padding, "type": "text", "senderDisplayName": self.user.name}
        try:
            answer = await self.wire.call("POST", messages(thread), self.user.bearer, body, PATIENCE)
        except CALL_TROUBLE as trouble:
            self.history.write("info", **about, why=type(trouble).__name__ + f" {trouble}"[:120])
            return False
        if answer.status == 201:
            self.history.write("ok", **about, id=answer.json()["id"])
        elif 400 <= answer.status < 500:
            self.history.write("fail", **about, status=answer.status, code=answer.code)
        else:
            self.history.write("info", **about, why=f"{answer.status} {answer.code}")
        return answer.status == 201

    def stop(self) -> None:
        self.stopping = True
