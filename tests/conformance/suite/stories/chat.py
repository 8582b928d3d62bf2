"""Chat: a thread from its creation to its end. Where versions differ, the contract says how."""

import time

from ..golden import Story
from ..plan import NOTHING, Plan
from ..wire import Answer
from ..world import PNG, User, new_user

SHARED_SINCE = "2020-10-30T10:50:50Z"
KEY = "33333333-3333-4333-8333-333333333333"
NO_THREAD = "19:00000000000000000000000000000000@thread.v2"
NO_MESSAGE = "1600000000000"
NO_UUID = "00000000-0000-4000-8000-000000000009"
# Of a resource that is not this one.
FOREIGN = User("8:acs:00000000-0000-4000-8000-000000000001_00000000-0000-4000-8000-000000000002")


class Chat:
    def __init__(self, story: Story):
        self.story = story
        self.contract = story.contract
        # 2020: members, of plain ids.
        self.members = "ChatThreadMember" in story.contract.definitions
        # Users are listed in the order of their ids.
        users = sorted((new_user(story.server) for _ in range(5)), key=lambda user: user.id)
        self.alice, self.bob, self.carol, self.dave, self.eve = users
        for user, name in zip(users, ("alice", "bob", "carol", "dave", "eve")):
            story.mask.name(user.id, name)
        resource = self.alice.id.partition("_")[0]
        story.mask.name(resource, "8:acs:resource")
        self.ghost = User(f"{resource}_{NO_UUID}")
        story.mask.name(NO_THREAD, "no thread")
        story.mask.name(NO_MESSAGE, "no message")
        self.thread = ""

    def knows(self, definition: str, field: str) -> bool:
        return self.contract.knows(definition, field)

    def with_known(self, definition: str, body: dict, **optional: object) -> dict:
        """A body with those of the optional fields that this version has."""
        return body | {name: value for name, value in optional.items() if self.knows(definition, name)}

    def participant(self, user: User, **optional: object) -> dict:
        if self.members:
            return self.with_known("ChatThreadMember", {"id": user.id}, **optional)
        if self.knows("ChatParticipant", "id"):
            return self.with_known("ChatParticipant", {"id": user.id}, **optional)
        return self.with_known("ChatParticipant", {"communicationIdentifier": self.identifier(user)}, **optional)

    def identifier(self, user: User) -> dict:
        return self.with_known("CommunicationIdentifierModel", user.identifier(), kind="communicationUser")

    def participants(self, *entries: dict) -> dict:
        return {"members" if self.members else "participants": list(entries)}

    def step(self, role: str, variant: str = "", user: User | None = None, path: tuple[str, ...] = (), **more):
        proof = more.pop("proof", (user or self.alice).token)
        return self.story.step(role, variant, path=(self.thread, *path), proof=proof, **more)


def tell(story: Story) -> None:
    chat = Chat(story)
    creation(chat)
    thread(chat)
    messages = sending(chat)
    participants(chat)
    if story.has("UploadChatImage"):
        images(chat)
    receipts(chat, messages["text"])
    changing(chat, messages)
    reading(chat, messages)
    refused(chat, messages["text"])
    ending(chat)


def creation(chat: Chat) -> None:
    def create(variant: str, body: object, **more) -> Answer:
        # Threads are listed in the order of their creation, to the millisecond.
        time.sleep(0.002)
        return chat.story.step("CreateChatThread", variant, body=body, proof=chat.alice.token, **more)

    everybody = chat.participants(
        chat.participant(chat.alice, displayName="Alice"),
        chat.participant(
            chat.bob, displayName="Bob", shareHistoryTime=SHARED_SINCE, metadata={"seat": "2"}, roleIds=["member"]
        ),
        chat.participant(chat.carol),
        chat.participant(chat.ghost, displayName="Ghost"),
        chat.participant(FOREIGN),
    )
    body = chat.with_known(
        "CreateChatThreadRequest",
        {"topic": "Lunch"} | everybody,
        metadata={"floor": "3", "room": ""},
        retentionPolicy={"kind": "threadCreationDate", "deleteThreadAfterDays": 60},
    )
    repeat = next(
        (entry["name"] for entry in chat.contract.by_role["CreateChatThread"].parameters if entry["in"] == "header"),
        None,
    )
    headers = {repeat: KEY} if repeat else {}
    made = create("", body, headers=headers).json()
    chat.thread = (
        made["chatThread"]["id"]
        if "chatThread" in made
        else next(line["id"] for line in made["multipleStatus"] if line["type"] == "Thread")
    )
    if repeat:
        create("repeated", body, headers=headers)
        create("repeated with another body", body | {"topic": "Supper"}, headers=headers, expect=400)
    create("alone", {"topic": "Alone"} | chat.participants())
    if chat.knows("CreateChatThreadRequest", "retentionPolicy"):
        create("kept", {"topic": "Kept", "retentionPolicy": {"kind": "none"}})
        create("kept for nonsense", {"topic": "Kept", "retentionPolicy": {"kind": "nonsense"}}, expect=400)
    create("without a topic", chat.participants(), expect=400)
    create("with a topic that is no text", {"topic": 7} | chat.participants(), expect=400)
    create("without JSON", b"{", expect=400)


def thread(chat: Chat) -> None:
    chat.step("GetChatThreadProperties")
    chat.step("GetChatThreadProperties", "of others", user=chat.eve, expect=403)
    body = chat.with_known(
        "UpdateChatThreadRequest", {"topic": "Long lunch"}, metadata={"floor": "4"}, retentionPolicy={"kind": "none"}
    )
    chat.step("UpdateChatThreadProperties", body=body)
    chat.step("UpdateChatThreadProperties", "of others", user=chat.eve, body={"topic": "Mine"}, expect=403)
    chat.step("GetChatThreadProperties", "updated")


def sending(chat: Chat) -> dict[str, str]:
    def send(name: str, body: dict, **more) -> str:
        message = chat.step("SendChatMessage", name, body=body, **more).json()["id"]
        chat.story.mask.name(message, f"{name.removeprefix('to be ') or 'text'} message")
        return message

    known = lambda body, **optional: chat.with_known("SendChatMessageRequest", body, **optional)
    sent = {
        "text": send(
            "",
            known(
                {"content": "Hungry?", "senderDisplayName": "Alice"},
                type="text",
                metadata={"mood": "good"},
                priority="High",
            ),
        ),
        "plain": send("plain", {"content": "Yes"}, user=chat.bob),
        "edited": send("to be edited", known({"content": "Fish"}, type="text")),
        "deleted": send(
            "to be deleted",
            known({"content": "Meat", "senderDisplayName": "Alice"}, type="text", metadata={"mood": "bad"}),
        ),
    }
    if chat.knows("SendChatMessageRequest", "type"):
        sent["html"] = send("html", {"content": "<b>Soup</b><script>x</script>", "type": "html"})
        chat.step("SendChatMessage", "of the system's type", body={"content": "x", "type": "topicUpdated"}, expect=400)
        chat.step("SendChatMessage", "of no type", body={"content": "x", "type": "nonsense"}, expect=400)
    chat.step("SendChatMessage", "without content", body={"senderDisplayName": "Alice"}, expect=400)
    chat.step("SendChatMessage", "of others", user=chat.eve, body={"content": "x"}, expect=403)
    return sent


def participants(chat: Chat) -> None:
    dave = chat.participant(chat.dave, displayName="Dave", shareHistoryTime=SHARED_SINCE, metadata={"seat": "4"})
    chat.step("AddChatParticipants", body=chat.participants(dave))
    chat.step(
        "AddChatParticipants",
        "invalid",
        body=chat.participants(chat.participant(chat.ghost), chat.participant(FOREIGN)),
    )
    chat.step(
        "AddChatParticipants",
        "of others",
        user=chat.eve,
        body=chat.participants(chat.participant(chat.eve)),
        expect=403,
    )
    chat.step("AddChatParticipants", "without any", body={}, expect=400)
    chat.step("ListChatParticipants")
    if chat.story.takes("ListChatParticipants", "maxPageSize"):
        paged(chat, "ListChatParticipants", query={"maxPageSize": "2", "skip": "1"})
    if chat.story.has("UpdateChatParticipant"):
        chat.step("UpdateChatParticipant", body=chat.participant(chat.bob, displayName="Robert", roleIds=["moderator"]))
        chat.step("UpdateChatParticipant", "of nobody", body=chat.participant(chat.ghost, displayName="x"), expect=404)
        chat.step("ListChatParticipants", "updated")

    def remove(variant: str, gone: User, **more) -> None:
        by_path = "{" in chat.contract.by_role["RemoveChatParticipant"].path.partition("}")[2]
        whom = {"path": (gone.id,)} if by_path else {"body": chat.identifier(gone)}
        chat.step("RemoveChatParticipant", variant, **whom, **more)

    remove("", chat.dave)
    remove("of nobody", chat.ghost, expect=404)
    remove("of others", chat.bob, user=chat.eve, expect=403)


def images(chat: Chat) -> None:
    headers = {"image-filename": "dot.png"}
    image = chat.step("UploadChatImage", body=PNG, headers=headers).json()["id"]
    chat.story.mask.name(image, "image")
    for view in ("original", "small"):
        chat.step("GetChatImage", view, path=(image, view))
    chat.step("GetChatImage", "of no size", path=(image, "huge"), expect=400)
    chat.step("GetChatImage", "of others", user=chat.eve, path=(image, "original"), expect=403)
    chat.step("UploadChatImage", "of no image", body=b"nonsense", expect=415)
    if chat.knows("SendChatMessageRequest", "attachments"):
        attaching(chat, image)
    other = chat.step("UploadChatImage", "without a name", body=PNG).json()["id"]
    chat.story.mask.name(other, "other image")
    chat.step("DeleteChatImage", "of others", user=chat.bob, path=(other,), expect=403)
    chat.step("DeleteChatImage", path=(other,))
    chat.step("GetChatImage", "deleted", path=(other, "original"), expect=404)


def attaching(chat: Chat, image: str) -> None:
    attached = {
        "content": f'<img id="{image}">',
        "type": "html",
        "attachments": [{"id": image, "attachmentType": "image", "name": "dot.png"}],
    }
    message = chat.step("SendChatMessage", "with an image", body=attached).json()["id"]
    chat.story.mask.name(message, "image message")
    shown = chat.step("GetChatMessage", "with an image", path=(message,)).json()["content"]["attachments"][0]
    for view, link in (("original", "url"), ("small", "previewUrl")):
        chat.story.follow("GetChatImage", f"{view}, by the message's link", shown[link], chat.alice.token)
    chat.step("UpdateChatMessage", "with an image", path=(message,), body={"attachments": attached["attachments"]})


def receipts(chat: Chat, message: str) -> None:
    chat.step("SendChatReadReceipt", user=chat.bob, body={"chatMessageId": message})
    chat.step("SendChatReadReceipt", "of carol", user=chat.carol, body={"chatMessageId": message})
    chat.step("SendChatReadReceipt", "of what is no id", body={"chatMessageId": "nonsense"}, expect=400)
    chat.step("SendChatReadReceipt", "of no message", body={"chatMessageId": NO_MESSAGE}, expect=404)
    chat.step("ListChatReadReceipts")
    if chat.story.takes("ListChatReadReceipts", "maxPageSize"):
        paged(chat, "ListChatReadReceipts", query={"maxPageSize": "1"})
    typing = {"senderDisplayName": "Alice"} if chat.contract.by_role["SendTypingNotification"].body else NOTHING
    chat.step("SendTypingNotification", body=typing)
    chat.step("SendTypingNotification", "of others", user=chat.eve, expect=403)


def changing(chat: Chat, messages: dict[str, str]) -> None:
    body = chat.with_known("UpdateChatMessageRequest", {"content": "Fowl"}, metadata={"mood": "fair"}, priority="High")
    chat.step("UpdateChatMessage", path=(messages["edited"],), body=body)
    chat.step("UpdateChatMessage", "of others", path=(messages["plain"],), body={"content": "No"}, expect=403)
    chat.step("UpdateChatMessage", "of nobody", path=(NO_MESSAGE,), body={"content": "No"}, expect=404)
    chat.step("DeleteChatMessage", path=(messages["deleted"],))
    chat.step("DeleteChatMessage", "of others", path=(messages["plain"],), expect=403)
    chat.step("DeleteChatMessage", "of nobody", path=(NO_MESSAGE,), expect=404)


def reading(chat: Chat, messages: dict[str, str]) -> None:
    for name, message in messages.items():
        chat.step("GetChatMessage", name if name != "text" else "", path=(message,))
    listed = chat.step("ListChatMessages").json()["value"]
    ids = set(messages.values())
    # The newest first: the first of a type that the system wrote.
    system = {message["type"]: message["id"] for message in reversed(listed) if message["id"] not in ids}
    for kind, message in sorted(system.items()):
        if kind not in ("text", "html"):
            chat.step("GetChatMessage", f"of type {kind}", path=(message,))
    assert sum(kind not in ("text", "html") for kind in system) == 3, f"the system's messages are {sorted(system)}"
    paged(chat, "ListChatMessages", query={"maxPageSize": "4"})
    chat.step("ListChatMessages", "since a time to come", query={"startTime": "2099-01-01T00:00:00Z"})
    chat.step("ListChatMessages", "since no time", query={"startTime": "yesterday"}, expect=400)
    chat.step("ListChatMessages", "in pages of none", query={"maxPageSize": "none"}, expect=400)
    chat.step("ListChatMessages", "of others", user=chat.eve, expect=403)


def paged(chat: Chat, role: str, query: dict[str, str]) -> None:
    """The first page, and the next by its link as it was given."""
    first = chat.step(role, "a page", query=query).json()
    chat.story.follow(role, "the next page", first["nextLink"], chat.alice.token)


def refused(chat: Chat, message: str) -> None:
    chat.step("SendChatMessage", "without a token", proof="", body={"content": "x"}, expect=401)
    chat.step("SendChatMessage", "with the access key", proof="key", body={"content": "x"}, expect=401)
    chat.step("GetChatMessage", "without a token", proof="", path=(message,), expect=401)
    chat.step("GetChatMessage", "of what is no id", path=("nonsense",), expect=400)
    chat.step("GetChatMessage", "of nobody", path=(NO_MESSAGE,), expect=404)
    chat.thread, kept = NO_THREAD, chat.thread
    chat.step("GetChatThreadProperties", "of no thread", expect=404)
    chat.step("SendChatMessage", "to no thread", body={"content": "x"}, expect=404)
    chat.thread = "nonsense"
    chat.step("GetChatThreadProperties", "of what is no id", expect=400)
    chat.thread = kept
    listing = chat.contract.by_role["ListChatThreads"]
    plan = Plan(chat.contract, listing, chat.alice.token)
    chat.story.keep(listing, "without api-version", plan, 400, known_version=False)


def ending(chat: Chat) -> None:
    listing = lambda variant, **more: chat.story.step("ListChatThreads", variant, proof=chat.alice.token, **more)
    listing("")
    first = listing("a page", query={"maxPageSize": "1"}).json()
    chat.story.follow("ListChatThreads", "the next page", first["nextLink"], chat.alice.token)
    listing("in pages of nonsense", query={"maxPageSize": "nonsense"}, expect=400)
    chat.step("DeleteChatThread", "of others", user=chat.eve, expect=403)
    chat.step("DeleteChatThread")
    chat.step("GetChatThreadProperties", "deleted", expect=404)
    chat.step("ListChatMessages", "of a deleted thread", expect=404)
    listing("with one deleted")
