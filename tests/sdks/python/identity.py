"""Users and their tokens."""

import asyncio
import base64
import datetime
import inspect
import json
import os

import sdk
from world import CONNECTION_STRING, World, do, endpoint_of, items, refused

MINUTE = datetime.timedelta(minutes=1)


async def opens_chat(world: World, token: str) -> None:
    assert await items(world.chat_client(token).list_chat_threads()) == [], "a new user has no threads"


def claims(token: str) -> dict:
    payload = token.split(".")[1]
    return json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))


def parse_time(text: str) -> datetime.datetime:
    """RFC 3339 with up to seven digits of a second, which fromisoformat refuses."""
    whole, _, fraction = text.removesuffix("Z").partition(".")
    return datetime.datetime.fromisoformat(f"{whole}.{(fraction or '0')[:6]:0<6}+00:00")


def expires_after(token, minutes: int) -> None:
    expires_on = token.expires_on
    if isinstance(expires_on, str):  # identity 1.5.0 hands on what the server wrote
        expires_on = parse_time(expires_on)
    assert abs(expires_on.timestamp() - claims(token.token)["exp"]) <= 1, "expiresOn differs from the token's own exp"
    left = expires_on - datetime.datetime.now(datetime.timezone.utc)
    assert abs(left - minutes * MINUTE) < 5 * MINUTE, f"expected {minutes} minutes, got {left}"


async def check_create_user(world: World) -> None:
    first = await do(world.identity.create_user())
    second = await do(world.identity.create_user())
    assert sdk.id_of(first).startswith("8:acs:"), f"not a user id: {first.properties['id']}"
    assert sdk.id_of(first) != sdk.id_of(second), "two users share an id"


async def check_create_user_with_token(world: World) -> None:
    user, token = await do(world.identity.create_user_and_token(["chat"]))
    assert sdk.id_of(user).startswith("8:acs:"), f"not a user id: {user.properties['id']}"
    expires_after(token, 1440)
    await opens_chat(world, token.token)


async def token_for(world: World, *scopes: str, **options):
    user = await do(world.identity.create_user())
    return await do(world.identity.get_token(user, list(scopes), **options))


async def check_scope_chat(world: World) -> None:
    token = await token_for(world, "chat")
    expires_after(token, 1440)
    await opens_chat(world, token.token)


async def check_scope_voip(world: World) -> None:
    token = await token_for(world, "voip")
    await refused(403, lambda: world.chat_client(token.token).list_chat_threads())


async def check_scope_chat_and_voip(world: World) -> None:
    token = await token_for(world, "chat", "voip")
    await opens_chat(world, token.token)


async def check_scope_chat_join(world: World) -> None:
    owner, third = await world.people(2)
    joiner = await world.person(("chat.join",))
    await refused(403, lambda: joiner.chat.create_chat_thread("not allowed"))
    thread = joiner.thread((await owner.create_thread(joiner)).thread_id)
    await do(thread.send_message("hello"))
    await refused(403, lambda: thread.update_topic("not allowed"))
    assert await do(thread.add_participants([third.as_participant()])) == []
    await do(thread.remove_participant(third.user))


async def check_scope_chat_join_limited(world: World) -> None:
    owner, third = await world.people(2)
    joiner = await world.person(("chat.join.limited",))
    thread = joiner.thread((await owner.create_thread(joiner)).thread_id)
    sent = await do(thread.send_message("hello"))
    await do(thread.update_message(sent.id, content="hello again"))
    await refused(403, lambda: thread.add_participants([third.as_participant()]))
    await refused(403, lambda: joiner.chat.create_chat_thread("not allowed"))


async def check_scope_voip_join(world: World) -> None:
    token = await token_for(world, "voip.join")
    expires_after(token, 1440)
    await refused(403, lambda: world.chat_client(token.token).list_chat_threads())


async def check_unknown_scope(world: World) -> None:
    user = await do(world.identity.create_user())
    await refused(400, lambda: world.identity.get_token(user, ["telepathy"]))


async def check_expires_in_accepted(world: World) -> None:
    for minutes in (60, 1440):
        expires_after(await token_for(world, "chat", token_expires_in=minutes * MINUTE), minutes)
        _, token = await do(world.identity.create_user_and_token(["chat"], token_expires_in=minutes * MINUTE))
        expires_after(token, minutes)


async def check_expires_in_rejected(world: World) -> None:
    user = await do(world.identity.create_user())
    for minutes in (59, 1441):
        lifetime = minutes * MINUTE
        await refused(400, lambda: world.identity.get_token(user, ["chat"], token_expires_in=lifetime))
        await refused(400, lambda: world.identity.create_user_and_token(["chat"], token_expires_in=lifetime))


async def everywhere() -> None:
    """The node that revokes does so at once. Where there are others, they follow within this time."""
    await asyncio.sleep(int(os.environ.get("SAMBAND_REVOCATION_MS", "0")) / 1000)


async def check_revoke_tokens(world: World) -> None:
    user, old = await do(world.identity.create_user_and_token(["chat"]))
    await opens_chat(world, old.token)
    await do(world.identity.revoke_tokens(user))
    await everywhere()
    await refused(401, lambda: world.chat_client(old.token).list_chat_threads())
    new = await do(world.identity.get_token(user, ["chat"]))
    await opens_chat(world, new.token)


async def check_revoke_tokens_issued_before(world: World) -> None:
    user, token = await do(world.identity.create_user_and_token(["chat"]))
    now = datetime.datetime.now(datetime.timezone.utc)
    await do(world.identity.revoke_tokens(user, issued_before=now - 60 * MINUTE))
    await everywhere()
    await opens_chat(world, token.token)
    await do(world.identity.revoke_tokens(user, issued_before=now + MINUTE / 60))
    await everywhere()
    await refused(401, lambda: world.chat_client(token.token).list_chat_threads())


async def check_delete_user(world: World) -> None:
    user, token = await do(world.identity.create_user_and_token(["chat"]))
    await opens_chat(world, token.token)
    await do(world.identity.delete_user(user))
    await everywhere()
    await refused(401, lambda: world.chat_client(token.token).list_chat_threads())


async def check_teams_exchange_refused(world: World) -> None:
    exchange = world.identity.get_token_for_teams_user
    # The beta took the token alone.
    takes = inspect.signature(exchange).parameters
    arguments = ("made.up.token",) if "client_id" not in takes else ("made.up.token", "an app", "a user")
    await refused(401, lambda: exchange(*arguments))


async def check_wrong_access_key(world: World) -> None:
    key = base64.b64encode(bytes(32)).decode()
    stranger = world.identity_client(f"endpoint={endpoint_of(CONNECTION_STRING)}/;accesskey={key}")
    await refused(401, stranger.create_user)
