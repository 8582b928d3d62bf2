"""Waiting until readers hear what happens. What is stored is found whenever it happened; typing, which is
not, passes a reader by that is still catching up, and no answer tells when it has."""

import threading

from .rest import User


class Warm:
    """While this is entered, somebody types in a thread of their own with the user."""

    def __init__(self, user: User):
        self.helper = User.create("Helper", server=user.server)
        self.thread = self.helper.create_thread("Warm", user)
        self.enough = threading.Event()
        self.typing = threading.Thread(target=self.type)

    def type(self) -> None:
        while not self.enough.wait(0.05):
            self.helper.type(self.thread)

    def __enter__(self) -> "Warm":
        self.typing.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.enough.set()
        self.typing.join()

    def heard(self, event: dict) -> bool:
        return event["type"] == "Samband.ChatTypingIndicatorReceived" and event["data"]["threadId"] == self.thread


def live(user: User, *readers) -> None:
    """Returns once each of the user's readers hears what happens. They do not tell of how it was found."""
    with Warm(user) as warm:
        for reader in readers:
            reader.ignored.add(warm.thread)
            while (event := reader.any()) is not None and not warm.heard(event):
                if event["data"].get("threadId") != warm.thread:
                    raise AssertionError(f"told meanwhile: {event}")
            if event is None:
                raise AssertionError("the stream ended before it was live")
