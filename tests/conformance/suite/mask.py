"""What differs from run to run, replaced by placeholders; what is equal stays equal."""

import re
from datetime import UTC, datetime, timedelta
from urllib.parse import quote

THREAD = re.compile(r"19:[0-9a-f]{32}@thread\.v2")
STAMP = re.compile(r"\b\d{13}\b")
TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?Z")
TOKEN = re.compile(r"eyJ[\w-]+\.[\w-]+\.[\w-]+")
# Those that a story fixed stay: they begin with zeros.
UUID = re.compile(r"(?!00000000-0000-)[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
OPAQUE = re.compile(r"(continuationToken=)[^&\"]+")


class Mask:
    def __init__(self, endpoint: str):
        self.names: dict[str, str] = {}
        self.threads: dict[str, str] = {}
        self.now = datetime.now(UTC)
        self.name(endpoint, "endpoint")

    def name(self, value: str, name: str) -> None:
        """From now on `value`, as it is or percent-encoded, is `<name>`."""
        for form in (value, quote(value, safe=""), value.replace(":", "%3A").replace("@", "%40")):
            self.names.setdefault(form, f"<{name}>")

    def __call__(self, value: object) -> object:
        if isinstance(value, dict):
            return {self.text(key): self(part) for key, part in value.items()}
        if isinstance(value, list):
            return [self(part) for part in value]
        return self.text(value) if isinstance(value, str) else value

    def text(self, text: str) -> str:
        # The longest first: one name may be a part of another.
        for value in sorted(self.names, key=len, reverse=True):
            text = text.replace(value, self.names[value])
        text = OPAQUE.sub(r"\1<opaque>", text)
        text = text.replace("%3A", ":").replace("%40", "@") if "thread.v2" in text else text
        text = THREAD.sub(self.thread, text)
        text = TIME.sub(self.time, TOKEN.sub("<token>", text))
        return UUID.sub("<uuid>", STAMP.sub("<stamp>", text))

    def thread(self, match: re.Match) -> str:
        return self.threads.setdefault(match[0], f"<thread {len(self.threads) + 1}>")

    def time(self, match: re.Match) -> str:
        """A moment of this run, in its precision; times that requests fixed stay as they are."""
        moment = datetime.fromisoformat(match[0])
        if abs(moment - self.now) > timedelta(days=2):
            return match[0]
        fraction = match[0].partition(".")[2].rstrip("Z")
        return "<time" + (f" .{'0' * len(fraction)}" if fraction else "") + ">"
