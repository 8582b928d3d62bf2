"""What the 2020 pages name without a block of code, with the same packages."""

import datetime
import os
from typing import Any

from azure.communication import administration, chat
from azure.communication.administration import aio as administration_aio
from azure.communication.chat import ChatMessagePriority, ChatThreadMember
from azure.communication.chat import aio as chat_aio
from azure.core.exceptions import HttpResponseError
from either import do, items, pages

CONNECTION_STRING = os.environ["COMMUNICATION_SERVICES_CONNECTION_STRING"]
ENDPOINT = CONNECTION_STRING.split(";")[0].partition("=")[2]
EMOJI = "👍 🇸🇪 👩🏽‍🚀 👨‍👩‍👧‍👦 שלום \u0000 𝒳"


class World:
    """The clients of one check, of the synchronous or of the other half."""

    def __init__(self, aio: bool) -> None:
        self.administration, self.chat = (administration_aio, chat_aio) if aio else (administration, chat)
        self.clients: list = []
        client = self.administration.CommunicationIdentityClient.from_connection_string(CONNECTION_STRING)
        self.identity = self.keep(client)

    def keep(self, client: Any) -> Any:
        self.clients.append(client)
        return client

    async def close(self) -> None:
        for client in self.clients:
            if hasattr(client, "close"):
                await do(client.close())

    async def people(self, count: int) -> list["Person"]:
        found = []
        for _ in range(count):
            user = await do(self.identity.create_user())
            token = (await do(self.identity.issue_token(user, ["chat"]))).token
            credential = self.chat.CommunicationUserCredential(token)
            found.append(Person(self, user, self.keep(self.chat.ChatClient(ENDPOINT, credential))))
        return found


class Person:
    def __init__(self, world: World, user: Any, client: Any) -> None:
        self.world, self.user, self.chat, self.id = world, user, client, user.identifier

    def member(self, share_history_time=None) -> ChatThreadMember:
        return ChatThreadMember(user=self.user, display_name="name", share_history_time=share_history_time)

    async def create_thread(self, *others: "Person", topic: str = "a topic"):
        made = await do(self.chat.create_chat_thread(topic, [person.member() for person in (self, *others)]))
        return self.world.keep(made)

    def at(self, thread):
        """This person's view of somebody's thread."""
        return self.world.keep(self.chat.get_chat_thread_client(thread.thread_id))

    async def threads(self) -> list:
        return await items(self.chat.list_chat_threads())


async def refused(status: int, call) -> None:
    try:
        result = call()
        await (items(result) if hasattr(result, "by_page") else do(result))
    except HttpResponseError as error:
        assert error.status_code == status, f"expected {status}, got {error.status_code}: {error}"
    else:
        raise AssertionError(f"expected {status}, but the call succeeded")


async def send(thread, text: str, **options: Any):
    """The message as the server has it."""
    sent = await do(thread.send_message(text, **options))
    return await do(thread.get_message(sent.id))


async def send_later_than(thread, instant, text: str):
    """Two messages may share a millisecond; the server's times decide."""
    while True:
        message = await send(thread, text)
        if message.created_on > instant:
            return message


async def texts(thread) -> list:
    return [message.content for message in await items(thread.list_messages()) if message.type == "Text"]


async def ids_of(thread) -> set:
    return {member.user.identifier for member in await items(thread.list_members())}


async def check_scopes(world: World) -> None:
    user = await do(world.identity.create_user())
    for scopes in (["chat"], ["voip"], ["pstn"], ["chat", "voip", "pstn"]):
        result = await do(world.identity.issue_token(user, scopes))
        assert result.id == user.identifier and result.token.count(".") == 2, f"no token for {scopes}"


async def check_message_types(world: World) -> None:
    owner, other, third = await world.people(3)
    thread = await owner.create_thread(other)
    await do(thread.send_message("hello"))
    await do(thread.update_thread(topic="dinner"))
    await do(thread.add_members([third.member()]))
    await do(thread.remove_member(third.user))
    assert [message.type for message in await items(thread.list_messages())] == [
        "ThreadActivity/DeleteMember",
        "ThreadActivity/AddMember",
        "ThreadActivity/TopicUpdate",
        "Text",
        "ThreadActivity/TopicUpdate",
        "ThreadActivity/AddMember",
    ]


async def check_list_pages(world: World) -> None:
    owner, other = await world.people(2)
    thread = await owner.create_thread(other)
    sent = [(await do(thread.send_message(f"message {n}"))).id for n in range(5)]
    paged = await pages(thread.list_messages(results_per_page=2))
    assert max(map(len, paged)) <= 2, f"a page is too long: {[len(page) for page in paged]}"
    listed = [message.id for page in paged for message in page if message.type == "Text"]
    assert listed == sent[::-1], "not newest first, or not all"
    second = await do(thread.get_message(sent[1]))
    later = [message.created_on for message in await items(thread.list_messages(start_time=second.created_on))]
    assert later and min(later) >= second.created_on, "start_time was ignored"


async def check_priority(world: World) -> None:
    owner, other = await world.people(2)
    thread = await owner.create_thread(other)
    for priority in (ChatMessagePriority.NORMAL, ChatMessagePriority.HIGH):
        sent = await do(thread.send_message("hello", priority=priority))
        message = await do(other.at(thread).get_message(sent.id))
        assert message.priority == priority.value, f"sent {priority.value}, got {message.priority}"
    listed = [message.priority for message in await items(thread.list_messages()) if message.type == "Text"]
    assert listed == ["High", "Normal"], f"the list has {listed}"


async def check_emoji(world: World) -> None:
    owner, other = await world.people(2)
    thread = await owner.create_thread(other)
    sent = await do(thread.send_message(EMOJI, sender_display_name=EMOJI))
    message = await do(other.at(thread).get_message(sent.id))
    assert message.content == EMOJI, f"the content came back as {message.content!a}"
    assert message.sender_display_name == EMOJI, f"the name came back as {message.sender_display_name!a}"


async def check_update_message(world: World) -> None:
    owner, other = await world.people(2)
    thread = await owner.create_thread(other)
    before = await send(thread, "helo")
    await do(thread.update_message(before.id, content="hello"))
    listed = await items(other.at(thread).list_messages())
    (after,) = [message for message in listed if message.id == before.id]
    assert after.content == "hello"
    assert after.edited_on is not None and after.edited_on >= before.created_on
    assert after.version != before.version, "the version has not changed"
    await refused(403, lambda: other.at(thread).update_message(before.id, content="mine now"))


async def check_delete_message(world: World) -> None:
    owner, other = await world.people(2)
    thread = await owner.create_thread(other)
    sent = await do(thread.send_message("secret"))
    await refused(403, lambda: other.at(thread).delete_message(sent.id))
    await do(thread.delete_message(sent.id))
    listed = await items(other.at(thread).list_messages())
    (deleted,) = [message for message in listed if message.id == sent.id]
    assert deleted.deleted_on is not None and deleted.deleted_on >= deleted.created_on
    assert not deleted.content, f"the content is still there: {deleted.content}"


async def check_list_members(world: World) -> None:
    owner, second, third = await world.people(3)
    thread = await owner.create_thread(second, third)
    members = await items(thread.list_members())
    assert {member.user.identifier for member in members} == {owner.id, second.id, third.id}
    assert all(member.display_name == "name" for member in members)
    await do(thread.remove_member(third.user))
    assert await ids_of(thread) == {owner.id, second.id}


async def check_share_history(world: World) -> None:
    (owner,) = await world.people(1)
    thread = await owner.create_thread()
    created_on = (await do(owner.chat.get_chat_thread(thread.thread_id))).created_on
    one = await send_later_than(thread, created_on, "one")
    two = await send_later_than(thread, one.created_on, "two")
    moment = datetime.timedelta(milliseconds=1)
    expected = {created_on: True, two.created_on: False}
    for share_history_time, sees_one in expected.items():
        (newcomer,) = await world.people(1)
        await do(thread.add_members([newcomer.member(share_history_time)]))
        seen = await texts(newcomer.at(thread))
        assert "two" in seen and ("one" in seen) == sees_one, f"shared since {share_history_time}: {seen}"
    newest = (await items(thread.list_messages()))[0].created_on
    (newcomer,) = await world.people(1)
    await do(thread.add_members([newcomer.member(newest + moment)]))
    assert await texts(newcomer.at(thread)) == [], "nothing from before joining should be there"


async def check_removed_member(world: World) -> None:
    owner, other = await world.people(2)
    thread = await owner.create_thread(other)
    await do(thread.send_message("before"))
    await do(thread.remove_member(other.user))
    await do(thread.send_message("after"))
    seen = await texts(other.at(thread))
    assert seen == ["before"], f"the history up to the removal should be there, and no more: {seen}"
    await refused(403, lambda: other.at(thread).send_message("hello?"))


async def check_read_receipts(world: World) -> None:
    owner, reader = await world.people(2)
    thread = await owner.create_thread(reader)
    sent = await send(thread, "read me")
    await do(reader.at(thread).send_read_receipt(sent.id))
    (receipt,) = await items(thread.list_read_receipts())
    assert receipt.sender.identifier == reader.id and receipt.chat_message_id == sent.id
    assert receipt.read_on >= sent.created_on


async def check_typing(world: World) -> None:
    owner, other = await world.people(2)
    await do((await owner.create_thread(other)).send_typing_notification())


async def check_update_thread(world: World) -> None:
    owner, other = await world.people(2)
    thread = await owner.create_thread(other)
    await do(thread.update_thread(topic="dinner"))
    assert (await do(other.chat.get_chat_thread(thread.thread_id))).topic == "dinner"


async def check_get_thread(world: World) -> None:
    owner, other = await world.people(2)
    thread = await owner.create_thread(other, topic="lunch")
    seen = await do(other.chat.get_chat_thread(thread.thread_id))
    assert seen.id == thread.thread_id and seen.topic == "lunch" and seen.created_by.identifier == owner.id
    assert isinstance(seen.created_on, datetime.datetime)
    assert {member.user.identifier for member in seen.members} == {owner.id, other.id}


async def check_list_threads(world: World) -> None:
    owner, other = await world.people(2)
    made = {(await owner.create_thread(other)).thread_id for _ in range(3)}
    paged = await pages(other.chat.list_chat_threads(results_per_page=2))
    assert max(map(len, paged)) <= 2, f"a page is too long: {[len(page) for page in paged]}"
    listed = [item for page in paged for item in page]
    assert len(listed) == 3 and {item.id for item in listed} == made
    assert not any(item.is_deleted for item in listed)


async def check_delete_thread(world: World) -> None:
    owner, other = await world.people(2)
    thread = await owner.create_thread(other)
    await do(owner.chat.delete_chat_thread(thread.thread_id))
    await do(owner.chat.delete_chat_thread(thread.thread_id))
    for person in (owner, other):
        (item,) = await person.threads()
        assert item.id == thread.thread_id and item.is_deleted is True, f"isDeleted is {item.is_deleted}"


async def check_outsider_refused(world: World) -> None:
    owner, other, outsider = await world.people(3)
    seen = outsider.at(await owner.create_thread(other))
    await refused(403, lambda: seen.send_message("hello"))
    await refused(403, seen.list_messages)
    await refused(403, seen.list_members)
    await refused(403, lambda: seen.add_members([outsider.member()]))
    await refused(403, lambda: outsider.chat.get_chat_thread(seen.thread_id))


async def check_revoke_tokens(world: World) -> None:
    (person,) = await world.people(1)
    assert await person.threads() == []
    await do(world.identity.revoke_tokens(person.user))
    await refused(401, person.chat.list_chat_threads)


async def check_revoke_tokens_issued_before(world: World) -> None:
    (person,) = await world.people(1)
    now = datetime.datetime.now(datetime.timezone.utc)
    await do(world.identity.revoke_tokens(person.user, issued_before=now - datetime.timedelta(hours=1)))
    assert await person.threads() == [], "a token issued after the instant was revoked"
    await do(world.identity.revoke_tokens(person.user, issued_before=now + datetime.timedelta(seconds=1)))
    await refused(401, person.chat.list_chat_threads)


async def check_delete_user(world: World) -> None:
    (person,) = await world.people(1)
    await do(world.identity.delete_user(person.user))
    await refused(401, person.chat.list_chat_threads)
