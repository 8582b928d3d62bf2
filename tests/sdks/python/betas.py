"""Chat 1.0.0b4 and b5, and the identity packages beside them, as 1.0.0 speaks.

The checks are written in the words of 1.0.0. What its betas called otherwise is
translated here, name by name; everything else passes through untouched.
"""

from types import SimpleNamespace
from typing import Any, AsyncIterator

from either import do, each


class Renamed:
    def __init__(self, client: Any) -> None:
        self.client = client

    def __getattr__(self, name: str) -> Any:
        return getattr(self.client, name)


class Identity(Renamed):
    """issue_token was renamed get_token, create_user_with_token create_user_and_token."""

    def get_token(self, user: Any, scopes: list[str]) -> Any:
        return self.client.issue_token(user, scopes)

    async def create_user_and_token(self, scopes: list[str]) -> tuple[Any, Any]:
        if hasattr(self.client, "create_user_with_token"):
            return await do(self.client.create_user_with_token(scopes))
        user = await do(self.client.create_user())
        return user, await do(self.client.issue_token(user, scopes))


class Chat(Renamed):
    def get_chat_thread_client(self, thread_id: str) -> "Thread":
        return Thread(self.client.get_chat_thread_client(thread_id), self.client)

    async def create_chat_thread(self, topic: str, thread_participants: list, idempotency_token: str = "") -> Any:
        token = {"repeatability_request_id": idempotency_token} if idempotency_token else {}
        made = await do(self.client.create_chat_thread(topic, thread_participants=thread_participants, **token))
        if hasattr(made, "chat_thread"):
            return SimpleNamespace(chat_thread=properties(made.chat_thread), errors=made.errors)
        # b4 answers with a client, and raises a RuntimeError when somebody is left out.
        thread = properties(await do(self.client.get_chat_thread(made.thread_id)))
        await do(made.close())
        return SimpleNamespace(chat_thread=thread, errors=None)


class Thread(Renamed):
    def __init__(self, client: Any, chat: Any) -> None:
        super().__init__(client)
        self.chat = chat

    async def get_properties(self) -> Any:
        return properties(await do(self.chat.get_chat_thread(self.thread_id)))

    def update_topic(self, topic: str) -> Any:
        # Only by name in b4's asynchronous half.
        return self.client.update_topic(topic=topic)

    async def send_message(self, content: str, **options: Any) -> Any:
        return SimpleNamespace(id=await do(self.client.send_message(content, **options)))

    async def get_message(self, message_id: str) -> Any:
        return message(await do(self.client.get_message(message_id)))

    def list_messages(self, **options: Any) -> "Paged":
        return Paged(self.client.list_messages(**options), message)

    def list_participants(self, **options: Any) -> "Paged":
        return Paged(self.client.list_participants(**options), participant)

    def list_read_receipts(self, **options: Any) -> "Paged":
        return Paged(self.client.list_read_receipts(**options), receipt)

    async def add_participants(self, participants: list) -> list:
        answer = await do(self.client.add_participants(participants))
        if isinstance(answer, list):
            return answer
        # b4 hands on what the server wrote.
        sent = {one.user.identifier: one for one in participants}
        errors = answer.errors.invalid_participants if answer.errors else []
        return [(sent[error.target], error) for error in errors]


class Paged:
    """A list, or a list of pages, of translated items."""

    def __init__(self, paged: Any, translate: Any) -> None:
        self.paged, self.translate = paged, translate

    async def __aiter__(self) -> AsyncIterator:
        async for item in each(self.paged):
            yield self.translate(item)

    def by_page(self) -> "Paged":
        return Paged(self.paged.by_page(), lambda page: Paged(page, self.translate))


def identifier(user: Any) -> Any:
    """b4 has plain ids in some places and makes a user of nobody in others."""
    user_id = user if isinstance(user, str) else user and user.identifier
    return SimpleNamespace(raw_id=user_id) if user_id else None


def properties(thread: Any) -> Any:
    return SimpleNamespace(**{**vars(thread), "created_by": identifier(thread.created_by)})


def participant(one: Any) -> Any:
    return SimpleNamespace(**vars(one), identifier=identifier(one.user))


def receipt(one: Any) -> Any:
    return SimpleNamespace(**{**vars(one), "sender": identifier(one.sender)})


def message(one: Any) -> Any:
    sender = one.sender_id if hasattr(one, "sender_id") else one.sender_communication_identifier
    content = one.content and SimpleNamespace(
        **{
            **vars(one.content),
            "initiator": identifier(one.content.initiator),
            "participants": [participant(each_one) for each_one in one.content.participants],
        }
    )
    return SimpleNamespace(**{**vars(one), "sender": identifier(sender), "content": content})
