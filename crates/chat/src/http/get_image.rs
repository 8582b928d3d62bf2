//! `GET /chat/threads/{thread}/images/{image}/view/{type}`, and the same under `views`, as attachments say it.

use std::sync::Arc;

use bytes::Bytes;
use futures_util::stream::{self, BoxStream, StreamExt};
use http::header::{CACHE_CONTROL, ETAG, IF_NONE_MATCH, X_CONTENT_TYPE_OPTIONS};
use samband_core::ImageId;
use samband_store::Store;
use samband_wire_core::error::shorten;
use samband_wire_core::{ApiError, Reply, Request};

use super::{Chat, image, in_thread};
use crate::rules::ChatRefused;
use crate::store::{GetImage, ImageAt, ImageChunk, View, chunks};

pub(super) async fn serve(chat: Arc<Chat>, request: Request) -> Result<Reply, ApiError> {
    let at = in_thread(&request)?;
    let id = image(&request)?;
    let view = match request.param(2) {
        "original" => View::Original,
        "small" => View::Small,
        other => {
            let message = format!("'{}' is not a view of an image (original, small).", shorten(other));
            return Err(ApiError::bad_request(message).with_target("imageViewType"));
        }
    };
    let file = chat
        .store
        .read(GetImage { at, id, view })
        .await
        .map_err(ChatRefused::from)??;
    let tag = tag(id, file.view);
    let reply = if is_known(&request, &tag) {
        Reply::empty(304)
    } else {
        let content_type = file.kind.content_type();
        match chunks(file.bytes) {
            ..=1 => Reply::text(request.success, content_type, file.first),
            all => {
                let at = ImageAt {
                    thread: at.thread,
                    image: id,
                };
                let rest = rest(chat.store.clone(), at, file.view, all);
                let pieces = stream::iter([Bytes::from(file.first)]).chain(rest).boxed();
                Reply::pieces(request.success, content_type, file.bytes.unsigned_abs(), pieces)
            }
        }
    };
    // Whoever sees it today may not tomorrow: it is asked for again each time, at the price of a header.
    Ok(reply
        .header(ETAG, &tag)
        .header(CACHE_CONTROL, "private, no-cache")
        .header(X_CONTENT_TYPE_OPTIONS, "nosniff"))
}

/// An image never changes.
fn tag(id: ImageId, view: View) -> String {
    let view = match view {
        View::Original => "original",
        View::Small => "small",
    };
    format!("\"{id}-{view}\"")
}

fn is_known(request: &Request, tag: &str) -> bool {
    let known = request.headers.get_all(IF_NONE_MATCH).iter();
    known
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .map(str::trim)
        .any(|known| known == "*" || known.strip_prefix("W/").unwrap_or(known) == tag)
}

/// The chunks after the first, each read when it is wanted. Ends early if the store or the image is gone.
fn rest(store: Store, at: ImageAt, view: View, all: i64) -> BoxStream<'static, Bytes> {
    stream::unfold((store, 1), move |(store, number)| async move {
        if number >= all {
            return None;
        }
        let chunk = store.read(ImageChunk { at, view, number }).await.ok()??;
        Some((Bytes::from(chunk), (store, number + 1)))
    })
    .boxed()
}
