//! Images and the chunks of their bytes.

use samband_core::{ImageId, Millis, UserId};
use samband_store::EngineError;
use samband_store::postgres::Session;
use tokio_postgres::Row;
use uuid::Uuid;

use super::{key, text, thread_id};
use crate::images::ImageKind;
use crate::model::StoredImage;
use crate::store::db::{ImageAt, ImageLine, ImageState, Images, View};
use crate::store::{user_key, user_of};

fn image_key(image: ImageId) -> Uuid {
    Uuid::from_bytes(*image.as_bytes())
}

/// A kind that is not known is a later version's, and served as it is.
fn kind(number: i16) -> ImageKind {
    ImageKind::from_number(number).unwrap_or(ImageKind::Heic)
}

fn line(row: &Row) -> Result<ImageLine, EngineError> {
    let small = row.try_get::<_, Option<i16>>(4)?.zip(row.try_get(5)?);
    Ok(ImageLine {
        image: StoredImage {
            uploader: user_of(row.try_get(0)?).unwrap_or(UserId::from_bytes([0; 16])),
            name: text(row, 1)?,
            kind: kind(row.try_get(2)?),
            bytes: row.try_get(3)?,
            small: small.map(|(number, bytes)| (kind(number), bytes)),
        },
        begun: Millis(row.try_get(6)?),
        state: ImageState::from_number(row.try_get(7)?),
    })
}

impl Images for Session {
    async fn image(&self, at: ImageAt) -> Result<Option<ImageLine>, EngineError> {
        let row = self
            .query_opt(
                "SELECT uploader, name, kind, bytes, small_kind, small_bytes, begun_ms, state FROM image
                 WHERE thread = $1 AND image = $2",
                &[&key(at.thread), &image_key(at.image)],
            )
            .await?;
        row.map(|row| line(&row)).transpose()
    }

    async fn locked_image(&self, at: ImageAt) -> Result<Option<ImageLine>, EngineError> {
        let row = self
            .query_opt(
                "SELECT uploader, name, kind, bytes, small_kind, small_bytes, begun_ms, state FROM image
                 WHERE thread = $1 AND image = $2 FOR NO KEY UPDATE",
                &[&key(at.thread), &image_key(at.image)],
            )
            .await?;
        row.map(|row| line(&row)).transpose()
    }

    async fn insert_image(&self, at: ImageAt, line: &ImageLine) -> Result<(), EngineError> {
        let image = &line.image;
        self.write(
            "INSERT INTO image (thread, image, uploader, name, kind, bytes, small_kind, small_bytes, begun_ms, state)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)",
            vec![
                Box::new(key(at.thread)),
                Box::new(image_key(at.image)),
                Box::new(user_key(image.uploader).to_vec()),
                Box::new(image.name.as_ref().map(|name| name.as_bytes().to_vec())),
                Box::new(image.kind.number()),
                Box::new(image.bytes),
                Box::new(image.small.map(|(kind, _)| kind.number())),
                Box::new(image.small.map(|(_, bytes)| bytes)),
                Box::new(line.begun.0),
                Box::new(line.state.number()),
            ],
        )
        .await
    }

    async fn set_image_state(&self, at: ImageAt, state: ImageState) -> Result<(), EngineError> {
        self.write(
            "UPDATE image SET state = $3 WHERE thread = $1 AND image = $2",
            vec![
                Box::new(key(at.thread)),
                Box::new(image_key(at.image)),
                Box::new(state.number()),
            ],
        )
        .await
    }

    async fn delete_image(&self, at: ImageAt) -> Result<(), EngineError> {
        self.write(
            "DELETE FROM image WHERE thread = $1 AND image = $2",
            vec![Box::new(key(at.thread)), Box::new(image_key(at.image))],
        )
        .await
    }

    async fn insert_image_chunk(&self, at: ImageAt, view: View, number: i64, data: &[u8]) -> Result<(), EngineError> {
        self.write(
            "INSERT INTO image_chunk (thread, image, view, number, data) VALUES ($1, $2, $3, $4, $5)",
            vec![
                Box::new(key(at.thread)),
                Box::new(image_key(at.image)),
                Box::new(view.number()),
                Box::new(number),
                Box::new(data.to_vec()),
            ],
        )
        .await
    }

    async fn image_chunk(&self, at: ImageAt, view: View, number: i64) -> Result<Option<Vec<u8>>, EngineError> {
        let row = self
            .query_opt(
                "SELECT data FROM image_chunk WHERE thread = $1 AND image = $2 AND view = $3 AND number = $4",
                &[&key(at.thread), &image_key(at.image), &view.number(), &number],
            )
            .await?;
        Ok(row.map(|row| row.try_get(0)).transpose()?)
    }

    async fn delete_image_chunks(&self, at: ImageAt, most: usize) -> Result<bool, EngineError> {
        let deleted = self
            .execute(
                "DELETE FROM image_chunk WHERE (thread, image, view, number) IN
                     (SELECT thread, image, view, number FROM image_chunk WHERE thread = $1 AND image = $2 LIMIT $3)",
                &[&key(at.thread), &image_key(at.image), &(most as i64)],
            )
            .await?;
        Ok(deleted > 0)
    }

    async fn images_to_remove(&self, begun_before: Millis, most: usize) -> Result<Vec<ImageAt>, EngineError> {
        let rows = self
            .query(
                "SELECT thread, image FROM image WHERE state <> 1 AND (state = 2 OR begun_ms < $1) LIMIT $2",
                &[&begun_before.0, &(most as i64)],
            )
            .await?;
        let read = rows.iter().map(|row| {
            Ok(ImageAt {
                thread: thread_id(row, 0)?,
                image: ImageId::from_bytes(row.try_get::<_, Uuid>(1)?.into_bytes()),
            })
        });
        read.collect()
    }
}
