"""Participants of a thread and the history they see."""

import contextlib
import datetime
import json

import sdk
from threads import ids_of
from world import World, do, items, pages, refused, send_later_than

PHONE_NUMBER = "+14255550123"


def unknown_user_like(known_id: str) -> str:
    """A well-formed user id of the same resource that nobody has."""
    return known_id[:-12] + "f" * 12


async def texts_seen_by(person, thread) -> set[str]:
    messages = await items(person.thread(thread.thread_id).list_messages())
    return {message.content.message for message in messages if message.type == "text"}


async def check_add(world: World) -> None:
    owner, second, third = await world.people(3)
    thread = await owner.create_thread(second)
    # Any participant may add others, not only the creator.
    rejected = await do(second.thread(thread.thread_id).add_participants([third.as_participant(display_name="Third")]))
    assert rejected == [], f"a valid participant was rejected: {rejected}"
    assert await ids_of(thread) == {owner.id, second.id, third.id}
    await do(third.thread(thread.thread_id).send_message("hello"))


async def history(world: World, share) -> set[str]:
    """What a newcomer sees of one, two and three, and of four sent later.

    `share` gets the thread's creation time and the messages one to three, and
    answers the newcomer's share time.
    """
    owner, other, newcomer = await world.people(3)
    thread = await owner.create_thread(other)
    created_on = instant = (await do(thread.get_properties())).created_on
    sent = []
    for text in ("one", "two", "three"):
        sent.append(await send_later_than(thread, instant, text))
        instant = sent[-1].created_on
    options = share(created_on, sent)
    assert await do(thread.add_participants([newcomer.as_participant(**options)])) == []
    await do(thread.send_message("four"))
    return await texts_seen_by(newcomer, thread)


async def check_history_all(world: World) -> None:
    seen = await history(world, lambda created_on, sent: {"share_history_time": created_on})
    assert seen == {"one", "two", "three", "four"}, f"all of the history should be there: {seen}"


async def check_history_none(world: World) -> None:
    moment = datetime.timedelta(milliseconds=1)
    seen = await history(world, lambda created_on, sent: {"share_history_time": sent[-1].created_on + moment})
    assert seen == {"four"}, f"nothing from before joining should be there: {seen}"


async def check_history_since(world: World) -> None:
    # send_later_than made "two" certainly later than "one".
    seen = await history(world, lambda created_on, sent: {"share_history_time": sent[1].created_on})
    assert seen == {"two", "three", "four"}, f"the history from two on should be there: {seen}"


async def check_history_unset(world: World) -> None:
    seen = await history(world, lambda created_on, sent: {})
    assert seen == {"four"}, f"nothing from before joining should be there: {seen}"


async def check_list_pages(world: World) -> None:
    everybody = await world.people(5)
    thread = await everybody[0].create_thread(*everybody[1:])
    paged = await pages(thread.list_participants(results_per_page=2))
    assert [len(page) for page in paged] == [2, 2, 1], f"page lengths are {[len(page) for page in paged]}"
    listed = [participant.identifier.raw_id for page in paged for participant in page]
    assert sorted(listed) == sorted(person.id for person in everybody)
    rest = await items(thread.list_participants(results_per_page=2, skip=2))
    assert [participant.identifier.raw_id for participant in rest] == listed[2:], "skip=2 should leave out the first two"


async def check_unknown_user_reported(world: World) -> None:
    owner, other, third = await world.people(3)
    thread = await owner.create_thread(other)
    nobody = sdk.participant(sdk.UserIdentifier(unknown_user_like(other.id)))
    ((participant, error),) = await do(thread.add_participants([third.as_participant(), nobody]))
    assert participant is nobody, "the error's target is not the id that was sent"
    assert error.code == "404" and error.message, f"expected code 404 with a message: {error}"
    assert await ids_of(thread) == {owner.id, other.id, third.id}, "the valid participant should be in"


async def check_unknown_user_reported_on_create(world: World) -> None:
    owner, other = await world.people(2)
    nobody = sdk.participant(sdk.UserIdentifier(unknown_user_like(other.id)))
    created = await do(owner.chat.create_chat_thread("a topic", thread_participants=[other.as_participant(), nobody]))
    ((participant, error),) = created.errors
    assert participant is nobody, "the error's target is not the id that was sent"
    assert error.code == "404" and error.message, f"expected code 404 with a message: {error}"
    assert await ids_of(owner.thread(created.chat_thread.id)) == {owner.id, other.id}


async def check_phone_number_reported(world: World) -> None:
    # Not at the top: the betas before 1.0.0 have no such name.
    from azure.communication.chat import PhoneNumberIdentifier  # pylint: disable=import-outside-toplevel

    owner, other = await world.people(2)
    thread = await owner.create_thread(other)
    answers = []
    # The Python SDK looks each rejected participant up by a property that phone
    # numbers have not, and fails with a KeyError of its own. The answer is read
    # on its way in instead.
    with contextlib.suppress(KeyError):
        await do(
            thread.add_participants(
                [sdk.participant(PhoneNumberIdentifier(PHONE_NUMBER))],
                raw_response_hook=lambda response: answers.append(response.http_response),
            )
        )
    (answer,) = answers
    assert answer.status_code == 201, f"expected 201, got {answer.status_code}"
    (error,) = json.loads(answer.text())["invalidParticipants"]
    assert error["code"] == "403" and error["message"], f"expected code 403 with a message: {error}"
    assert PHONE_NUMBER in error["target"], f"the target does not name the number: {error}"
    assert await ids_of(thread) == {owner.id, other.id}


async def check_remove(world: World) -> None:
    owner, second, third = await world.people(3)
    thread = await owner.create_thread(second, third)
    await do(thread.remove_participant(third.user))
    assert await ids_of(thread) == {owner.id, second.id}
    # Leaving is removing oneself.
    await do(second.thread(thread.thread_id).remove_participant(second.user))
    assert await ids_of(thread) == {owner.id}


async def check_removed_reads_history(world: World) -> None:
    owner, other = await world.people(2)
    thread = await owner.create_thread(other)
    await do(thread.send_message("before"))
    await do(thread.remove_participant(other.user))
    await do(thread.send_message("after"))
    seen = await texts_seen_by(other, thread)
    assert seen == {"before"}, f"the history up to the removal should be there, and no more: {seen}"


async def check_removed_cannot_send(world: World) -> None:
    owner, other = await world.people(2)
    thread = await owner.create_thread(other)
    seen = other.thread(thread.thread_id)
    await do(seen.send_message("before"))
    await do(thread.remove_participant(other.user))
    await refused(403, lambda: seen.send_message("after"))
