"""A server seen through the SDKs: people, their clients, their threads."""

import os
from dataclasses import dataclass, field
from typing import Any

import betas
import sdk
from azure.core.exceptions import HttpResponseError
from either import do, items, pages

__all__ = ["CONNECTION_STRING", "Person", "World", "do", "endpoint_of", "items", "pages", "refused", "send_later_than"]

CONNECTION_STRING = os.environ["COMMUNICATION_SERVICES_CONNECTION_STRING"]


async def refused(status: int, call, code: str | None = None) -> HttpResponseError:
    """The call must fail with this status, as the SDK's own error."""
    try:
        result = call()
        answer = await (items(result) if hasattr(result, "by_page") else do(result))
    except HttpResponseError as error:
        assert error.status_code == status, f"expected {status}, got {error.status_code}: {error}"
        assert error.error is not None and error.error.code, f"{status} came without an error code"
        if code:
            assert error.error.code == code, f"expected code {code}, got {error.error.code}"
        return error
    raise AssertionError(f"expected {status}, but the call succeeded: {answer!r}"[:300])


def endpoint_of(connection_string: str) -> str:
    parts = dict(part.split("=", 1) for part in connection_string.split(";") if part)
    return {key.lower(): value for key, value in parts.items()}["endpoint"].rstrip("/")


@dataclass
class Person:
    """A user with a token and a chat client."""

    world: "World"
    user: Any
    token: str
    chat: Any

    @property
    def id(self) -> str:
        return sdk.id_of(self.user)

    def thread(self, thread_id: str) -> Any:
        return self.world.keep(self.chat.get_chat_thread_client(thread_id))

    def as_participant(self, **more: Any) -> Any:
        return sdk.participant(self.user, **more)

    async def create_thread(self, *others: "Person", topic: str = "a topic", **more: Any) -> Any:
        """A client of a new thread with these participants."""
        participants = [other.as_participant() for other in others]
        created = await do(self.chat.create_chat_thread(topic, thread_participants=participants, **more))
        return self.thread(created.chat_thread.id)


@dataclass
class World:
    aio: bool
    clients: list = field(default_factory=list)

    def __post_init__(self) -> None:
        self.identity = self.identity_client(CONNECTION_STRING)

    def keep(self, client: Any) -> Any:
        self.clients.append(client)
        return client

    def identity_client(self, connection_string: str) -> Any:
        kind = sdk.AioIdentityClient if self.aio else sdk.IdentityClient
        client = self.keep(kind.from_connection_string(connection_string))
        return client if hasattr(client, "get_token") else betas.Identity(client)

    def chat_client(self, token: str) -> Any:
        kind = sdk.AioChatClient if self.aio else sdk.ChatClient
        client = self.keep(kind(endpoint_of(CONNECTION_STRING), sdk.token_credential(token, self.aio)))
        return betas.Chat(client) if sdk.BETA else client

    async def person(self, scopes: tuple[str, ...] = ("chat",)) -> Person:
        user, token = await do(self.identity.create_user_and_token(list(scopes)))
        return Person(self, user, token.token, self.chat_client(token.token))

    async def people(self, count: int) -> list[Person]:
        return [await self.person() for _ in range(count)]

    async def close(self) -> None:
        for client in self.clients:
            if hasattr(client, "close"):
                await do(client.close())


async def send_later_than(thread: Any, instant: Any, text: str) -> Any:
    """A message whose creation time is after the instant.

    Two messages may share a millisecond; the server's own times decide, so
    nothing here sleeps.
    """
    while True:
        sent = await do(thread.send_message(text))
        message = await do(thread.get_message(sent.id))
        if message.created_on > instant:
            return message
