//! Images: seen once they are whole, by those who take part; removed with their thread, and in pieces.

use samband_chat::images::ImageKind;
use samband_chat::store::{
    BeginImage, CHUNK_BYTES, DeleteImage, FinishImage, GetImage, ImageAt, ImageChunk, ImageFile, ImagesToAttach,
    ImagesToRemove, InThread, PurgeChunk, PutImageChunk, RemoveImageChunk, SendMessage, UpdateMessage, UpdateThread,
    View, chunks,
};
use samband_chat::{AttachedImage, ChatRefused, MessageDoc, StoredImage, jobs};
use samband_core::{ImageId, Millis, ThreadId};
use samband_store::{BoxFuture, EngineError, Query, postgres, sqlite};
use samband_wire_chat::RetentionPolicy;

use crate::world::{START, Said, World, member, message_doc, on_every_engine, text_doc};

/// How many rows there are of images and of their chunks.
struct Rows;

impl Query for Rows {
    type Out = (i64, i64);
    fn sqlite(&self, db: &sqlite::Reader<'_>) -> Result<Self::Out, EngineError> {
        let count = |table: &str| db.query_row(&format!("SELECT count(*) FROM {table}"), (), |row| row.get(0));
        Ok((count("image")?, count("image_chunk")?))
    }
    fn postgres<'a>(&'a self, db: &'a postgres::Session) -> BoxFuture<'a, Result<Self::Out, EngineError>> {
        Box::pin(async {
            let mut counts = [0; 2];
            for (count, sql) in counts
                .iter_mut()
                .zip(["SELECT count(*) FROM image", "SELECT count(*) FROM image_chunk"])
            {
                *count = db.query(sql, &[]).await?[0].try_get(0)?;
            }
            Ok((counts[0], counts[1]))
        })
    }
}

pub fn id(number: u8) -> ImageId {
    ImageId::from_bytes([number; 16])
}

fn in_thread(at: InThread, id: ImageId) -> ImageAt {
    ImageAt {
        thread: at.thread,
        image: id,
    }
}

/// Bytes that are not the same anywhere.
fn bytes(length: usize) -> Vec<u8> {
    (0..length as u32).flat_map(|n| n.to_be_bytes()).take(length).collect()
}

pub async fn begin(world: &World, at: InThread, id: ImageId, original: usize, small: Option<usize>) -> Said<()> {
    let image = StoredImage {
        uploader: at.caller,
        name: Some("Bild \0 \u{2615}.png".to_owned()),
        kind: ImageKind::Png,
        bytes: original as i64,
        small: small.map(|length| (ImageKind::Jpeg, length as i64)),
    };
    world.commit(BeginImage { at, id, image }).await
}

async fn put(world: &World, at: ImageAt, view: View, length: usize) -> Said<()> {
    for (number, data) in bytes(length).chunks(CHUNK_BYTES).enumerate() {
        let chunk = PutImageChunk {
            at,
            view,
            number: number as i64,
            data: data.to_vec().into(),
        };
        world.store.background(chunk).await.map_err(ChatRefused::from)?;
    }
    Ok(())
}

pub async fn upload(world: &World, at: InThread, id: ImageId, original: usize, small: Option<usize>) -> Said<()> {
    begin(world, at, id, original, small).await?;
    put(world, in_thread(at, id), View::Original, original).await?;
    if let Some(small) = small {
        put(world, in_thread(at, id), View::Small, small).await?;
    }
    world.commit(FinishImage { at, id }).await
}

pub async fn get(world: &World, at: InThread, id: ImageId, view: View) -> Said<(ImageFile, Vec<u8>)> {
    let file = world.ask(GetImage { at, id, view }).await?;
    let mut whole = file.first.clone();
    for number in 1..chunks(file.bytes) {
        let chunk = ImageChunk {
            at: in_thread(at, id),
            view: file.view,
            number,
        };
        whole.extend(world.ask(chunk).await.expect("a chunk"));
    }
    Ok((file, whole))
}

async fn is_not_found(world: &World, at: InThread, id: ImageId) {
    for view in [View::Original, View::Small] {
        assert_eq!(get(world, at, id, view).await, Err(ChatRefused::ImageNotFound));
    }
    let deletion = world.commit(DeleteImage { at, id }).await;
    assert_eq!(deletion, Err(ChatRefused::ImageNotFound));
}

#[tokio::test]
async fn an_image_is_seen_once_it_is_whole() {
    on_every_engine(async |world: World| {
        let (alice, bob) = (world.user().await, world.user().await);
        let thread = world.thread(alice, &[bob]).await;
        let (at, bobs) = (world.at(thread, alice), world.at(thread, bob));
        let large = 2 * CHUNK_BYTES + 1;

        begin(&world, at, id(1), large, Some(10)).await.unwrap();
        is_not_found(&world, at, id(1)).await;
        put(&world, in_thread(at, id(1)), View::Original, large).await.unwrap();
        put(&world, in_thread(at, id(1)), View::Small, 10).await.unwrap();
        is_not_found(&world, at, id(1)).await;
        world.commit(FinishImage { at, id: id(1) }).await.unwrap();
        for at in [at, bobs] {
            let (file, whole) = get(&world, at, id(1), View::Original).await.unwrap();
            assert_eq!((file.kind, file.bytes), (ImageKind::Png, large as i64));
            assert!(whole == bytes(large));
            let (file, whole) = get(&world, at, id(1), View::Small).await.unwrap();
            assert_eq!((file.kind, file.view, whole), (ImageKind::Jpeg, View::Small, bytes(10)));
        }
        // What is finished is not changed any more.
        let again = world.commit(FinishImage { at, id: id(1) }).await;
        assert_eq!(again, Err(ChatRefused::ImageNotFound));
        let more = put(&world, in_thread(at, id(1)), View::Original, 1).await;
        assert_eq!(more, Err(ChatRefused::ImageNotFound));

        // The original may be small enough.
        for (number, length) in [(2, 1), (3, CHUNK_BYTES), (4, CHUNK_BYTES + 1), (5, 2 * CHUNK_BYTES)] {
            upload(&world, bobs, id(number), length, None).await.unwrap();
            let (file, whole) = get(&world, at, id(number), View::Small).await.unwrap();
            assert_eq!((file.kind, file.view), (ImageKind::Png, View::Original));
            assert!(whole == bytes(length));
        }
    })
    .await;
}

#[tokio::test]
async fn images_are_for_those_who_take_part() {
    on_every_engine(async |world: World| {
        let [alice, bob, carol] = [world.user().await, world.user().await, world.user().await];
        let thread = world.thread(alice, &[bob, carol]).await;
        let (at, bobs) = (world.at(thread, alice), world.at(thread, bob));
        upload(&world, at, id(1), 9, None).await.unwrap();
        world.remove(at, carol).await.unwrap();

        let outsider = world.user().await;
        for caller in [carol, outsider] {
            let at = world.at(thread, caller);
            let refused = Err(ChatRefused::NotParticipant);
            assert_eq!(begin(&world, at, id(2), 9, None).await, refused);
            assert_eq!(world.commit(DeleteImage { at, id: id(1) }).await, refused);
            let seen = get(&world, at, id(1), View::Original).await;
            assert_eq!(seen.unwrap_err(), ChatRefused::NotParticipant);
        }
        let elsewhere = InThread {
            resource: world.other,
            ..at
        };
        let seen = get(&world, elsewhere, id(1), View::Original).await;
        assert_eq!(seen.unwrap_err(), ChatRefused::ThreadNotFound);
        // An image is its thread's.
        let other = world.thread(alice, &[]).await;
        is_not_found(&world, world.at(other, alice), id(1)).await;

        let refused = world.commit(DeleteImage { at: bobs, id: id(1) }).await;
        assert_eq!(refused, Err(ChatRefused::NotUploader("delete")));
        // Whoever is removed during an upload does not finish it.
        begin(&world, bobs, id(3), 9, None).await.unwrap();
        world.remove(at, bob).await.unwrap();
        let refused = world.commit(FinishImage { at: bobs, id: id(3) }).await;
        assert_eq!(refused, Err(ChatRefused::NotParticipant));
    })
    .await;
}

#[tokio::test]
async fn a_deleted_image_is_gone_at_once_and_its_chunks_in_pieces() {
    on_every_engine(async |world: World| {
        let alice = world.user().await;
        let thread = world.thread(alice, &[]).await;
        let at = world.at(thread, alice);
        upload(&world, at, id(1), 9 * CHUNK_BYTES, Some(5)).await.unwrap();
        upload(&world, at, id(2), 9, None).await.unwrap();
        assert_eq!(world.ask(Rows).await, (2, 11));
        let begun_before = world.now();
        assert_eq!(world.ask(ImagesToRemove { begun_before }).await, []);

        world.commit(DeleteImage { at, id: id(1) }).await.unwrap();
        is_not_found(&world, at, id(1)).await;
        let gone = in_thread(at, id(1));
        assert_eq!(world.ask(ImagesToRemove { begun_before }).await, [gone]);
        let mut steps = 1;
        let step = RemoveImageChunk { at: gone, begun_before };
        while !world.store.background(step_again(&step)).await.unwrap() {
            steps += 1;
            assert!(steps < 100, "it comes to an end");
        }
        assert!(steps > 2, "nine chunks at once would hold up the others");
        assert_eq!(world.ask(Rows).await, (1, 1));
        assert_eq!(world.ask(ImagesToRemove { begun_before }).await, []);
        assert_eq!(
            world.store.background(step).await,
            Ok(true),
            "once more, after an interruption"
        );
        get(&world, at, id(2), View::Original).await.unwrap();
    })
    .await;
}

fn step_again(step: &RemoveImageChunk) -> RemoveImageChunk {
    RemoveImageChunk {
        at: step.at,
        begun_before: step.begun_before,
    }
}

#[tokio::test]
async fn what_is_left_of_an_interrupted_upload_is_removed() {
    on_every_engine(async |world: World| {
        let alice = world.user().await;
        let thread = world.thread(alice, &[]).await;
        let at = world.at(thread, alice);
        upload(&world, at, id(1), 9, None).await.unwrap();
        begin(&world, at, id(2), 5 * CHUNK_BYTES, None).await.unwrap();
        put(&world, in_thread(at, id(2)), View::Original, 5 * CHUNK_BYTES - 7)
            .await
            .unwrap();
        let lease = world.lease().await;
        let tidy = async || jobs::remove_images(&world.store, &lease, &*world.clock).await.unwrap();

        world.clock.advance(Millis::HOUR);
        begin(&world, at, id(3), 9, None).await.unwrap();
        assert_eq!(tidy().await, 0, "an hour is not over");
        // It is asked again where it is done.
        let now = RemoveImageChunk {
            at: in_thread(at, id(3)),
            begun_before: START,
        };
        assert_eq!(world.store.background(now).await, Ok(true));
        world.clock.advance(1);
        assert_eq!(tidy().await, 1);
        assert_eq!(tidy().await, 0);
        assert_eq!(world.ask(Rows).await, (2, 1));
        let late = world.commit(FinishImage { at, id: id(2) }).await;
        assert_eq!(late, Err(ChatRefused::ImageNotFound));
        let late = put(&world, in_thread(at, id(2)), View::Original, 1).await;
        assert_eq!(late, Err(ChatRefused::ImageNotFound));
        put(&world, in_thread(at, id(3)), View::Original, 9).await.unwrap();
        world.commit(FinishImage { at, id: id(3) }).await.unwrap();
        for number in [1, 3] {
            get(&world, at, id(number), View::Original).await.unwrap();
        }
    })
    .await;
}

#[tokio::test]
async fn images_go_with_their_thread() {
    on_every_engine(async |world: World| {
        let (alice, bob) = (world.user().await, world.user().await);
        let neighbour = world.at(world.thread(alice, &[]).await, alice);
        upload(&world, neighbour, id(1), 9, None).await.unwrap();
        let thread = world.thread(alice, &[bob]).await;
        let at = world.at(thread, alice);
        upload(&world, at, id(1), 12 * CHUNK_BYTES, Some(5)).await.unwrap();
        upload(&world, at, id(2), 9, None).await.unwrap();
        begin(&world, at, id(3), 2 * CHUNK_BYTES, None).await.unwrap();
        put(&world, in_thread(at, id(3)), View::Original, CHUNK_BYTES)
            .await
            .unwrap();
        world.delete_thread(at).await.unwrap();

        let gone = ChatRefused::ThreadNotFound;
        for caller in [alice, bob] {
            let at = world.at(thread, caller);
            assert_eq!(get(&world, at, id(1), View::Small).await.unwrap_err(), gone);
            assert_eq!(begin(&world, at, id(4), 9, None).await, Err(gone.clone()));
            assert_eq!(world.commit(FinishImage { at, id: id(3) }).await, Err(gone.clone()));
            assert_eq!(world.commit(DeleteImage { at, id: id(1) }).await, Err(gone.clone()));
        }
        let mut steps = 1;
        while !world.store.background(PurgeChunk(thread)).await.unwrap() {
            steps += 1;
            assert!(steps < 100, "it comes to an end");
        }
        assert!(steps > 6, "15 chunks in {steps} steps");
        assert_eq!(world.ask(Rows).await, (1, 1));
        let late = put(&world, in_thread(at, id(3)), View::Original, 9).await;
        assert_eq!(late, Err(ChatRefused::ImageNotFound));
        get(&world, neighbour, id(1), View::Original).await.unwrap();

        // Nor does a thread leave anything that its retention policy deletes.
        let update = UpdateThread {
            at: neighbour,
            topic: None,
            metadata: None,
            retention: Some(RetentionPolicy::ThreadCreationDate {
                delete_thread_after_days: 30,
            }),
        };
        world.commit(update).await.unwrap();
        world.clock.advance(31 * 24 * Millis::HOUR);
        let lease = world.lease().await;
        assert_eq!(jobs::delete_due(&world.store, &lease, &*world.clock).await, Ok(1));
        assert_eq!(get(&world, neighbour, id(1), View::Original).await.unwrap_err(), gone);
        jobs::purge(&world.store, &lease).await.unwrap();
        assert_eq!(world.ask(Rows).await, (0, 0));
    })
    .await;
}

#[tokio::test]
async fn a_message_shows_images_that_its_sender_uploaded_to_the_thread() {
    on_every_engine(async |world: World| {
        let (alice, bob) = (world.user().await, world.user().await);
        let thread = world.thread(alice, &[]).await;
        let at = world.at(thread, alice);
        world.add(at, vec![member(bob)]).await.unwrap();
        let bobs = world.at(thread, bob);
        upload(&world, at, id(1), 9, None).await.unwrap();
        upload(&world, at, id(2), 9, None).await.unwrap();
        upload(&world, bobs, id(3), 9, None).await.unwrap();
        begin(&world, at, id(4), 9, None).await.unwrap();
        let attached = |number: u8, name: Option<&str>| AttachedImage {
            image: [number; 16],
            name: name.map(str::to_owned),
        };
        let ask = async |at, images: &[u8]| {
            let images = images.iter().map(|number| attached(*number, None)).collect();
            world.ask(ImagesToAttach { at, images }).await
        };
        let named = |number| attached(number, Some("Bild \0 \u{2615}.png"));
        assert_eq!(ask(at, &[1, 2, 1]).await, Ok(vec![named(1), named(2), named(1)]));
        let images = vec![attached(1, Some("other"))];
        assert_eq!(
            world
                .ask(ImagesToAttach {
                    at,
                    images: images.clone()
                })
                .await,
            Ok(images)
        );
        assert_eq!(ask(at, &[1, 3]).await, Err((1, ChatRefused::NotUploader("attach"))));
        assert_eq!(ask(at, &[4]).await, Err((0, ChatRefused::ImageNotFound)));
        assert_eq!(ask(at, &[5]).await, Err((0, ChatRefused::ImageNotFound)));
        let outside = world.at(thread, world.user().await);
        assert_eq!(ask(outside, &[1]).await, Err((0, ChatRefused::NotParticipant)));
        let nowhere = world.at(ThreadId::from_bytes([9; 16]), alice);
        assert_eq!(ask(nowhere, &[1]).await, Err((0, ChatRefused::ThreadNotFound)));

        // They are stored with it, replaced by an edit that names others, kept by one that names none.
        let doc = MessageDoc {
            attachments: vec![named(1), named(2)],
            ..text_doc("look")
        };
        let message = world.commit(SendMessage::new(at, false, &doc)).await.unwrap();
        assert_eq!(message_doc(&world.get(bobs, message).await.unwrap()), doc);
        let edit = async |attachments| {
            let edit = UpdateMessage {
                at,
                message,
                content: None,
                metadata: None,
                high_priority: None,
                attachments,
            };
            world.commit(edit).await.unwrap();
            message_doc(&world.get(bobs, message).await.unwrap()).attachments
        };
        assert_eq!(edit(None).await, doc.attachments);
        assert_eq!(edit(Some(vec![named(2)])).await, [named(2)]);
        assert_eq!(edit(Some(vec![])).await, []);
    })
    .await;
}
