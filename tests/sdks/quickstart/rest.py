"""What the 2020 pages name without a block of code, with the same packages."""

import datetime
import os

from azure.communication.administration import CommunicationIdentityClient
from azure.communication.chat import ChatClient, ChatMessagePriority, ChatThreadMember, CommunicationUserCredential
from beside import refused

CONNECTION_STRING = os.environ["COMMUNICATION_SERVICES_CONNECTION_STRING"]
ENDPOINT = CONNECTION_STRING.split(";")[0].partition("=")[2]
EMOJI = "👍 🇸🇪 👩🏽‍🚀 👨‍👩‍👧‍👦 שלום \u0000 𝒳"


def identities() -> CommunicationIdentityClient:
    return CommunicationIdentityClient.from_connection_string(CONNECTION_STRING)


def chat_with(token: str) -> ChatClient:
    return ChatClient(ENDPOINT, CommunicationUserCredential(token))


class Person:
    def __init__(self) -> None:
        self.user = identities().create_user()
        self.id = self.user.identifier
        self.token = identities().issue_token(self.user, ["chat"]).token
        self.chat = chat_with(self.token)

    def member(self, share_history_time=None) -> ChatThreadMember:
        return ChatThreadMember(user=self.user, display_name="name", share_history_time=share_history_time)

    def create_thread(self, *others: "Person", topic: str = "a topic"):
        return self.chat.create_chat_thread(topic, [person.member() for person in (self, *others)])

    def at(self, thread):
        """This person's view of somebody's thread."""
        return self.chat.get_chat_thread_client(thread.thread_id)


def send_later_than(thread, instant, text: str):
    """Two messages may share a millisecond; the server's times decide."""
    while True:
        message = thread.get_message(thread.send_message(text).id)
        if message.created_on > instant:
            return message


def texts(thread) -> list:
    return [message.content for message in thread.list_messages() if message.type == "Text"]


def check_scopes() -> None:
    user = identities().create_user()
    for scopes in (["chat"], ["voip"], ["pstn"], ["chat", "voip", "pstn"]):
        result = identities().issue_token(user, scopes)
        assert result.id == user.identifier and result.token.count(".") == 2, f"no token for {scopes}"


def check_message_types() -> None:
    owner, other, third = Person(), Person(), Person()
    thread = owner.create_thread(other)
    thread.send_message("hello")
    thread.update_thread(topic="dinner")
    thread.add_members([third.member()])
    thread.remove_member(third.user)
    assert [message.type for message in thread.list_messages()] == [
        "ThreadActivity/DeleteMember",
        "ThreadActivity/AddMember",
        "ThreadActivity/TopicUpdate",
        "Text",
        "ThreadActivity/TopicUpdate",
        "ThreadActivity/AddMember",
    ]


def check_list_pages() -> None:
    owner, other = Person(), Person()
    thread = owner.create_thread(other)
    sent = [thread.send_message(f"message {n}").id for n in range(5)]
    pages = [list(page) for page in thread.list_messages(results_per_page=2).by_page()]
    assert max(map(len, pages)) <= 2, f"a page is too long: {[len(page) for page in pages]}"
    listed = [message.id for page in pages for message in page if message.type == "Text"]
    assert listed == sent[::-1], "not newest first, or not all"
    second = thread.get_message(sent[1])
    later = [message.created_on for message in thread.list_messages(start_time=second.created_on)]
    assert later and min(later) >= second.created_on, "start_time was ignored"


def check_priority() -> None:
    owner, other = Person(), Person()
    thread = owner.create_thread(other)
    for priority in (ChatMessagePriority.NORMAL, ChatMessagePriority.HIGH):
        sent = thread.send_message("hello", priority=priority)
        message = other.at(thread).get_message(sent.id)
        assert message.priority == priority.value, f"sent {priority.value}, got {message.priority}"
    assert [message.priority for message in thread.list_messages() if message.type == "Text"] == ["High", "Normal"]


def check_emoji() -> None:
    owner, other = Person(), Person()
    thread = owner.create_thread(other)
    sent = thread.send_message(EMOJI, sender_display_name=EMOJI)
    message = other.at(thread).get_message(sent.id)
    assert message.content == EMOJI, f"the content came back as {message.content!a}"
    assert message.sender_display_name == EMOJI, f"the name came back as {message.sender_display_name!a}"


def check_update_message() -> None:
    owner, other = Person(), Person()
    thread = owner.create_thread(other)
    sent = thread.send_message("helo")
    before = thread.get_message(sent.id)
    thread.update_message(sent.id, content="hello")
    (after,) = [message for message in other.at(thread).list_messages() if message.id == sent.id]
    assert after.content == "hello"
    assert after.edited_on is not None and after.edited_on >= before.created_on
    assert after.version != before.version, "the version has not changed"
    refused(403, lambda: other.at(thread).update_message(sent.id, content="mine now"))


def check_delete_message() -> None:
    owner, other = Person(), Person()
    thread = owner.create_thread(other)
    sent = thread.send_message("secret")
    refused(403, lambda: other.at(thread).delete_message(sent.id))
    thread.delete_message(sent.id)
    (deleted,) = [message for message in other.at(thread).list_messages() if message.id == sent.id]
    assert deleted.deleted_on is not None and deleted.deleted_on >= deleted.created_on
    assert not deleted.content, f"the content is still there: {deleted.content}"


def check_list_members() -> None:
    owner, second, third = Person(), Person(), Person()
    thread = owner.create_thread(second, third)
    members = list(thread.list_members())
    assert {member.user.identifier for member in members} == {owner.id, second.id, third.id}
    assert all(member.display_name == "name" for member in members)
    thread.remove_member(third.user)
    assert {member.user.identifier for member in thread.list_members()} == {owner.id, second.id}


def check_share_history() -> None:
    owner = Person()
    thread = owner.create_thread()
    created_on = owner.chat.get_chat_thread(thread.thread_id).created_on
    one = send_later_than(thread, created_on, "one")
    two = send_later_than(thread, one.created_on, "two")
    moment = datetime.timedelta(milliseconds=1)
    expected = {created_on: True, two.created_on: False}
    for share_history_time, sees_one in expected.items():
        newcomer = Person()
        thread.add_members([newcomer.member(share_history_time)])
        seen = texts(newcomer.at(thread))
        assert "two" in seen and ("one" in seen) == sees_one, f"shared since {share_history_time}: {seen}"
    newest = next(iter(thread.list_messages())).created_on
    newcomer = Person()
    thread.add_members([newcomer.member(newest + moment)])
    assert texts(newcomer.at(thread)) == [], "nothing from before joining should be there"


def check_removed_member() -> None:
    owner, other = Person(), Person()
    thread = owner.create_thread(other)
    thread.send_message("before")
    thread.remove_member(other.user)
    thread.send_message("after")
    assert texts(other.at(thread)) == ["before"], "the history up to the removal should be there, and no more"
    refused(403, lambda: other.at(thread).send_message("hello?"))


def check_read_receipts() -> None:
    owner, reader = Person(), Person()
    thread = owner.create_thread(reader)
    sent = thread.send_message("read me")
    reader.at(thread).send_read_receipt(sent.id)
    (receipt,) = thread.list_read_receipts()
    assert receipt.sender.identifier == reader.id and receipt.chat_message_id == sent.id
    assert receipt.read_on >= thread.get_message(sent.id).created_on


def check_typing() -> None:
    owner, other = Person(), Person()
    owner.create_thread(other).send_typing_notification()


def check_update_thread() -> None:
    owner, other = Person(), Person()
    thread = owner.create_thread(other)
    thread.update_thread(topic="dinner")
    assert other.chat.get_chat_thread(thread.thread_id).topic == "dinner"


def check_get_thread() -> None:
    owner, other = Person(), Person()
    thread = owner.create_thread(other, topic="lunch")
    seen = other.chat.get_chat_thread(thread.thread_id)
    assert seen.id == thread.thread_id and seen.topic == "lunch"
    assert seen.created_by.identifier == owner.id
    assert isinstance(seen.created_on, datetime.datetime)
    assert {member.user.identifier for member in seen.members} == {owner.id, other.id}


def check_list_threads() -> None:
    owner, other = Person(), Person()
    made = {owner.create_thread(other).thread_id for _ in range(3)}
    pages = [list(page) for page in other.chat.list_chat_threads(results_per_page=2).by_page()]
    assert max(map(len, pages)) <= 2, f"a page is too long: {[len(page) for page in pages]}"
    listed = [item for page in pages for item in page]
    assert len(listed) == 3 and {item.id for item in listed} == made
    assert not any(item.is_deleted for item in listed)


def check_delete_thread() -> None:
    owner, other = Person(), Person()
    thread = owner.create_thread(other)
    owner.chat.delete_chat_thread(thread.thread_id)
    owner.chat.delete_chat_thread(thread.thread_id)
    for person in (owner, other):
        (item,) = person.chat.list_chat_threads()
        assert item.id == thread.thread_id and item.is_deleted is True, f"isDeleted is {item.is_deleted}"


def check_outsider_refused() -> None:
    owner, other, outsider = Person(), Person(), Person()
    seen = outsider.at(owner.create_thread(other))
    refused(403, lambda: seen.send_message("hello"))
    refused(403, lambda: list(seen.list_messages()))
    refused(403, lambda: list(seen.list_members()))
    refused(403, lambda: seen.add_members([outsider.member()]))
    refused(403, lambda: outsider.chat.get_chat_thread(seen.thread_id))


def check_revoke_tokens() -> None:
    person = Person()
    assert list(person.chat.list_chat_threads()) == []
    identities().revoke_tokens(person.user)
    refused(401, lambda: list(person.chat.list_chat_threads()))


def check_revoke_tokens_issued_before() -> None:
    person = Person()
    now = datetime.datetime.now(datetime.timezone.utc)
    identities().revoke_tokens(person.user, issued_before=now - datetime.timedelta(hours=1))
    assert list(person.chat.list_chat_threads()) == [], "a token issued after the instant was revoked"
    identities().revoke_tokens(person.user, issued_before=now + datetime.timedelta(seconds=1))
    refused(401, lambda: list(person.chat.list_chat_threads()))


def check_delete_user() -> None:
    person = Person()
    identities().delete_user(person.user)
    refused(401, lambda: list(person.chat.list_chat_threads()))
