"""Read receipts, and typing notifications, which leave no trace to list."""

from world import World, do, items, pages


async def check_send_and_list(world: World) -> None:
    owner, reader = await world.people(2)
    thread = await owner.create_thread(reader)
    sent = await do(thread.send_message("read me"))
    message = await do(thread.get_message(sent.id))
    assert await items(thread.list_read_receipts()) == [], "nobody has read anything yet"
    await do(reader.thread(thread.thread_id).send_read_receipt(sent.id))
    (receipt,) = await items(thread.list_read_receipts())
    assert receipt.sender.raw_id == reader.id
    assert receipt.chat_message_id == sent.id
    assert receipt.read_on >= message.created_on, f"read at {receipt.read_on}, before it was sent"


async def check_newest_replaces(world: World) -> None:
    owner, reader = await world.people(2)
    thread = await owner.create_thread(reader)
    for text in ("one", "two"):
        sent = await do(thread.send_message(text))
        await do(reader.thread(thread.thread_id).send_read_receipt(sent.id))
    (receipt,) = await items(thread.list_read_receipts())
    assert receipt.chat_message_id == sent.id, "the older receipt was kept"


async def check_list_pages(world: World) -> None:
    owner, *readers = await world.people(4)
    thread = await owner.create_thread(*readers)
    sent = await do(thread.send_message("read me"))
    for reader in readers:
        await do(reader.thread(thread.thread_id).send_read_receipt(sent.id))
    paged = await pages(thread.list_read_receipts(results_per_page=1))
    assert [len(page) for page in paged] == [1, 1, 1], f"page lengths are {[len(page) for page in paged]}"
    listed = [receipt.sender.raw_id for page in paged for receipt in page]
    assert sorted(listed) == sorted(reader.id for reader in readers)
    rest = await items(thread.list_read_receipts(results_per_page=1, skip=1))
    assert [receipt.sender.raw_id for receipt in rest] == listed[1:], "skip=1 should leave out the first"


async def check_typing(world: World) -> None:
    owner, other = await world.people(2)
    thread = await owner.create_thread(other)
    await do(thread.send_typing_notification())


async def check_typing_display_name(world: World) -> None:
    owner, other = await world.people(2)
    thread = await owner.create_thread(other)
    await do(thread.send_typing_notification(sender_display_name="Owner"))
