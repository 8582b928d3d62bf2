//! The images of a message: as a request names them, and as an answer shows them.

use samband_wire_chat::{Attachment, AttachmentType, AttachmentWish, IMAGE};
use samband_wire_core::{ApiError, Request};

use super::{Chat, views};
use crate::content::check_file_name;
use crate::model::AttachedImage;
use crate::rules::ChatRefused;
use crate::store::{ImagesToAttach, InThread};

/// In one message. ACS's documents state no limit; this one protects the lists that repeat them.
const MOST: usize = 50;

/// What is stored of the attachments that a request names, if it names any. Looked up beside the change that
/// stores them: an image may be deleted at any time after, too.
pub(super) async fn stored(
    chat: &Chat,
    at: InThread,
    wishes: Option<Vec<AttachmentWish>>,
) -> Result<Option<Vec<AttachedImage>>, ApiError> {
    let Some(wishes) = wishes else { return Ok(None) };
    if wishes.is_empty() {
        return Ok(Some(Vec::new()));
    }
    if wishes.len() > MOST {
        let message = format!(
            "The message has {} attachments; at most {MOST} are allowed.",
            wishes.len()
        );
        return Err(ApiError::bad_request(message).with_target("attachments"));
    }
    let images = wishes.into_iter().enumerate().map(|(place, wish)| image(place, wish));
    let images = images.collect::<Result<_, _>>()?;
    let found = chat.store.read(ImagesToAttach { at, images }).await;
    match found.map_err(ChatRefused::from)? {
        Ok(images) => Ok(Some(images)),
        Err((place, ChatRefused::ImageNotFound)) => Err(unknown(place)),
        Err((_, refused)) => Err(refused.into()),
    }
}

fn image(place: usize, wish: AttachmentWish) -> Result<AttachedImage, ApiError> {
    if wish.attachment_type == AttachmentType::File {
        let message = "Attachments are images that were uploaded to the thread; files are kept nowhere.";
        return Err(ApiError::bad_request(message).with_target(format!("attachments[{place}].attachmentType")));
    }
    if let Some(name) = &wish.name {
        check_file_name(name, &format!("attachments[{place}].name"))?;
    }
    let id: samband_core::ImageId = wish.id.parse().map_err(|_| unknown(place))?;
    Ok(AttachedImage {
        image: *id.as_bytes(),
        name: wish.name,
    })
}

/// Not 404: the place that the request is for is there.
fn unknown(place: usize) -> ApiError {
    ApiError::bad_request(ChatRefused::ImageNotFound.to_string()).with_target(format!("attachments[{place}].id"))
}

/// As answers show them, with URLs that are fetched as they are.
pub(super) fn shown(request: &Request, at: InThread, images: Vec<AttachedImage>) -> Option<Vec<Attachment>> {
    if images.is_empty() {
        return None;
    }
    let thread = views::path_segment(&at.thread.to_string());
    let shown = images.into_iter().map(|attached| {
        let id = attached.id().to_string();
        let url = |view| {
            format!(
                "{}/chat/threads/{thread}/images/{id}/views/{view}?api-version={}",
                request.base_url, request.version
            )
        };
        Attachment {
            attachment_type: IMAGE,
            name: attached.name,
            url: url("original"),
            preview_url: url("small"),
            id,
        }
    });
    Some(shown.collect())
}
