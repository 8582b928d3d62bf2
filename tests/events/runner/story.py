"""Things that happen in threads, done through the REST API, and what listeners must be told of them."""

from dataclasses import dataclass, field

from .rest import User

GRID = "Microsoft.Communication."
# Kind: type and subject's role on the user level, the same on the thread level (Event Grid's documentation).
KINDS = {
    "received": (GRID + "ChatMessageReceived", "sender", GRID + "ChatMessageReceivedInThread", "sender"),
    "edited": (GRID + "ChatMessageEdited", "sender", GRID + "ChatMessageEditedInThread", "sender"),
    "deleted": (GRID + "ChatMessageDeleted", "sender", GRID + "ChatMessageDeletedInThread", "sender"),
    "created": (GRID + "ChatThreadCreatedWithUser", "createdBy", GRID + "ChatThreadCreated", "createdBy"),
    "updated": (
        GRID + "ChatThreadPropertiesUpdatedPerUser", "editedBy",
        GRID + "ChatThreadPropertiesUpdated", "editedBy",
    ),
    "gone": (GRID + "ChatThreadWithUserDeleted", "deletedBy", GRID + "ChatThreadDeleted", "deletedBy"),
    "added": (
        GRID + "ChatParticipantAddedToThreadWithUser", "participantAdded",
        GRID + "ChatThreadParticipantAdded", "participantadded",
    ),
    "removed": (
        GRID + "ChatParticipantRemovedFromThreadWithUser", "participantRemoved",
        GRID + "ChatThreadParticipantRemoved", "participantremoved",
    ),
    "typing": ("Samband.ChatTypingIndicatorReceived", "sender", "Samband.ChatTypingIndicatorReceived", "sender"),
    "read": ("Samband.ChatReadReceiptReceived", "sender", "Samband.ChatReadReceiptReceived", "sender"),
}
# Identifiers that the user level has as plain text too.
TWINS = {
    "senderCommunicationIdentifier": "senderId",
    "createdByCommunicationIdentifier": "createdBy",
    "editedByCommunicationIdentifier": "editedBy",
    "deletedByCommunicationIdentifier": "deletedBy",
}
SOURCE = "/providers/microsoft.communication/communicationservices/"


@dataclass
class Told:
    kind: str
    thread: str
    # Who stands in the subject, and who took part when it happened.
    about: User
    members: frozenset[str]
    data: dict = field(default_factory=dict)

    def __str__(self) -> str:
        return f"{self.kind} {self.data.get('messageBody') or self.data.get('messageId') or self.about.name}"[:80]

    def type_for(self, reader: User | None) -> str:
        return KINDS[self.kind][0 if reader else 2]

    def problem(self, event: dict, reader: User | None) -> str | None:
        """How an event differs from what `reader` must be told, or the thread level if there is none."""
        user_type, user_role, thread_type, thread_role = KINDS[self.kind]
        subject = f"thread/{self.thread}/{user_role if reader else thread_role}/{self.about.id}"
        if reader:
            subject += f"/recipient/{reader.id}"
        expected = {"type": user_type if reader else thread_type, "subject": subject}
        for name, value in expected.items():
            if event[name] != value:
                return f"{self}: {name} is {event[name]}, not {value}"
        if SOURCE not in event["source"].lower():
            return f"{self}: source is {event['source']}"
        if ("position" in event) != (self.kind != "typing"):
            return f"{self}: position is {event.get('position')}"
        data = event["data"]
        wanted = {"threadId": self.thread} | self.data
        if reader:
            wanted["recipientCommunicationIdentifier"] = reader
            wanted["recipientId"] = reader.id
            wanted |= {twin: self.data[name].id for name, twin in TWINS.items() if name in self.data}
        for name, value in wanted.items():
            if plain(data.get(name)) != plain(value):
                return f"{self}: {name} is {str(data.get(name))[:200]}, not {str(plain(value))[:200]}"
        return None


def plain(value: object) -> object:
    """Users and lists of participants as ids, since nothing orders participants."""
    if isinstance(value, User):
        return value.id
    if isinstance(value, dict) and "rawId" in value:
        return value["rawId"]
    if isinstance(value, dict) and "participantCommunicationIdentifier" in value:
        return (value["participantCommunicationIdentifier"]["rawId"], value["displayName"])
    if isinstance(value, list):
        return sorted(plain(one) for one in value)
    if isinstance(value, tuple):
        return (value[0].id, value[1])
    return value


class Story:
    def __init__(self) -> None:
        self.told: list[Told] = []
        self.members: dict[str, set[str]] = {}
        # Where readers broke off: what is told from there on is told as it is when they come back.
        self.away_since: int | None = None

    def heard_by(self, reader: User | None, start: int = 0) -> list[Told]:
        return [told for told in self.told[start:] if reader is None or reader.id in told.members]

    def tell(self, kind: str, thread: str, about: User, **data: object) -> None:
        self.told.append(Told(kind, thread, about, frozenset(self.members[thread]), data))

    def missed(self, thread: str) -> list[Told]:
        """What was not heard yet of a thread."""
        if self.away_since is None:
            return []
        return [told for told in self.told[self.away_since:] if told.thread == thread]

    def forget(self, gone: list[Told]) -> None:
        self.told = [told for told in self.told if not any(told is one for one in gone)]

    def create_thread(self, topic: str, by: User, *others: User) -> str:
        thread = by.create_thread(topic, *others)
        everybody = [by, *others]
        self.members[thread] = {user.id for user in everybody}
        self.tell(
            "created", thread, by, createdByCommunicationIdentifier=by, properties={"topic": topic},
            participants=[(user, user.name) for user in everybody],
        )
        return thread

    def send(self, thread: str, by: User, content: str, html: bool = False, metadata: dict | None = None) -> str:
        more = {"type": "html"} if html else {}
        message = by.send(thread, content, metadata=metadata or {}, **more)
        self.tell(
            "received", thread, by, messageId=message, messageBody=content, type="RichText/Html" if html else "Text",
            senderDisplayName=by.name, senderCommunicationIdentifier=by, metadata=metadata or {},
        )
        return message

    def edit(self, thread: str, by: User, message: str, content: str, metadata: dict) -> None:
        by.edit(thread, message, content, metadata)
        # Who was away hears the text as it is today.
        for told in self.missed(thread):
            if told.data.get("messageId") == message and told.kind in ("received", "edited"):
                told.data |= {"messageBody": content, "metadata": metadata}
        self.tell(
            "edited", thread, by, messageId=message, messageBody=content, senderCommunicationIdentifier=by,
            senderDisplayName=by.name, metadata=metadata,
        )

    def delete(self, thread: str, by: User, message: str) -> None:
        by.delete(thread, message)
        missed = [told for told in self.missed(thread) if told.data.get("messageId") == message]
        self.forget([told for told in missed if told.kind != "read"])
        # The sender's name is of what is deleted: whoever is listening still hears it.
        name = by.name if self.away_since is None else ""
        self.tell("deleted", thread, by, messageId=message, senderCommunicationIdentifier=by, senderDisplayName=name)

    def read(self, thread: str, by: User, message: str) -> None:
        by.read(thread, message)
        self.forget([told for told in self.missed(thread) if told.kind == "read" and told.about is by])
        self.tell("read", thread, by, messageId=message, senderCommunicationIdentifier=by)

    def type(self, thread: str, by: User) -> None:
        by.type(thread)
        if self.away_since is None:
            self.tell("typing", thread, by, senderCommunicationIdentifier=by, senderDisplayName=by.name)

    def set_topic(self, thread: str, by: User, topic: str) -> None:
        by.set_topic(thread, topic)
        self.tell("updated", thread, by, editedByCommunicationIdentifier=by, properties={"topic": topic})

    def add(self, thread: str, by: User, *users: User) -> None:
        by.add(thread, *users)
        self.members[thread] |= {user.id for user in users}
        for user in users:
            self.tell("added", thread, user, addedByCommunicationIdentifier=by, participantAdded=(user, user.name))

    def remove(self, thread: str, by: User, user: User) -> None:
        by.remove(thread, user)
        self.tell("removed", thread, user, removedByCommunicationIdentifier=by, participantRemoved=(user, user.name))
        self.members[thread] -= {user.id}

    def delete_thread(self, thread: str, by: User) -> None:
        by.delete_thread(thread)
        self.forget(self.missed(thread))
        self.tell("gone", thread, by, deletedByCommunicationIdentifier=by, reason="deletedByUser")


def difference(events: list[dict], expected: list[Told], reader: User | None) -> str | None:
    """Where what was told differs from what must be: order, number, type, data."""
    # Typing is not stored and stands in no order with what is.
    is_typing = lambda event: event["type"] == KINDS["typing"][0]
    heard = [event for event in events if is_typing(event)]
    typing = [told for told in expected if told.kind == "typing"]
    if len(heard) != len(typing):
        return f"typing was told {len(heard)} times, not {len(typing)}"
    for event in heard:
        whys = [told.problem(event, reader) for told in typing]
        if all(whys):
            return whys[0]
    events = [event for event in events if not is_typing(event)]
    expected = [told for told in expected if told.kind != "typing"]
    for number, (event, told) in enumerate(zip(events, expected)):
        why = told.problem(event, reader)
        if why:
            return f"event {number + 1} of {len(expected)}: {why}"
    if len(events) > len(expected):
        return f"{len(events) - len(expected)} more than there should be, such as {str(events[len(expected)])[:500]}"
    if len(events) < len(expected):
        return f"{len(expected) - len(events)} are missing of {len(expected)}, such as {expected[len(events)]}"
    return None
