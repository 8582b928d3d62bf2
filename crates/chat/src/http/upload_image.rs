//! `POST /chat/threads/{thread}/images`: the body is the file, whatever its headers call it.

use std::sync::Arc;

use bytes::Bytes;
use http::HeaderValue;
use http::header::LOCATION;
use samband_core::ImageId;
use samband_wire_chat::{IMAGE, UploadedImage};
use samband_wire_core::{ApiError, Reply, Request};

use super::{Chat, in_thread, views};
use crate::content::check_file_name;
use crate::model::StoredImage;
use crate::rules::ChatRefused;
use crate::store::{BeginImage, CHUNK_BYTES, FinishImage, ImageAt, InThread, MayType, PutImageChunk, View};

const NAME: &str = "image-filename";

pub(super) async fn serve(chat: Arc<Chat>, request: Request) -> Result<Reply, ApiError> {
    let at = in_thread(&request)?;
    let name = request.headers.get(NAME).map(text).filter(|name| !name.is_empty());
    if let Some(name) = &name {
        check_file_name(name, NAME)?;
    }
    // Asked again when it is stored; no image is decoded for somebody who takes no part.
    let takes_part = MayType { at, most_members: None };
    chat.store.read(takes_part).await.map_err(ChatRefused::from)??;
    let id = store(&chat, at, name.clone(), request.body.clone()).await?;
    let location = format!(
        "{}/chat/threads/{}/images/{id}",
        request.base_url,
        views::path_segment(&at.thread.to_string())
    );
    let uploaded = UploadedImage {
        id: id.to_string(),
        attachment_type: IMAGE,
        name,
    };
    Ok(Reply::json(request.success, &uploaded).header(LOCATION, &location))
}

async fn store(chat: &Chat, at: InThread, name: Option<String>, file: Bytes) -> Result<ImageId, ChatRefused> {
    let looked = chat.workshop.look_at(file.clone()).await?;
    let image = StoredImage {
        uploader: at.caller,
        name,
        kind: looked.kind,
        bytes: file.len() as i64,
        small: looked
            .small
            .as_ref()
            .map(|small| (small.kind, small.bytes.len() as i64)),
    };
    let id = ImageId::new(chat.clock.now(), &*chat.random);
    // Behind everything urgent: messages do not wait for images.
    chat.store.background(BeginImage { at, id, image }).await?;
    let small = looked.small.map(|small| (View::Small, Bytes::from(small.bytes)));
    for (view, mut bytes) in small.into_iter().chain([(View::Original, file)]) {
        let mut number = 0;
        while !bytes.is_empty() {
            let chunk = PutImageChunk {
                at: ImageAt {
                    thread: at.thread,
                    image: id,
                },
                view,
                number,
                data: bytes.split_to(bytes.len().min(CHUNK_BYTES)),
            };
            chat.store.background(chunk).await?;
            number += 1;
        }
    }
    chat.store.background(FinishImage { at, id }).await?;
    Ok(id)
}

/// Clients send names as UTF-8, or byte for character.
fn text(value: &HeaderValue) -> String {
    match std::str::from_utf8(value.as_bytes()) {
        Ok(text) => text.to_owned(),
        Err(_) => value.as_bytes().iter().copied().map(char::from).collect(),
    }
}
