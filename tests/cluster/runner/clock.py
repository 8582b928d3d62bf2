"""A node's wall clock, wrong by as much as we like and at any time, by libfaketime. Its monotonic clock stays right."""

from datetime import datetime, timezone
from email.utils import parsedate_to_datetime
from pathlib import Path

from .processes import Unavailable
from .wire import Wire


class Clock:
    def __init__(self, file: Path, offset: str):
        # The library for programs with threads.
        found = sorted(Path("/usr/lib").glob("*/faketime/libfaketimeMT.so.1"))
        if not found:
            raise Unavailable("faketime is not installed")
        self.file = file
        self.set(offset)
        self.variables = {
            "LD_PRELOAD": str(found[0]),
            "FAKETIME_TIMESTAMP_FILE": str(file),
            "FAKETIME_NO_CACHE": "1",
            # One name is of older releases.
            "FAKETIME_DONT_FAKE_MONOTONIC": "1",
            "DONT_FAKE_MONOTONIC": "1",
        }

    def set(self, offset: str) -> None:
        """Such as +1h. In one piece, as the node may be reading."""
        new = self.file.with_suffix(".new")
        new.write_text(offset + "\n")
        new.rename(self.file)


async def hours_off(port: int) -> float:
    """By what a node says the time is, at its port without TLS."""
    wire = Wire("127.0.0.1", port)
    try:
        told = parsedate_to_datetime((await wire.call("GET", "/livez")).headers["date"])
    finally:
        wire.close()
    return (told - datetime.now(timezone.utc)).total_seconds() / 3600
