"""Chat threads."""

import datetime
import uuid

import sdk
from world import World, do, items, pages, refused, send_later_than


async def ids_of(thread) -> set[str]:
    return {participant.identifier.raw_id for participant in await items(thread.list_participants())}


async def check_create(world: World) -> None:
    owner, second, third = await world.people(3)
    created = await do(
        owner.chat.create_chat_thread(
            "lunch", thread_participants=[second.as_participant(display_name="Second"), third.as_participant()]
        )
    )
    assert not created.errors, f"all participants are valid, but: {created.errors}"
    assert created.chat_thread.topic == "lunch"
    assert created.chat_thread.created_by.raw_id == owner.id, "the creator is not createdBy"
    listed = await items(owner.thread(created.chat_thread.id).list_participants())
    names = {participant.identifier.raw_id: participant.display_name for participant in listed}
    assert set(names) == {owner.id, second.id, third.id}, f"the creator and both others should be in: {names}"
    assert names[second.id] == "Second", f"the display name is lost: {names}"


async def check_create_idempotent(world: World) -> None:
    owner, other = await world.people(2)
    token = str(uuid.uuid4())
    first = await owner.create_thread(other, idempotency_token=token)
    again = await owner.create_thread(other, idempotency_token=token)
    different = await owner.create_thread(other, idempotency_token=str(uuid.uuid4()))
    assert first.thread_id == again.thread_id, "the same token made a second thread"
    assert first.thread_id != different.thread_id, "another token gave the same thread"
    assert len(await items(owner.chat.list_chat_threads())) == 2


async def check_create_250(world: World) -> None:
    owner = await world.person()
    crowd = [sdk.participant(await do(world.identity.create_user())) for _ in range(249)]
    # A request takes 200 at most.
    created = await do(owner.chat.create_chat_thread("everybody", thread_participants=crowd[:200]))
    assert not created.errors, f"rejected: {created.errors}"
    thread = owner.thread(created.chat_thread.id)
    rejected = await do(thread.add_participants(crowd[200:]))
    assert not rejected, f"rejected: {rejected}"
    assert len(await ids_of(thread)) == 250


async def check_get_properties(world: World) -> None:
    owner, other = await world.people(2)
    thread = await owner.create_thread(other, topic="lunch")
    for person in (owner, other):
        seen = await do(person.thread(thread.thread_id).get_properties())
        assert seen.id == thread.thread_id and seen.topic == "lunch"
        assert seen.created_by.raw_id == owner.id
        assert isinstance(seen.created_on, datetime.datetime)


async def check_list(world: World) -> None:
    owner, other = await world.people(2)
    thread = await owner.create_thread(other, topic="lunch")
    sent = await do(thread.send_message("hello"))
    message = await do(thread.get_message(sent.id))
    for person in (owner, other):
        (item,) = await items(person.chat.list_chat_threads())
        assert item.id == thread.thread_id and item.topic == "lunch" and item.deleted_on is None
        assert item.last_message_received_on == message.created_on, "lastMessageReceivedOn is not the last message's"


async def check_list_pages(world: World) -> None:
    owner, other = await world.people(2)
    made = {(await owner.create_thread(other, topic=f"thread {n}")).thread_id for n in range(5)}
    paged = await pages(owner.chat.list_chat_threads(results_per_page=2))
    assert max(map(len, paged)) <= 2, f"a page is too long: {[len(page) for page in paged]}"
    listed = [item.id for page in paged for item in page]
    assert len(listed) == 5 and set(listed) == made, f"expected {made}, got {listed}"


async def check_list_start_time(world: World) -> None:
    owner, other = await world.people(2)
    old, new = await owner.create_thread(other), await owner.create_thread(other)
    instant = (await do(old.get_properties())).created_on
    instant = (await send_later_than(old, instant, "old")).created_on
    since = (await send_later_than(new, instant, "new")).created_on
    listed = {item.id for item in await items(owner.chat.list_chat_threads(start_time=since))}
    assert old.thread_id not in listed, "a thread without messages since start_time is listed"
    since = instant
    listed = {item.id for item in await items(owner.chat.list_chat_threads(start_time=since))}
    assert new.thread_id in listed, "a thread with messages since start_time is missing"


async def check_update_topic(world: World) -> None:
    owner, other = await world.people(2)
    thread = await owner.create_thread(other, topic="lunch")
    await do(thread.update_topic("dinner"))
    assert (await do(other.thread(thread.thread_id).get_properties())).topic == "dinner"
    (item,) = await items(other.chat.list_chat_threads())
    assert item.topic == "dinner", "the list has the old topic"


async def check_delete(world: World) -> None:
    owner, other = await world.people(2)
    thread = await owner.create_thread(other)
    await do(owner.chat.delete_chat_thread(thread.thread_id))
    for person in (owner, other):
        try:
            await do(person.thread(thread.thread_id).send_message("hello?"))
        except Exception as error:  # the pages do not say which of the two
            assert getattr(error, "status_code", None) in (403, 404), f"expected 403 or 404: {error!r}"
        else:
            raise AssertionError("a deleted thread takes messages")


async def check_delete_twice(world: World) -> None:
    owner, other = await world.people(2)
    thread = await owner.create_thread(other)
    await do(owner.chat.delete_chat_thread(thread.thread_id))
    await do(owner.chat.delete_chat_thread(thread.thread_id))


async def check_deleted_stays_listed(world: World) -> None:
    owner, other = await world.people(2)
    thread = await owner.create_thread(other)
    created_on = (await do(thread.get_properties())).created_on
    await do(owner.chat.delete_chat_thread(thread.thread_id))
    for person in (owner, other):
        (item,) = await items(person.chat.list_chat_threads())
        assert item.id == thread.thread_id
        assert item.deleted_on is not None and item.deleted_on >= created_on, f"deletedOn is {item.deleted_on}"


async def check_outsider_refused(world: World) -> None:
    owner, other, outsider = await world.people(3)
    thread = await owner.create_thread(other)
    sent = await do(thread.send_message("secret"))
    seen = outsider.thread(thread.thread_id)
    await refused(403, seen.get_properties)
    await refused(403, lambda: seen.send_message("hello"))
    await refused(403, seen.list_messages)
    await refused(403, lambda: seen.get_message(sent.id))
    await refused(403, seen.list_participants)
    await refused(403, lambda: seen.update_topic("mine now"))
    await refused(403, lambda: seen.add_participants([outsider.as_participant()]))
    await refused(403, lambda: seen.send_read_receipt(sent.id))
    await refused(403, seen.send_typing_notification)
    await refused(403, lambda: outsider.chat.delete_chat_thread(thread.thread_id))
