"""Run the 2020 quickstart, then what its page only names: driver.py ID..."""

import contextlib
import io
import json
import runpy
import sys
from pathlib import Path

import beside
import rest


def main(check_ids: list[str]) -> None:
    # Standard output is for reports; the quickstart prints its exceptions there.
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        runpy.run_path(str(Path(__file__).with_name("start_chat.py")))
    said = " ".join(printed.getvalue().split())
    for check_id in check_ids:
        group, _, name = check_id.partition(".")
        error = after_quickstart(name, said) if group == "quickstart" else prove(name)
        print(json.dumps({"id": check_id, "ok": not error, **({"error": error} if error else {})}), flush=True)


def after_quickstart(name: str, said: str) -> str:
    if name == "nothing_printed":
        return said and f"the quickstart printed: {said[:300]}"
    if name not in beside.outcomes:
        return f"the quickstart did not get this far: {said[:300]}"
    return describe(beside.outcomes[name])


def prove(name: str) -> str:
    check = getattr(rest, f"check_{name}", None)
    if check is None:
        return "this driver has no such check"
    try:
        check()
        return ""
    except Exception as error:  # pylint: disable=broad-except
        return describe(error)


def describe(error: Exception | None) -> str:
    if error is None:
        return ""
    lines = []
    trace = error.__traceback__
    while trace:
        code = trace.tb_frame.f_code
        if "site-packages" not in code.co_filename and code.co_name != "refused":
            lines.append(f"{Path(code.co_filename).name}:{trace.tb_lineno}")
        trace = trace.tb_next
    return f"{type(error).__name__}: {' '.join(str(error).split())[:300]} ({lines[-1] if lines else '?'})"


if __name__ == "__main__":
    main(sys.argv[1:])
