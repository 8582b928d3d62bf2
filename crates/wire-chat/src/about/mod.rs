//! The operations of Chat in words.

mod answers;
mod bodies;
#[cfg(test)]
mod tests;

use samband_wire_core::{About, Field, Kind, Refusal};

use self::answers::*;
use self::bodies::*;

const LONG: i64 = i32::MAX as i64;

const BAD: Refusal = Refusal::new(
    400,
    "BadRequest",
    "an id of the path, a parameter or the body is malformed",
);
const BAD_PAGE: Refusal = Refusal::new(400, "BadRequest", "an id of the path or a parameter is malformed");
const NO_THREAD: Refusal = Refusal::new(404, "NotFound", "there is no such thread, or it is deleted");
const NO_MESSAGE: Refusal = Refusal::new(404, "NotFound", "there is no such message, or it is deleted");
const NEVER_MESSAGE: Refusal = Refusal::new(404, "NotFound", "there is no such message");
const NO_IMAGE: Refusal = Refusal::new(404, "NotFound", "there is no such image in the thread");
const NOT_IN_IT: Refusal = Refusal::new(403, "Forbidden", "the caller is not a participant of the thread");
const NEVER_IN_IT: Refusal = Refusal::new(403, "Forbidden", "the caller never was a participant of the thread");
const NOT_SENDER: Refusal = Refusal::new(403, "Forbidden", "somebody else sent the message");
const NAME: Refusal = Refusal::new(400, "BadRequest", "a topic or display name is longer than 4,096 bytes");
const MESSAGE_SIZE: Refusal = Refusal::new(
    413,
    "MessageSizeTooBig",
    "the content is longer than {message_bytes} bytes",
);
const METADATA_SIZE: Refusal = Refusal::new(
    413,
    "MetadataSizeTooBig",
    "keys and values of the metadata are together longer than {message_bytes} bytes",
);
const TOO_MANY: Refusal = Refusal::new(
    400,
    "BadRequest",
    "the request names more than {participants_per_request} participants",
);
const FULL: Refusal = Refusal::new(
    400,
    "BadRequest",
    "the thread would have more than {participants_per_thread} participants",
);
const TOO_LARGE_A_THREAD: Refusal = Refusal::new(
    403,
    "Forbidden",
    "the thread has more than {receipts_and_typing_members} participants",
);

const BAD_ATTACHMENT: Refusal = Refusal::new(
    400,
    "BadRequest",
    "an attachment is no image of the thread, or there are more than 50",
);

const NOT_YOURS_TO_ATTACH: Refusal = Refusal::new(403, "Forbidden", "somebody else uploaded an image that is attached");

const PAGE_SIZE: Field = Field::optional(
    "maxPageSize",
    Kind::Whole { least: 1, most: LONG },
    "items in a page, at most",
);
const SKIP: Field = Field::optional(
    "skip",
    Kind::Whole { least: 0, most: LONG },
    "items to pass over at the beginning of the list",
);

pub(crate) static ABOUT: &[About] = &[
    About::of(
        "CreateChatThread",
        "Makes a thread. The caller becomes a participant, named or not. Participants that cannot be added do not fail \
         the request: they are told of in `invalidParticipants`. The header `Location` has the thread's URL.",
    )
    .headers(&[Field::optional(
        "repeatability-request-id",
        Kind::Text,
        "at most 256 bytes. The same id with the same body within 24 hours is answered as it was the first time, and \
         makes no second thread. Called `idempotency-token` in 2021-03-01-preview5",
    )])
    .takes(&CREATE_THREAD)
    .answers(&CREATED_THREAD)
    .refuses(&[
        BAD,
        NAME,
        TOO_MANY,
        FULL,
        Refusal::new(400, "BadRequest", "the id of repetition was used with another body"),
        METADATA_SIZE,
    ]),
    About::of(
        "ListChatThreads",
        "Lists the threads that the caller is a participant of, in the order of their creation, at most 100 to a page. \
         A thread that was deleted stays in the list, with `deletedOn`.",
    )
    .query(&[
        PAGE_SIZE,
        Field::optional(
            "startTime",
            Kind::Time,
            "only threads with a message at or after this moment",
        ),
    ])
    .answers(&THREADS)
    .refuses(&[BAD_PAGE]),
    About::of("GetChatThreadProperties", "Tells a thread's topic and what else belongs to it.")
        .answers(&THREAD)
        .refuses(&[BAD_PAGE, NEVER_IN_IT, NO_THREAD]),
    About::of(
        "UpdateChatThreadProperties",
        "Changes what the body names of a thread, and leaves the rest. A new topic appears as a message of type \
         `topicUpdated`.",
    )
    .takes(&UPDATE_THREAD)
    .refuses(&[BAD, NAME, NOT_IN_IT, NO_THREAD, METADATA_SIZE]),
    About::of(
        "DeleteChatThread",
        "Deletes a thread with its messages, for everybody and for good.",
    )
    .refuses(&[BAD_PAGE, NOT_IN_IT, NO_THREAD]),
    About::of(
        "ListChatParticipants",
        "Lists the participants of a thread, at most 200 to a page.",
    )
    .query(&[PAGE_SIZE, SKIP])
    .answers(&PARTICIPANTS)
    .refuses(&[BAD_PAGE, NEVER_IN_IT, NO_THREAD]),
    About::of(
        "AddChatParticipants",
        "Adds participants to a thread; who is in it already stays as before. Those that cannot be added do not fail \
         the request: they are told of in `invalidParticipants`.",
    )
    .takes(&ADD_PARTICIPANTS)
    .answers(&ADDED_PARTICIPANTS)
    .refuses(&[BAD, NAME, TOO_MANY, FULL, NOT_IN_IT, NO_THREAD, METADATA_SIZE]),
    About::of(
        "RemoveChatParticipant",
        "Removes a participant, or the caller itself, from a thread. Who is removed may still read what was written \
         before.",
    )
    .takes(&IDENTIFIER)
    .refuses(&[
        BAD,
        NOT_IN_IT,
        NO_THREAD,
        Refusal::new(404, "NotFound", "whom the body names is not in the thread"),
    ]),
    About::of(
        "UpdateChatParticipant",
        "Changes what the body names of a participant, and leaves the rest. Nobody hears of it.",
    )
    .takes(&PARTICIPANT_CHANGE)
    .refuses(&[
        BAD,
        NAME,
        NOT_IN_IT,
        NO_THREAD,
        Refusal::new(404, "NotFound", "whom the body names is not in the thread"),
    ]),
    About::of(
        "SendChatMessage",
        "Sends a message to a thread. It is stored before it is answered. The header `Location` has the message's URL. \
         Of HTML, what could run or load code is removed.",
    )
    .takes(&SEND_MESSAGE)
    .answers(&SENT_MESSAGE)
    .refuses(&[BAD, NAME, BAD_ATTACHMENT, NOT_IN_IT, NOT_YOURS_TO_ATTACH, NO_THREAD, MESSAGE_SIZE, METADATA_SIZE]),
    About::of(
        "ListChatMessages",
        "Lists the messages of a thread that the caller may see, newest first, each in its newest version, at most 200 \
         to a page. Messages of the system are among them; a deleted message has `deletedOn` and no content.",
    )
    .query(&[
        PAGE_SIZE,
        Field::optional("startTime", Kind::Time, "only messages at or after this moment"),
    ])
    .answers(&MESSAGES)
    .refuses(&[BAD_PAGE, NEVER_IN_IT, NO_THREAD]),
    About::of("GetChatMessage", "Reads one message of a thread.")
        .answers(&MESSAGE)
        .refuses(&[BAD_PAGE, NEVER_IN_IT, NO_THREAD, NEVER_MESSAGE]),
    About::of(
        "UpdateChatMessage",
        "Changes a message that the caller has sent. What the body does not name stays.",
    )
    .takes(&UPDATE_MESSAGE)
    .refuses(&[BAD, BAD_ATTACHMENT, NOT_IN_IT, NOT_SENDER, NOT_YOURS_TO_ATTACH, NO_THREAD, NO_MESSAGE, MESSAGE_SIZE, METADATA_SIZE]),
    About::of(
        "DeleteChatMessage",
        "Deletes a message that the caller has sent: its line stays in the list without its content. Deleting it again \
         succeeds.",
    )
    .refuses(&[BAD_PAGE, NOT_IN_IT, NOT_SENDER, NO_THREAD, NEVER_MESSAGE]),
    About::of(
        "ListChatReadReceipts",
        "Lists the newest read receipt of each participant, at most 200 to a page.",
    )
    .query(&[PAGE_SIZE, SKIP])
    .answers(&RECEIPTS)
    .refuses(&[BAD_PAGE, NEVER_IN_IT, NO_THREAD]),
    About::of(
        "SendChatReadReceipt",
        "Says that the caller has read up to a message. One older than the caller's last changes nothing.",
    )
    .takes(&RECEIPT_WISH)
    .refuses(&[BAD, NOT_IN_IT, TOO_LARGE_A_THREAD, NO_THREAD, NEVER_MESSAGE]),
    About::of(
        "UploadChatImage",
        "Uploads an image to a thread. The body is the file: jpeg, png, gif, webp or heic, told by its bytes. The header \
         `Location` has the image's URL.",
    )
    .headers(&[Field::optional("image-filename", Kind::Text, "what the image is called, at most 255 bytes")])
    .answers(&UPLOADED_IMAGE)
    .refuses(&[
        Refusal::new(400, "BadRequest", "the image cannot be decoded, or would be too large in memory"),
        NOT_IN_IT,
        NO_THREAD,
        Refusal::new(413, "RequestBodyTooLarge", "the image is larger than {image_bytes} bytes"),
        Refusal::new(415, "UnsupportedMediaType", "the file is no image of a kind that is taken"),
    ]),
    About::of(
        "GetChatImage",
        "Answers an image of a thread: `original` as it came, or `small`, at most 240 pixels on its longer side.",
    )
    .refuses(&[BAD_PAGE, NOT_IN_IT, NO_THREAD, NO_IMAGE]),
    About::of(
        "GetAttachedChatImage",
        "The same at the place that attachments name, and that some clients build themselves.",
    )
    .refuses(&[BAD_PAGE, NOT_IN_IT, NO_THREAD, NO_IMAGE]),
    About::of("DeleteChatImage", "Deletes an image that the caller has uploaded.").refuses(&[
        BAD_PAGE,
        Refusal::new(403, "Forbidden", "somebody else uploaded the image, or the caller is not a participant"),
        NO_THREAD,
        NO_IMAGE,
    ]),
    About::of(
        "SendTypingNotification",
        "Lets the other participants who are connected hear that the caller is typing. Nothing is stored. In threads of \
         more than 250 participants twenty a second are heard.",
    )
    .may_take(&TYPING)
    .refuses(&[BAD, NAME, NOT_IN_IT, TOO_LARGE_A_THREAD, NO_THREAD]),
];
