"""What must hold after each block of start_chat.py.

A failed assertion is written down and the quickstart goes on, as it would for
a reader; the quickstart itself swallows what its own lines raise, so a block
that was never reached has no outcome, and that is a failure too.
"""

import datetime
import re

from azure.communication.chat import ChatClient, CommunicationUserCredential
from azure.core.exceptions import HttpResponseError

outcomes: dict[str, Exception | None] = {}


def step(name: str, **left_behind) -> None:
    try:
        globals()[f"after_{name}"](**left_behind)
        outcomes[name] = None
    except Exception as error:  # pylint: disable=broad-except
        outcomes[name] = error


def refused(status: int, call) -> None:
    try:
        call()
    except HttpResponseError as error:
        assert error.status_code == status, f"expected {status}, got {error.status_code}: {error}"
    else:
        raise AssertionError(f"expected {status}, but the call succeeded")


def after_access_token(identity_client, user, token_result) -> None:
    assert user.identifier.startswith("8:acs:"), f"not a user id: {user.identifier}"
    assert token_result.id == user.identifier, "the token is for somebody else"
    assert token_result.token.count(".") == 2, "the token is not a JWT"
    assert token_result.expires_on > datetime.datetime.now(datetime.timezone.utc)


def after_create_chat_client(chat_client, endpoint) -> None:
    assert endpoint.startswith("https://"), f"the SDK needs https: {endpoint}"
    assert list(chat_client.list_chat_threads()) == [], "a new user has no threads"


def after_create_chat_thread(chat_client, chat_thread_client, user, topic) -> None:
    thread_id = chat_thread_client.thread_id
    assert re.fullmatch(r"19:[^@/]+@thread\.v2", thread_id), f"not a thread id: {thread_id}"
    thread = chat_client.get_chat_thread(thread_id)
    assert thread.id == thread_id and thread.topic == topic
    assert thread.created_by.identifier == user.identifier
    assert [member.user.identifier for member in thread.members] == [user.identifier], "the creator is the one member"
    assert thread.members[0].display_name == "name"


def after_get_chat_thread_client(chat_thread_client, thread_id) -> None:
    assert chat_thread_client.thread_id == thread_id
    (member,) = chat_thread_client.list_members()
    assert member.display_name == "name"


def after_send_message(chat_thread_client, send_message_result, user) -> None:
    message = chat_thread_client.get_message(send_message_result.id)
    assert message.id == send_message_result.id and message.id.isdigit(), f"not a message id: {message.id}"
    assert message.content == "hello world"
    assert message.priority == "Normal", f"priority is {message.priority}"
    assert message.sender_display_name == "sender name"
    assert message.sender.identifier == user.identifier
    assert message.type == "Text"


def after_list_messages(chat_messages, send_message_result) -> None:
    messages = list(chat_messages)
    assert messages[0].id == send_message_result.id, "the newest message comes first"
    assert [message.type for message in messages] == ["Text", "ThreadActivity/TopicUpdate", "ThreadActivity/AddMember"]
    times = [message.created_on for message in messages]
    assert times == sorted(times, reverse=True), f"creation times are out of order: {times}"
    assert all(message.edited_on is None and message.deleted_on is None for message in messages)


def after_add_members(chat_thread_client, user, new_user) -> None:
    members = {member.user.identifier for member in chat_thread_client.list_members()}
    assert members == {user.identifier, new_user.identifier}, f"members are {members}"
    newest = next(iter(chat_thread_client.list_messages()))
    assert newest.type == "ThreadActivity/AddMember", f"the newest message is {newest.type}"


def after_remove_member(chat_thread_client, identity_client, endpoint, user, new_user, thread_id) -> None:
    # The user removed itself, so the one who stays looks at what is left.
    token = identity_client.issue_token(new_user, ["chat"]).token
    stayed = ChatClient(endpoint, CommunicationUserCredential(token)).get_chat_thread_client(thread_id)
    assert [member.user.identifier for member in stayed.list_members()] == [new_user.identifier]
    messages = list(stayed.list_messages())
    assert messages[0].type == "ThreadActivity/DeleteMember", f"the newest message is {messages[0].type}"
    assert "hello world" not in [message.content for message in messages], "history from before joining was shared"
    refused(403, lambda: chat_thread_client.send_message("am I still here?"))
    assert "hello world" in [message.content for message in chat_thread_client.list_messages()]
