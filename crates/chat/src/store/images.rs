//! Images: stored in chunks behind everything urgent, seen once they are whole, removed in chunks.

use bytes::Bytes;
use samband_core::{ImageId, Millis, StreamId};
use samband_store::{Change, EngineError, Query, Stop};

use super::db::{ChatDb, ChatTx, ImageAt, ImageLine, ImageState, Images, View};
use super::queries::participant;
use super::{InThread, head_for_participant};
use crate::images::ImageKind;
use crate::model::{AttachedImage, StoredImage};
use crate::rules::ChatRefused;

/// What is written at a time: some 2 ms of the writer's time.
pub const CHUNK_BYTES: usize = 256 << 10;
/// What is removed at a time.
const CHUNKS_REMOVED: usize = 4;

/// How many chunks hold so many bytes.
pub fn chunks(bytes: i64) -> i64 {
    u64::try_from(bytes).map_or(0, |bytes| bytes.div_ceil(CHUNK_BYTES as u64)) as i64
}

impl InThread {
    fn image(&self, image: ImageId) -> ImageAt {
        ImageAt {
            thread: self.thread,
            image,
        }
    }
}

/// An image is to come.
pub struct BeginImage {
    pub at: InThread,
    pub id: ImageId,
    pub image: StoredImage,
}

impl Change for BeginImage {
    type Out = ();
    type Refusal = ChatRefused;
    fn stream(&self) -> StreamId {
        self.at.thread.into()
    }
    samband_store::apply_on_every_engine!();
}

impl BeginImage {
    async fn apply(&self, tx: &mut impl ChatTx) -> Result<(), Stop<ChatRefused>> {
        head_for_participant(tx, self.at).await?;
        let line = ImageLine {
            image: self.image.clone(),
            begun: tx.cx().now,
            state: ImageState::Arriving,
        };
        tx.db().insert_image(self.at.image(self.id), &line).await?;
        Ok(())
    }
}

/// A piece of an image that is arriving.
pub struct PutImageChunk {
    pub at: ImageAt,
    pub view: View,
    pub number: i64,
    pub data: Bytes,
}

impl Change for PutImageChunk {
    type Out = ();
    type Refusal = ChatRefused;
    fn stream(&self) -> StreamId {
        self.at.thread.into()
    }
    fn weight(&self) -> usize {
        256 + self.data.len()
    }
    samband_store::apply_on_every_engine!();
}

impl PutImageChunk {
    async fn apply(&self, tx: &mut impl ChatTx) -> Result<(), Stop<ChatRefused>> {
        arriving(tx, self.at).await?;
        tx.db()
            .insert_image_chunk(self.at, self.view, self.number, &self.data)
            .await?;
        Ok(())
    }
}

/// All is there: from now on it is seen.
pub struct FinishImage {
    pub at: InThread,
    pub id: ImageId,
}

impl Change for FinishImage {
    type Out = ();
    type Refusal = ChatRefused;
    fn stream(&self) -> StreamId {
        self.at.thread.into()
    }
    samband_store::apply_on_every_engine!();
}

impl FinishImage {
    async fn apply(&self, tx: &mut impl ChatTx) -> Result<(), Stop<ChatRefused>> {
        head_for_participant(tx, self.at).await?;
        let image = self.at.image(self.id);
        arriving(tx, image).await?;
        tx.db().set_image_state(image, ImageState::There).await?;
        Ok(())
    }
}

/// Its thread may have been deleted meanwhile, or the upload have taken too long.
async fn arriving(tx: &impl ChatTx, at: ImageAt) -> Result<(), Stop<ChatRefused>> {
    match tx.db().locked_image(at).await? {
        Some(line) if line.state == ImageState::Arriving => Ok(()),
        _ => Err(Stop::Refused(ChatRefused::ImageNotFound)),
    }
}

/// Nobody sees it from now on; its chunks go in the background.
pub struct DeleteImage {
    pub at: InThread,
    pub id: ImageId,
}

impl Change for DeleteImage {
    type Out = ();
    type Refusal = ChatRefused;
    fn stream(&self) -> StreamId {
        self.at.thread.into()
    }
    samband_store::apply_on_every_engine!();
}

impl DeleteImage {
    async fn apply(&self, tx: &mut impl ChatTx) -> Result<(), Stop<ChatRefused>> {
        head_for_participant(tx, self.at).await?;
        let at = self.at.image(self.id);
        let line = tx.db().locked_image(at).await?;
        let Some(line) = line.filter(|line| line.state == ImageState::There) else {
            return Err(Stop::Refused(ChatRefused::ImageNotFound));
        };
        if line.image.uploader != self.at.caller {
            return Err(Stop::Refused(ChatRefused::NotUploader("delete")));
        }
        tx.db().set_image_state(at, ImageState::Removed).await?;
        Ok(())
    }
}

/// Images whose chunks are to go: deleted ones, and those that were not finished in time.
pub struct ImagesToRemove {
    pub begun_before: Millis,
}

impl Query for ImagesToRemove {
    type Out = Vec<ImageAt>;
    samband_store::answer_on_every_engine!();
}

impl ImagesToRemove {
    async fn answer(&self, db: &impl ChatDb) -> Result<Vec<ImageAt>, EngineError> {
        db.images_to_remove(self.begun_before, 100).await
    }
}

/// Removes a few chunks of such an image, in the end the image; whether that was the end.
pub struct RemoveImageChunk {
    pub at: ImageAt,
    pub begun_before: Millis,
}

impl Change for RemoveImageChunk {
    type Out = bool;
    type Refusal = ();
    fn stream(&self) -> StreamId {
        self.at.thread.into()
    }
    samband_store::apply_on_every_engine!();
}

impl RemoveImageChunk {
    async fn apply(&self, tx: &mut impl ChatTx) -> Result<bool, Stop<()>> {
        let Some(line) = tx.db().locked_image(self.at).await? else {
            return Ok(true);
        };
        match line.state {
            ImageState::There => return Ok(true),
            ImageState::Arriving if line.begun >= self.begun_before => return Ok(true),
            // So that it cannot be finished while it goes.
            ImageState::Arriving => tx.db().set_image_state(self.at, ImageState::Removed).await?,
            ImageState::Removed => {}
        }
        if tx.db().delete_image_chunks(self.at, CHUNKS_REMOVED).await? {
            return Ok(false);
        }
        tx.db().delete_image(self.at).await?;
        Ok(true)
    }
}

/// An image that is there, for who takes part in its thread.
async fn shown(db: &impl ChatDb, at: ImageAt) -> Result<Result<StoredImage, ChatRefused>, EngineError> {
    let line = db.image(at).await?.filter(|line| line.state == ImageState::There);
    Ok(line.map(|line| line.image).ok_or(ChatRefused::ImageNotFound))
}

/// A view of an image, and its first chunk.
pub struct GetImage {
    pub at: InThread,
    pub id: ImageId,
    pub view: View,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ImageFile {
    pub kind: ImageKind,
    pub bytes: i64,
    /// Where its chunks are: the original may be small enough to be shown as such.
    pub view: View,
    pub first: Vec<u8>,
}

impl Query for GetImage {
    type Out = Result<ImageFile, ChatRefused>;
    samband_store::answer_on_every_engine!();
}

impl GetImage {
    async fn answer(&self, db: &impl ChatDb) -> Result<<Self as Query>::Out, EngineError> {
        if let Err(refused) = participant(db, self.at).await? {
            return Ok(Err(refused));
        }
        let at = self.at.image(self.id);
        let image = match shown(db, at).await? {
            Ok(image) => image,
            Err(refused) => return Ok(Err(refused)),
        };
        let (view, kind, bytes) = match (self.view, image.small) {
            (View::Small, Some((kind, bytes))) => (View::Small, kind, bytes),
            _ => (View::Original, image.kind, image.bytes),
        };
        let Some(first) = db.image_chunk(at, view, 0).await? else {
            return Ok(Err(ChatRefused::ImageNotFound));
        };
        Ok(Ok(ImageFile {
            kind,
            bytes,
            view,
            first,
        }))
    }
}

/// A further chunk; none if the image is gone.
pub struct ImageChunk {
    pub at: ImageAt,
    pub view: View,
    pub number: i64,
}

impl Query for ImageChunk {
    type Out = Option<Vec<u8>>;
    samband_store::answer_on_every_engine!();
}

impl ImageChunk {
    async fn answer(&self, db: &impl ChatDb) -> Result<<Self as Query>::Out, EngineError> {
        db.image_chunk(self.at, self.view, self.number).await
    }
}

/// What a message may show: images that its sender uploaded to the thread. A name that is not given is the file's.
pub struct ImagesToAttach {
    pub at: InThread,
    pub images: Vec<AttachedImage>,
}

impl Query for ImagesToAttach {
    /// Or the first that may not be attached, and why.
    type Out = Result<Vec<AttachedImage>, (usize, ChatRefused)>;
    samband_store::answer_on_every_engine!();
}

impl ImagesToAttach {
    async fn answer(&self, db: &impl ChatDb) -> Result<<Self as Query>::Out, EngineError> {
        if let Err(refused) = participant(db, self.at).await? {
            return Ok(Err((0, refused)));
        }
        let mut attached = Vec::with_capacity(self.images.len());
        for (place, image) in self.images.iter().enumerate() {
            let stored = match shown(db, self.at.image(image.id())).await? {
                Ok(stored) if stored.uploader == self.at.caller => stored,
                Ok(_) => return Ok(Err((place, ChatRefused::NotUploader("attach")))),
                Err(refused) => return Ok(Err((place, refused))),
            };
            attached.push(AttachedImage {
                image: image.image,
                name: image.name.clone().or(stored.name),
            });
        }
        Ok(Ok(attached))
    }
}
