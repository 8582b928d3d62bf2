//! What answers of the newest api-version carry.

use samband_wire_core::{Field, Kind, Object};

use super::bodies::{COMMUNICATION_USER, RETENTION};

pub(super) static CREATED_THREAD: Object = Object::new(
    "CreateChatThreadResult",
    "",
    &[
        Field::required("chatThread", Kind::Object(&THREAD), "the thread"),
        INVALID,
    ],
);

pub(super) static THREAD: Object = Object::new(
    "ChatThreadProperties",
    "",
    &[
        Field::required("id", Kind::Text, "`19:<32 hexadecimal digits>@thread.v2`"),
        Field::required("topic", Kind::Text, ""),
        Field::required("createdOn", Kind::Time, ""),
        Field::required(
            "createdByCommunicationIdentifier",
            Kind::Object(&IDENTIFIER_VIEW),
            "who created it",
        ),
        Field::optional("metadata", Kind::Map, "absent if there is none"),
        RETENTION,
    ],
);

pub(super) static THREADS: Object = Object::new(
    "ChatThreadsItemCollection",
    "",
    &[Field::required("value", Kind::List(&THREAD_ITEM), ""), NEXT_LINK],
);
pub(super) static THREAD_ITEM: Object = Object::new(
    "ChatThreadItem",
    "",
    &[
        Field::required("id", Kind::Text, ""),
        Field::required("topic", Kind::Text, ""),
        Field::optional("deletedOn", Kind::Time, "only if it is deleted"),
        Field::optional("lastMessageReceivedOn", Kind::Time, "when its newest message came"),
    ],
);

pub(super) static PARTICIPANTS: Object = Object::new(
    "ChatParticipantsCollection",
    "",
    &[Field::required("value", Kind::List(&PARTICIPANT), ""), NEXT_LINK],
);
pub(super) static PARTICIPANT: Object = Object::new(
    "ChatParticipant",
    "",
    &[
        Field::required("communicationIdentifier", Kind::Object(&IDENTIFIER_VIEW), "who"),
        Field::optional("displayName", Kind::Text, ""),
        Field::required("shareHistoryTime", Kind::Time, "from when on the participant may read"),
        Field::optional("metadata", Kind::Map, "absent if there is none"),
        Field::optional("roleIds", Kind::Texts, "2021-10-01-preview7 only"),
    ],
);

pub(super) static ADDED_PARTICIPANTS: Object = Object::new("AddChatParticipantsResult", "", &[INVALID]);
pub(super) const INVALID: Field = Field::optional(
    "invalidParticipants",
    Kind::List(&PARTICIPANT_ERROR),
    "those that could not be added; absent if there are none",
);
pub(super) static PARTICIPANT_ERROR: Object = Object::new(
    "CommunicationError",
    "",
    &[
        Field::required(
            "code",
            Kind::OneOf(&["403", "404"]),
            "`404`: no such user; `403`: not a communication user",
        ),
        Field::required("message", Kind::Text, ""),
        Field::optional("target", Kind::Text, "the raw id"),
    ],
);

pub(super) static SENT_MESSAGE: Object = Object::new(
    "SendChatMessageResult",
    "",
    &[Field::required("id", Kind::Text, "the message's id, decimal digits")],
);

pub(super) static MESSAGES: Object = Object::new(
    "ChatMessagesCollection",
    "",
    &[Field::required("value", Kind::List(&MESSAGE), ""), NEXT_LINK],
);
pub(super) static MESSAGE: Object = Object::new(
    "ChatMessage",
    "",
    &[
        Field::required("id", Kind::Text, "when it was created, in milliseconds since 1970"),
        Field::required(
            "type",
            Kind::OneOf(&["text", "html", "topicUpdated", "participantAdded", "participantRemoved"]),
            "the last three are the system's own",
        ),
        Field::required("sequenceId", Kind::Text, "its number in the thread, from 1 on"),
        Field::required("version", Kind::Text, "its id, and after an edit when that was"),
        Field::optional("content", Kind::Object(&CONTENT), "empty if it is deleted"),
        Field::optional("senderDisplayName", Kind::Text, "as it was sent"),
        Field::required("createdOn", Kind::Time, "the same moment as its id"),
        Field::optional(
            "senderCommunicationIdentifier",
            Kind::Object(&IDENTIFIER_VIEW),
            "who sent it; absent in messages of the system",
        ),
        Field::optional("deletedOn", Kind::Time, "only if it is deleted"),
        Field::optional("editedOn", Kind::Time, "only if it was edited"),
        Field::optional("metadata", Kind::Map, "absent if there is none"),
    ],
);
pub(super) static CONTENT: Object = Object::new(
    "ChatMessageContent",
    "",
    &[
        Field::optional("message", Kind::Text, "of `text` and `html`"),
        Field::optional("topic", Kind::Text, "of `topicUpdated`"),
        Field::optional(
            "participants",
            Kind::List(&PARTICIPANT),
            "of `participantAdded` and `participantRemoved`; at most 250 of those added at once",
        ),
        Field::optional(
            "initiatorCommunicationIdentifier",
            Kind::Object(&IDENTIFIER_VIEW),
            "of the system's messages: who did it",
        ),
        Field::optional(
            "attachments",
            Kind::List(&ATTACHMENT),
            "from 2023-04-01-preview on; absent if there are none",
        ),
    ],
);

pub(super) static ATTACHMENT: Object = Object::new(
    "ChatAttachment",
    "",
    &[
        Field::required("id", Kind::Text, ""),
        Field::required(
            "attachmentType",
            Kind::OneOf(&["image", "teamsInlineImage"]),
            "the second is what versions before 2023-11-07 call an image",
        ),
        Field::optional("name", Kind::Text, ""),
        Field::required("url", Kind::Text, "of the image as it came"),
        Field::required("previewUrl", Kind::Text, "of the image made small"),
    ],
);

pub(super) static UPLOADED_IMAGE: Object = Object::new(
    "UploadChatImageResult",
    "",
    &[
        Field::required("id", Kind::Text, "for views, and for attachments of messages"),
        Field::required("attachmentType", Kind::OneOf(&["image"]), ""),
        Field::optional("name", Kind::Text, "as it was given"),
    ],
);

pub(super) static RECEIPTS: Object = Object::new(
    "ChatMessageReadReceiptsCollection",
    "",
    &[Field::required("value", Kind::List(&RECEIPT), ""), NEXT_LINK],
);
pub(super) static RECEIPT: Object = Object::new(
    "ChatMessageReadReceipt",
    "",
    &[
        Field::required(
            "senderCommunicationIdentifier",
            Kind::Object(&IDENTIFIER_VIEW),
            "who has read",
        ),
        Field::required("chatMessageId", Kind::Text, "up to where"),
        Field::required("readOn", Kind::Time, "when the receipt came"),
    ],
);

pub(super) const NEXT_LINK: Field = Field::optional(
    "nextLink",
    Kind::Text,
    "the URL of the next page; absent on the last one",
);

pub(super) static IDENTIFIER_VIEW: Object = Object::new(
    "CommunicationIdentifierModel",
    "",
    &[
        Field::required(
            "kind",
            Kind::OneOf(&["communicationUser"]),
            "from 2023-07-01-preview on",
        ),
        Field::required("rawId", Kind::Text, "`8:acs:<resource guid>_<user guid>`"),
        Field::required("communicationUser", Kind::Object(&COMMUNICATION_USER), ""),
    ],
);
