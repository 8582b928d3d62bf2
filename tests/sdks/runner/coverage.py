"""coverage.json: which operation in which api-version each suite has used with success.

Read from the server's own counters before and after a suite, so it is what
happened and not what somebody meant to test. docs/compat.md is made from it.
"""

import json
import os
import re
import ssl
import urllib.request

from .scenario import HERE

FILE = HERE / "coverage.json"
COUNTER = re.compile(
    r'^samband_requests_total\{service="(\w+)",operation="(\w+)",status="2\d\d",api_version="([\w-]+)"\} (\d+)'
)


def snapshot() -> dict[str, int]:
    """Successful requests so far; empty where the server is not samband."""
    endpoint = os.environ.get("SAMBAND_ENDPOINT")
    if not endpoint:
        return {}
    trust = ssl.create_default_context(cafile=os.environ.get("SAMBAND_CA_FILE"))
    with urllib.request.urlopen(f"{endpoint}/metrics", context=trust) as answer:
        lines = answer.read().decode().splitlines()
    found = (COUNTER.match(line) for line in lines)
    return {f"{m[1]} {m[2]} {m[3]}": int(m[4]) for m in found if m}


def used_since(before: dict[str, int]) -> list[str]:
    return sorted(name for name, count in snapshot().items() if count > before.get(name, 0))


def read() -> dict[str, list[str]]:
    return json.loads(FILE.read_text(encoding="utf-8")) if FILE.is_file() else {}


def write(used: dict[str, list[str]]) -> None:
    known = read()
    FILE.write_text(json.dumps(known | used, indent=1, sort_keys=True) + "\n", encoding="utf-8")
