//! Images and the chunks of their bytes.

use rusqlite::{Connection, OptionalExtension, Result, Row};
use samband_core::{ImageId, Millis, ThreadId, UserId};
use samband_store::EngineError;

use super::threads::text;
use crate::images::ImageKind;
use crate::model::StoredImage;
use crate::store::db::{ImageAt, ImageLine, ImageState, Images, View};
use crate::store::{user_key, user_of};

/// A kind that is not known is a later version's, and served as it is.
fn kind(number: i16) -> ImageKind {
    ImageKind::from_number(number).unwrap_or(ImageKind::Heic)
}

fn line(row: &Row<'_>) -> Result<ImageLine> {
    let small = row.get::<_, Option<i16>>(4)?.zip(row.get(5)?);
    Ok(ImageLine {
        image: StoredImage {
            uploader: user_of(row.get_ref(0)?.as_blob()?).unwrap_or(UserId::from_bytes([0; 16])),
            name: text(row, 1)?,
            kind: kind(row.get(2)?),
            bytes: row.get(3)?,
            small: small.map(|(number, bytes)| (kind(number), bytes)),
        },
        begun: Millis(row.get(6)?),
        state: ImageState::from_number(row.get(7)?),
    })
}

impl Images for Connection {
    async fn image(&self, at: ImageAt) -> Result<Option<ImageLine>, EngineError> {
        let found = self
            .prepare_cached(
                "SELECT uploader, name, kind, bytes, small_kind, small_bytes, begun_ms, state FROM image
         WHERE thread = ?1 AND image = ?2",
            )?
            .query_row((at.thread.as_bytes(), at.image.as_bytes()), line)
            .optional()?;
        Ok(found)
    }

    /// There is one writer: whoever reads in it holds the lock.
    async fn locked_image(&self, at: ImageAt) -> Result<Option<ImageLine>, EngineError> {
        self.image(at).await
    }

    async fn insert_image(&self, at: ImageAt, line: &ImageLine) -> Result<(), EngineError> {
        let image = &line.image;
        self.prepare_cached(
            "INSERT INTO image (thread, image, uploader, name, kind, bytes, small_kind, small_bytes, begun_ms, state)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)",
        )?
        .execute((
            at.thread.as_bytes(),
            at.image.as_bytes(),
            user_key(image.uploader),
            image.name.as_ref().map(|name| name.as_bytes()),
            image.kind.number(),
            image.bytes,
            image.small.map(|(kind, _)| kind.number()),
            image.small.map(|(_, bytes)| bytes),
            line.begun.0,
            line.state.number(),
        ))?;
        Ok(())
    }

    async fn set_image_state(&self, at: ImageAt, state: ImageState) -> Result<(), EngineError> {
        self.prepare_cached("UPDATE image SET state = ?3 WHERE thread = ?1 AND image = ?2")?
            .execute((at.thread.as_bytes(), at.image.as_bytes(), state.number()))?;
        Ok(())
    }

    async fn delete_image(&self, at: ImageAt) -> Result<(), EngineError> {
        self.prepare_cached("DELETE FROM image WHERE thread = ?1 AND image = ?2")?
            .execute((at.thread.as_bytes(), at.image.as_bytes()))?;
        Ok(())
    }

    async fn insert_image_chunk(&self, at: ImageAt, view: View, number: i64, data: &[u8]) -> Result<(), EngineError> {
        self.prepare_cached("INSERT INTO image_chunk (thread, image, view, number, data) VALUES (?1, ?2, ?3, ?4, ?5)")?
            .execute((at.thread.as_bytes(), at.image.as_bytes(), view.number(), number, data))?;
        Ok(())
    }

    async fn image_chunk(&self, at: ImageAt, view: View, number: i64) -> Result<Option<Vec<u8>>, EngineError> {
        let found = self
            .prepare_cached(
                "SELECT data FROM image_chunk WHERE thread = ?1 AND image = ?2 AND view = ?3 AND number = ?4",
            )?
            .query_row(
                (at.thread.as_bytes(), at.image.as_bytes(), view.number(), number),
                |row| row.get(0),
            )
            .optional()?;
        Ok(found)
    }

    async fn delete_image_chunks(&self, at: ImageAt, most: usize) -> Result<bool, EngineError> {
        let deleted = self
            .prepare_cached(
                "DELETE FROM image_chunk WHERE rowid IN
             (SELECT rowid FROM image_chunk WHERE thread = ?1 AND image = ?2 LIMIT ?3)",
            )?
            .execute((at.thread.as_bytes(), at.image.as_bytes(), most as i64))?;
        Ok(deleted > 0)
    }

    async fn images_to_remove(&self, begun_before: Millis, most: usize) -> Result<Vec<ImageAt>, EngineError> {
        let mut statement = self.prepare_cached(
            "SELECT thread, image FROM image WHERE state <> 1 AND (state = 2 OR begun_ms < ?1) LIMIT ?2",
        )?;
        let rows = statement.query_map((begun_before.0, most as i64), |row| {
            Ok(ImageAt {
                thread: ThreadId::from_bytes(row.get(0)?),
                image: ImageId::from_bytes(row.get(1)?),
            })
        })?;
        Ok(rows.collect::<Result<_>>()?)
    }
}
