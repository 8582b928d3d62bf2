"""Prove the given checks with the Python SDKs: driver.py sync|aio ID..."""

import asyncio
import json
import sys
import traceback

import errors
import identity
import messages
import participants
import receipts
import system
import threads
from world import World

MODULES = [identity, threads, participants, messages, system, receipts, errors]
CHECKS = {
    f"{module.__name__}.{name.removeprefix('check_')}": function
    for module in MODULES
    for name, function in vars(module).items()
    if name.startswith("check_")
}
# Typing shares a file with receipts: one line of code each.
CHECKS |= {"typing.send": receipts.check_typing, "typing.display_name": receipts.check_typing_display_name}


async def prove(check_id: str, mode: str) -> dict:
    if check_id not in CHECKS:
        return {"id": check_id, "ok": False, "error": "this driver has no such check"}
    # Every check starts with an empty world, so that one failure hides no other.
    world = World(aio=mode == "aio")
    try:
        await CHECKS[check_id](world)
        return {"id": check_id, "ok": True}
    except Exception as error:  # pylint: disable=broad-except
        return {"id": check_id, "ok": False, "error": describe(error)}
    finally:
        await world.close()


def describe(error: Exception) -> str:
    # The line of the check, not the helper's or the SDK's.
    frames = traceback.extract_tb(error.__traceback__)
    helpers = ("world.py", "either.py")
    here = [one for one in frames if not one.filename.endswith(helpers) and "site-packages" not in one.filename]
    where = f" (line {here[-1].lineno}: {here[-1].line})" if here else ""
    return f"{type(error).__name__}: {' '.join(str(error).split())[:300]}{where}"


async def main(mode: str, check_ids: list[str]) -> None:
    for check_id in check_ids:
        print(json.dumps(await prove(check_id, mode)), flush=True)


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], sys.argv[2:]))
