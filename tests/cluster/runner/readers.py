"""Readers: ask for the newest messages of a thread, again and again. What was acknowledged must be there."""

import asyncio
from itertools import cycle

from .history import History, now
from .people import User, messages, text_of
from .wire import CALL_TROUBLE

PAGE = 50


class Reader:
    def __init__(self, user: User, threads: list[str], history: History, pause: float):
        self.user, self.threads, self.history, self.pause = user, threads, history, pause
        self.stopping = False

    async def run(self) -> None:
        wire = self.user.place.wire()
        for thread in cycle(self.threads):
            if self.stopping:
                break
            asked = now()
            try:
                answer = await wire.call("GET", messages(thread, f"&maxPageSize={PAGE}"), self.user.bearer)
            except CALL_TROUBLE:
                wire.close()
                answer = None
            if answer and answer.status == 200:
                page = answer.json()
                found = [[message["id"], text_of(message)] for message in page["value"]]
                self.history.write(
                    "read", who=self.user.name, thread=thread, asked=asked, messages=found, whole="nextLink" not in page,
                )
            elif answer and 400 <= answer.status < 500:
                self.history.write("fail", who=self.user.name, thread=thread, text="", status=answer.status, code=answer.code)
            await asyncio.sleep(self.pause)
        wire.close()

    def stop(self) -> None:
        self.stopping = True
