"""How refusals reach the user of the SDK."""

import base64
import json
import time

from azure.core.exceptions import HttpResponseError
from world import World, refused


def made_up_token() -> str:
    """What any credential class takes for a token: the SDKs read its exp."""
    def part(value: dict) -> str:
        return base64.urlsafe_b64encode(json.dumps(value).encode()).decode().rstrip("=")

    now = int(time.time())
    payload = {"skypeid": "acs:made_up", "scp": 1792, "acsScope": "chat", "iat": now, "exp": now + 3600}
    return f"{part({'alg': 'RS256', 'typ': 'JWT'})}.{part(payload)}.{base64.urlsafe_b64encode(bytes(32)).decode()}"


async def check_unauthorized(world: World) -> None:
    chat = world.chat_client(made_up_token())
    error = await refused(401, chat.list_chat_threads, code="Unauthorized")
    assert isinstance(error, HttpResponseError)
    guest = (await world.person()).as_participant()
    await refused(401, lambda: chat.create_chat_thread("a topic", thread_participants=[guest]), code="Unauthorized")


async def check_forbidden(world: World) -> None:
    owner, other, outsider = await world.people(3)
    thread = await owner.create_thread(other)
    error = await refused(403, outsider.thread(thread.thread_id).get_properties, code="Forbidden")
    assert error.message, "the error has no message"
