"""Messages that the thread itself leaves behind."""

from azure.communication.chat import ChatMessageType
from world import World, do, items


async def oldest_first(thread) -> list:
    return (await items(thread.list_messages()))[::-1]


def who(message) -> set[str]:
    return {participant.identifier.raw_id for participant in message.content.participants}


async def newest(thread, owner, kind: ChatMessageType):
    message = (await items(thread.list_messages()))[0]
    assert message.type == kind, f"expected {kind}, the newest message is {message.type}"
    assert message.sender is None, "a system message has no sender"
    assert message.content.initiator.raw_id == owner.id, "the initiator is not who did it"
    return message


async def check_new_thread(world: World) -> None:
    owner, second, third = await world.people(3)
    thread = await owner.create_thread(second, third, topic="lunch")
    added, topic = await oldest_first(thread)
    assert added.type == ChatMessageType.PARTICIPANT_ADDED and added.sequence_id == "1"
    assert who(added) == {owner.id, second.id, third.id}, "not all initial participants are named"
    assert added.content.initiator.raw_id == owner.id
    assert topic.type == ChatMessageType.TOPIC_UPDATED and topic.sequence_id == "2"
    assert topic.content.topic == "lunch" and topic.content.initiator.raw_id == owner.id


async def check_topic_updated(world: World) -> None:
    owner, other = await world.people(2)
    thread = await owner.create_thread(other)
    await do(thread.update_topic("dinner"))
    message = await newest(thread, owner, ChatMessageType.TOPIC_UPDATED)
    assert message.content.topic == "dinner"


async def check_participant_added(world: World) -> None:
    owner, second, third = await world.people(3)
    thread = await owner.create_thread(second)
    await do(thread.add_participants([third.as_participant(display_name="Third")]))
    message = await newest(thread, owner, ChatMessageType.PARTICIPANT_ADDED)
    assert who(message) == {third.id}, "only the new participant should be named"
    assert message.content.participants[0].display_name == "Third"


async def check_participant_removed(world: World) -> None:
    owner, second, third = await world.people(3)
    thread = await owner.create_thread(second, third)
    await do(thread.remove_participant(third.user))
    message = await newest(thread, owner, ChatMessageType.PARTICIPANT_REMOVED)
    assert who(message) == {third.id}, "only the removed participant should be named"


async def check_order(world: World) -> None:
    owner, second, third = await world.people(3)
    thread = await owner.create_thread(second)
    await do(thread.send_message("one"))
    await do(thread.update_topic("dinner"))
    await do(thread.add_participants([third.as_participant()]))
    await do(thread.send_message("two"))
    await do(thread.remove_participant(third.user))
    listed = await oldest_first(thread)
    assert [message.type for message in listed] == [
        "participantAdded", "topicUpdated", "text", "topicUpdated", "participantAdded", "text", "participantRemoved",
    ], f"out of order: {[message.type for message in listed]}"
    assert [message.sequence_id for message in listed] == [str(n) for n in range(1, 8)]
    ids = [int(message.id) for message in listed]
    assert ids == sorted(set(ids)), f"ids do not grow: {ids}"
