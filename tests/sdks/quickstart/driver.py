"""Run the 2020 quickstart, then what its page only names: driver.py sync|aio ID..."""

import asyncio
import contextlib
import io
import json
import runpy
import sys
from pathlib import Path

HERE = Path(__file__).parent
sys.path.append(str(HERE.with_name("python")))

import beside  # noqa: E402
import rest  # noqa: E402


async def main(mode: str, check_ids: list[str]) -> None:
    said = run_quickstart() if any(check_id.startswith("quickstart.") for check_id in check_ids) else ""
    for check_id in check_ids:
        group, _, name = check_id.partition(".")
        error = after_quickstart(name, said) if group == "quickstart" else await prove(name, mode)
        print(json.dumps({"id": check_id, "ok": not error, **({"error": error} if error else {})}), flush=True)


def run_quickstart() -> str:
    # Standard output is for reports; the quickstart prints its exceptions there.
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        runpy.run_path(str(HERE / "start_chat.py"))
    return " ".join(printed.getvalue().split())


def after_quickstart(name: str, said: str) -> str:
    if name == "nothing_printed":
        return said and f"the quickstart printed: {said[:300]}"
    if name not in beside.outcomes:
        return f"the quickstart did not get this far: {said[:300]}"
    return describe(beside.outcomes[name])


async def prove(name: str, mode: str) -> str:
    check = getattr(rest, f"check_{name}", None)
    if check is None:
        return "this driver has no such check"
    world = rest.World(aio=mode == "aio")
    try:
        await check(world)
        return ""
    except Exception as error:  # pylint: disable=broad-except
        return describe(error)
    finally:
        await world.close()


def describe(error: Exception | None) -> str:
    if error is None:
        return ""
    lines = []
    trace = error.__traceback__
    while trace:
        code = trace.tb_frame.f_code
        file = Path(code.co_filename).name
        if "site-packages" not in code.co_filename and code.co_name != "refused" and file != "either.py":
            lines.append(f"{file}:{trace.tb_lineno}")
        trace = trace.tb_next
    return f"{type(error).__name__}: {' '.join(str(error).split())[:300]} ({lines[-1] if lines else '?'})"


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], sys.argv[2:]))
