"""Messages that users send."""

from azure.communication.chat import ChatMessageType
from world import World, do, items, pages, refused, send_later_than

EMOJI = "👍 🎉 🇸🇪 👩🏽‍🚀 👨‍👩‍👧‍👦 ❤️ 1️⃣"
UNICODE = (
    "nul:\u0000 tab:\t line:\r\n quote:\" back:\\ "
    "rtl:שלום مرحبا\u200f\u202eevil\u202c zwj:क्\u200dष joiner:\u200c bom:\ufeff "
    "combining:e\u0301 astral:𝒳𠜎\U0010fffd nonchar:\uffff line separator:\u2028 del:\u007f c1:\u0085"
)


async def users_messages(thread, **options) -> list:
    return [message for message in await items(thread.list_messages(**options)) if message.type in ("text", "html")]


async def check_send_text(world: World) -> None:
    owner, other = await world.people(2)
    thread = await owner.create_thread(other)
    sent = await do(thread.send_message("hello world", sender_display_name="Owner"))
    (message,) = await users_messages(other.thread(thread.thread_id))
    assert message.id == sent.id
    assert message.type == ChatMessageType.TEXT
    assert message.content.message == "hello world"
    assert message.sender.raw_id == owner.id and message.sender_display_name == "Owner"
    assert message.edited_on is None and message.deleted_on is None
    assert message.version and message.sequence_id


async def check_send_html(world: World) -> None:
    owner, other = await world.people(2)
    thread = await owner.create_thread(other)
    sent = await do(thread.send_message("<p>hello <b>bold</b></p>", chat_message_type=ChatMessageType.HTML))
    message = await do(other.thread(thread.thread_id).get_message(sent.id))
    assert message.type == ChatMessageType.HTML
    assert "hello" in message.content.message
    assert "<b>bold</b>" in message.content.message, f"harmless markup is gone: {message.content.message}"


async def check_html_sanitised(world: World) -> None:
    owner, other = await world.people(2)
    thread = await owner.create_thread(other)
    html = (
        "<p>safe<script>alert(1)</script><img src=x onerror=alert(2)>"
        "<a href='javascript:alert(3)'>link</a><iframe src='https://example.com'></iframe></p>"
    )
    sent = await do(thread.send_message(html, chat_message_type=ChatMessageType.HTML))
    seen = (await do(other.thread(thread.thread_id).get_message(sent.id))).content.message
    assert "safe" in seen and "link" in seen, f"the text is gone: {seen}"
    for danger in ("<script", "alert(1)", "onerror", "javascript:", "<iframe"):
        assert danger not in seen.lower(), f"{danger} is still there: {seen}"
    await do(thread.update_message(sent.id, content="<i>edited</i><script>alert(4)</script>"))
    seen = (await do(thread.get_message(sent.id))).content.message
    assert "edited" in seen and "<script" not in seen, f"an edit brings scripts back: {seen}"


async def check_metadata(world: World) -> None:
    owner, other = await world.people(2)
    thread = await owner.create_thread(other)
    metadata = {"order": "42", "språk": "svenska", "empty": ""}
    sent = await do(thread.send_message("hello", metadata=metadata))
    message = await do(other.thread(thread.thread_id).get_message(sent.id))
    assert message.metadata == metadata, f"metadata came back as {message.metadata}"
    (message,) = await users_messages(other.thread(thread.thread_id))
    assert message.metadata == metadata, f"metadata is listed as {message.metadata}"


async def comes_back(world: World, text: str) -> None:
    owner, other = await world.people(2)
    thread = await owner.create_thread(other, topic=text)
    sent = await do(thread.send_message(text, sender_display_name=text))
    message = await do(other.thread(thread.thread_id).get_message(sent.id))
    assert message.content.message == text, f"the content came back as {message.content.message!a}"
    assert message.sender_display_name == text, f"the name came back as {message.sender_display_name!a}"
    (message,) = await users_messages(thread)
    assert message.content.message == text, f"the content is listed as {message.content.message!a}"
    topic = (await do(thread.get_properties())).topic
    assert topic == text, f"the topic came back as {topic!a}"


async def check_emoji(world: World) -> None:
    await comes_back(world, EMOJI)


async def check_unicode(world: World) -> None:
    await comes_back(world, UNICODE)


async def check_get(world: World) -> None:
    owner, other = await world.people(2)
    thread = await owner.create_thread(other)
    sent = await do(thread.send_message("hello"))
    listed = (await users_messages(thread))[0]
    got = await do(other.thread(thread.thread_id).get_message(sent.id))
    assert got.id == sent.id == listed.id
    for name in ("type", "version", "sequence_id", "created_on", "sender_display_name"):
        assert getattr(got, name) == getattr(listed, name), f"{name} differs between get and list"


async def check_get_unknown(world: World) -> None:
    owner, other = await world.people(2)
    thread = await owner.create_thread(other)
    await refused(404, lambda: thread.get_message("1600000000000"))


async def check_list_newest_first(world: World) -> None:
    owner, other = await world.people(2)
    thread = await owner.create_thread(other)
    sent = [(await do(thread.send_message(f"message {n}"))).id for n in range(5)]
    listed = await users_messages(other.thread(thread.thread_id))
    assert [message.id for message in listed] == sent[::-1], "not newest first"
    times = [message.created_on for message in listed]
    assert times == sorted(times, reverse=True), f"creation times are out of order: {times}"


async def check_list_pages(world: World) -> None:
    owner, other = await world.people(2)
    thread = await owner.create_thread(other)
    for n in range(5):
        await do(thread.send_message(f"message {n}"))
    everything = [message.id for message in await items(thread.list_messages())]
    paged = await pages(thread.list_messages(results_per_page=2))
    assert max(map(len, paged)) <= 2, f"a page is too long: {[len(page) for page in paged]}"
    assert [message.id for page in paged for message in page] == everything
    assert len(everything) == 7, "five messages and the two that a new thread starts with"


async def check_list_start_time(world: World) -> None:
    owner, other = await world.people(2)
    thread = await owner.create_thread(other)
    created_on = (await do(thread.get_properties())).created_on
    first = await send_later_than(thread, created_on, "first")
    second = await send_later_than(thread, first.created_on, "second")
    third = await send_later_than(thread, second.created_on, "third")
    listed = {message.id for message in await items(thread.list_messages(start_time=second.created_on))}
    assert third.id in listed, "a message after start_time is missing"
    assert first.id not in listed, "a message before start_time is listed"
    paged = await pages(thread.list_messages(start_time=first.created_on, results_per_page=1))
    listed = {message.id for page in paged for message in page}
    assert {second.id, third.id} <= listed, "a page lost start_time's messages"
    assert all(message.created_on >= first.created_on for page in paged for message in page), "a page forgot start_time"


async def check_update(world: World) -> None:
    owner, other = await world.people(2)
    thread = await owner.create_thread(other)
    sent = await do(thread.send_message("helo"))
    before = await do(thread.get_message(sent.id))
    await do(thread.update_message(sent.id, content="hello"))
    after = await do(other.thread(thread.thread_id).get_message(sent.id))
    assert after.content.message == "hello"
    assert after.edited_on is not None and after.edited_on >= before.created_on, f"editedOn is {after.edited_on}"
    assert after.version != before.version, "the version has not changed"
    assert (after.sequence_id, after.created_on) == (before.sequence_id, before.created_on)
    (listed,) = await users_messages(thread)
    assert listed.content.message == "hello" and listed.version == after.version, "the list has the old version"


async def check_update_metadata(world: World) -> None:
    owner, other = await world.people(2)
    thread = await owner.create_thread(other)
    sent = await do(thread.send_message("hello", metadata={"state": "new"}))
    await do(thread.update_message(sent.id, content="hello", metadata={"state": "seen"}))
    message = await do(other.thread(thread.thread_id).get_message(sent.id))
    assert message.metadata == {"state": "seen"}, f"metadata came back as {message.metadata}"


async def check_update_others_refused(world: World) -> None:
    owner, other = await world.people(2)
    thread = await owner.create_thread(other)
    sent = await do(thread.send_message("mine"))
    await refused(403, lambda: other.thread(thread.thread_id).update_message(sent.id, content="yours"))
    assert (await do(thread.get_message(sent.id))).content.message == "mine"


async def check_delete(world: World) -> None:
    owner, other = await world.people(2)
    thread = await owner.create_thread(other)
    sent = await do(thread.send_message("secret"))
    kept = await do(thread.send_message("kept"))
    await do(thread.delete_message(sent.id))
    listed = {message.id: message for message in await items(other.thread(thread.thread_id).list_messages())}
    deleted = listed[sent.id]
    assert deleted.deleted_on is not None and deleted.deleted_on >= deleted.created_on
    assert not (deleted.content and deleted.content.message), "the content is still there"
    assert listed[kept.id].deleted_on is None and listed[kept.id].content.message == "kept"


async def check_delete_others_refused(world: World) -> None:
    owner, other = await world.people(2)
    thread = await owner.create_thread(other)
    sent = await do(thread.send_message("mine"))
    await refused(403, lambda: other.thread(thread.thread_id).delete_message(sent.id))
    assert (await do(thread.get_message(sent.id))).deleted_on is None
