//! What requests of the newest api-version carry.

use samband_wire_core::{Field, Kind, Object};

pub(super) static CREATE_THREAD: Object = Object::new(
    "CreateChatThreadRequest",
    "",
    &[
        Field::required("topic", Kind::Text, "at most 4,096 bytes"),
        Field::optional(
            "participants",
            Kind::List(&PARTICIPANT_WISH),
            "at most {participants_per_request}, {participants_per_thread} in the thread",
        ),
        METADATA,
        RETENTION,
    ],
);

pub(super) static UPDATE_THREAD: Object = Object::new(
    "UpdateChatThreadRequest",
    "",
    &[
        Field::optional("topic", Kind::Text, "at most 4,096 bytes"),
        METADATA_PATCH,
        RETENTION,
    ],
);

pub(super) static ADD_PARTICIPANTS: Object = Object::new(
    "AddChatParticipantsRequest",
    "",
    &[Field::required(
        "participants",
        Kind::List(&PARTICIPANT_WISH),
        "at most {participants_per_request}, {participants_per_thread} in the thread",
    )],
);

pub(super) static PARTICIPANT_WISH: Object = Object::new(
    "ChatParticipant in a request",
    "",
    &[
        Field::required("communicationIdentifier", Kind::Object(&IDENTIFIER), "who"),
        Field::optional("displayName", Kind::Text, "at most 4,096 bytes"),
        Field::optional(
            "shareHistoryTime",
            Kind::Time,
            "from when on the participant may read; absent: from being added. With a new thread everybody reads all",
        ),
        METADATA,
        ROLES,
    ],
);

pub(super) static PARTICIPANT_CHANGE: Object = Object::new(
    "ChatParticipant in an update",
    "",
    &[
        Field::required("communicationIdentifier", Kind::Object(&IDENTIFIER), "who"),
        Field::optional("displayName", Kind::Text, "at most 4,096 bytes"),
        Field::optional("shareHistoryTime", Kind::Time, "from when on the participant may read"),
        ROLES,
    ],
);
pub(super) const ROLES: Field = Field::optional(
    "roleIds",
    Kind::Texts,
    "2021-10-01-preview7 only; at most 32 of 256 bytes each. They are kept and mean nothing to the server",
);

pub(super) static IDENTIFIER: Object = Object::new(
    "CommunicationIdentifierModel in a request",
    "A `rawId`, one of the kinds, or both. Only communication users of the same resource can be participants.",
    &[
        Field::optional(
            "kind",
            Kind::OneOf(&[
                "unknown",
                "communicationUser",
                "phoneNumber",
                "microsoftTeamsUser",
                "microsoftTeamsApp",
            ]),
            "must agree with the kind that is there",
        ),
        Field::optional(
            "rawId",
            Kind::Text,
            "`8:acs:<resource guid>_<user guid>` for a communication user",
        ),
        Field::optional(
            "communicationUser",
            Kind::Object(&COMMUNICATION_USER),
            "a user of this resource",
        ),
        Field::optional("phoneNumber", Kind::Object(&PHONE_NUMBER), "a phone number"),
        Field::optional("microsoftTeamsUser", Kind::Object(&TEAMS_USER), "a user of Teams"),
        Field::optional("microsoftTeamsApp", Kind::Object(&TEAMS_APP), "an application of Teams"),
    ],
);

pub(super) static COMMUNICATION_USER: Object = Object::new(
    "CommunicationUserIdentifierModel",
    "",
    &[Field::required("id", Kind::Text, "the user's raw id")],
);
pub(super) static PHONE_NUMBER: Object = Object::new(
    "PhoneNumberIdentifierModel",
    "",
    &[Field::required("value", Kind::Text, "E.164")],
);
pub(super) static TEAMS_USER: Object = Object::new(
    "MicrosoftTeamsUserIdentifierModel",
    "",
    &[
        Field::required("userId", Kind::Text, "the id of the user in Entra"),
        Field::optional("isAnonymous", Kind::Flag, "a visitor; `false` if absent"),
        CLOUD,
    ],
);
pub(super) static TEAMS_APP: Object = Object::new(
    "MicrosoftTeamsAppIdentifierModel",
    "",
    &[Field::required("appId", Kind::Text, "the id of the application"), CLOUD],
);
pub(super) const CLOUD: Field = Field::optional("cloud", Kind::OneOf(&["public", "dod", "gcch"]), "`public` if absent");

pub(super) static SEND_MESSAGE: Object = Object::new(
    "SendChatMessageRequest",
    "",
    &[
        Field::required("content", Kind::Text, "at most {message_bytes} bytes"),
        Field::optional("senderDisplayName", Kind::Text, "at most 4,096 bytes"),
        Field::optional("type", Kind::OneOf(&["text", "html"]), "`text` if absent"),
        METADATA,
        ATTACHMENTS,
    ],
);

pub(super) static UPDATE_MESSAGE: Object = Object::new(
    "UpdateChatMessageRequest",
    "",
    &[
        Field::optional("content", Kind::Text, "at most {message_bytes} bytes"),
        METADATA_PATCH,
        ATTACHMENTS,
    ],
);

pub(super) const ATTACHMENTS: Field = Field::optional(
    "attachments",
    Kind::List(&ATTACHMENT_WISH),
    "2024-03-15-preview and 2024-06-05-preview only: images that the sender uploaded to the thread, at most 50",
);
pub(super) static ATTACHMENT_WISH: Object = Object::new(
    "ChatAttachment in a request",
    "",
    &[
        Field::required("id", Kind::Text, "as the upload answered it"),
        Field::required("attachmentType", Kind::OneOf(&["image", "file"]), "`file` is refused"),
        Field::optional(
            "name",
            Kind::Text,
            "what it is called, at most 255 bytes; absent: as it was uploaded",
        ),
        Field::optional("url", Kind::Text, "read and not used: the server shows its own"),
        Field::optional("previewUrl", Kind::Text, "likewise"),
    ],
);

pub(super) static RECEIPT_WISH: Object = Object::new(
    "SendReadReceiptRequest",
    "",
    &[Field::required(
        "chatMessageId",
        Kind::Text,
        "the last message that was read",
    )],
);

pub(super) static TYPING: Object = Object::new(
    "SendTypingNotificationRequest",
    "",
    &[Field::optional("senderDisplayName", Kind::Text, "at most 4,096 bytes")],
);

pub(super) const METADATA: Field = Field::optional(
    "metadata",
    Kind::Map,
    "at most {message_bytes} bytes, keys and values together",
);
pub(super) const METADATA_PATCH: Field = Field::optional("metadata", Kind::MapPatch, "merged with what is there");
pub(super) const RETENTION: Field = Field::optional(
    "retentionPolicy",
    Kind::Object(&RETENTION_POLICY),
    "when the thread is deleted by itself",
);
pub(super) static RETENTION_POLICY: Object = Object::new(
    "ChatRetentionPolicy",
    "",
    &[
        Field::required("kind", Kind::OneOf(&["threadCreationDate", "none"]), "`none`: never"),
        Field::optional(
            "deleteThreadAfterDays",
            Kind::Whole { least: 1, most: 36_500 },
            "{retention_days}: days from the thread's creation on; needed with `threadCreationDate`",
        ),
    ],
);
