//! Why chat says no, and the one table from a refusal to status and code.

use samband_store::{CommitError, RepeatRefused, StoreError};
use samband_wire_core::ApiError;

use crate::images::NoImage;

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ChatRefused {
    #[error("There is no such chat thread.")]
    ThreadNotFound,
    #[error("There is no such message in the chat thread.")]
    MessageNotFound,
    #[error("The user is not a participant of the chat thread.")]
    NotParticipant,
    #[error("Only its sender may change a message.")]
    NotSender,
    #[error("The participant is not in the chat thread.")]
    ParticipantNotFound,
    #[error("A chat thread holds at most {limit} participants; this request would make it {met}.")]
    ThreadFull { limit: usize, met: usize },
    #[error("Read receipts and typing are for threads of at most {limit} participants; this one has {met}.")]
    TooManyForReceipts { limit: usize, met: usize },
    #[error("There is no such image in the chat thread.")]
    ImageNotFound,
    #[error("Only its uploader may {0} an image.")]
    NotUploader(&'static str),
    #[error(transparent)]
    NoImage(#[from] NoImage),
    #[error("The idempotency key was used for a different request.")]
    OtherRequest,
    #[error("The store is unavailable.")]
    Unavailable,
}

impl From<ChatRefused> for ApiError {
    fn from(refused: ChatRefused) -> Self {
        let message = refused.to_string();
        match refused {
            ChatRefused::ThreadNotFound => Self::not_found(message).with_target("chatThreadId"),
            ChatRefused::MessageNotFound => Self::not_found(message).with_target("chatMessageId"),
            ChatRefused::ParticipantNotFound => Self::not_found(message).with_target("communicationIdentifier"),
            ChatRefused::NotParticipant | ChatRefused::NotSender => Self::forbidden(message),
            ChatRefused::TooManyForReceipts { .. } => Self::forbidden(message),
            ChatRefused::ThreadFull { .. } => Self::bad_request(message).with_target("participants"),
            ChatRefused::ImageNotFound => Self::not_found(message).with_target("imageId"),
            ChatRefused::NotUploader(_) => Self::forbidden(message),
            // The body's kind is what is wrong, whatever the request called it (RFC 9110, section 15.5.16).
            ChatRefused::NoImage(NoImage::OtherKind) => Self::new(
                http::StatusCode::UNSUPPORTED_MEDIA_TYPE,
                "UnsupportedMediaType",
                message,
            ),
            ChatRefused::NoImage(_) => Self::bad_request(message).with_target("chatImageFile"),
            ChatRefused::OtherRequest => Self::bad_request(message).with_target("repeatability-request-id"),
            ChatRefused::Unavailable => Self::unavailable(),
        }
    }
}

impl From<CommitError<ChatRefused>> for ChatRefused {
    fn from(error: CommitError<ChatRefused>) -> Self {
        match error {
            CommitError::Refused(refused) => refused,
            CommitError::Unavailable => Self::Unavailable,
        }
    }
}

impl From<CommitError<RepeatRefused<ChatRefused>>> for ChatRefused {
    fn from(error: CommitError<RepeatRefused<ChatRefused>>) -> Self {
        error
            .map_refusal(|refused| match refused {
                RepeatRefused::OtherRequest => Self::OtherRequest,
                RepeatRefused::Change(refused) => refused,
            })
            .into()
    }
}

impl From<StoreError> for ChatRefused {
    fn from(_: StoreError) -> Self {
        Self::Unavailable
    }
}
