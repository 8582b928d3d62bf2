//! Unit tests of the disk model and of the images drawn from it.

use std::path::Path;

use super::Model;
use crate::image::{CutMode, Frozen};
use crate::rng::SplitMix64;

const FILE: &str = "/d/chat.db";

fn read(model: &Model, mode: CutMode, seed: u64) -> Option<Vec<u8>> {
    let mut rng = SplitMix64::new(seed);
    let image = Frozen::new(model.clone()).image(&mut rng.source(), mode);
    image
        .files()
        .find(|(path, _)| *path == Path::new(FILE))
        .map(|(_, contents)| contents.to_vec())
}

fn drop_all(model: &Model) -> Option<Vec<u8>> {
    read(model, CutMode::DropUnsynced, 0)
}

fn keep_all(model: &Model) -> Option<Vec<u8>> {
    read(model, CutMode::KeepUnsynced, 0)
}

fn with_file(contents: &[u8]) -> (Model, u64) {
    let mut model = Model::default();
    let id = model.adopt(Path::new(FILE), contents.to_vec());
    model.open(id);
    (model, id)
}

#[test]
fn only_synced_writes_are_certain() {
    let (mut model, id) = with_file(b"aaaa");
    model.write(id, 2, b"bbbb");
    assert_eq!(drop_all(&model).unwrap(), b"aaaa");
    assert_eq!(keep_all(&model).unwrap(), b"aabbbb");
    model.synced(id, model.mark());
    model.truncate(id, 1);
    assert_eq!(drop_all(&model).unwrap(), b"aabbbb");
    assert_eq!(keep_all(&model).unwrap(), b"a");
}

#[test]
fn a_sync_covers_only_what_came_before_it_began() {
    let (mut model, id) = with_file(b"aa");
    model.write(id, 0, b"b");
    let begun = model.mark();
    model.write(id, 1, b"c");
    model.synced(id, begun);
    assert_eq!(drop_all(&model).unwrap(), b"ba");
    assert_eq!(keep_all(&model).unwrap(), b"bc");
}

#[test]
fn a_name_is_certain_once_the_directory_is_synced() {
    let mut model = Model::default();
    let id = model.create(Path::new(FILE));
    model.open(id);
    model.write(id, 0, b"x");
    model.synced(id, model.mark());
    assert_eq!(drop_all(&model), None);
    model.directory_synced(Path::new("/elsewhere"), model.mark());
    assert_eq!(drop_all(&model), None);
    model.directory_synced(Path::new("/d"), model.mark());
    assert_eq!(drop_all(&model).unwrap(), b"x");
}

#[test]
fn an_unsynced_delete_may_bring_the_old_file_back() {
    let (mut model, id) = with_file(b"old");
    model.delete(Path::new(FILE));
    model.close(id);
    let new = model.create(Path::new(FILE));
    model.open(new);
    model.write(new, 0, b"new");
    assert_eq!(drop_all(&model).unwrap(), b"old");
    assert_eq!(keep_all(&model).unwrap(), b"new");
    let seen: Vec<_> = (0..64)
        .map(|s| read(&model, CutMode::Random, s).unwrap_or_default())
        .collect();
    for wanted in [&b"old"[..], b"", b"new"] {
        assert!(seen.iter().any(|found| found == wanted), "{wanted:?}");
    }
    model.directory_synced(Path::new("/d"), model.mark());
    assert_eq!(drop_all(&model).unwrap(), b"");
    assert_eq!(model.inodes.len(), 1, "the old inode is freed");
}

#[test]
fn a_failed_sync_is_not_repaired_by_a_later_one() {
    let (mut model, id) = with_file(b"aaaaaa");
    model.write(id, 0, b"bbbbbb");
    model.sync_failed(id, model.mark());
    model.synced(id, model.mark());
    assert_eq!(drop_all(&model).unwrap(), b"aaaaaa");
    assert_eq!(keep_all(&model).unwrap(), b"bbbbbb");
    // Writing the middle anew and syncing that makes the middle certain, and only it.
    model.write(id, 2, b"cc");
    model.synced(id, model.mark());
    assert_eq!(drop_all(&model).unwrap(), b"aaccaa");
    assert_eq!(keep_all(&model).unwrap(), b"bbccbb");
    // A truncate ends what lies beyond it.
    model.truncate(id, 3);
    model.synced(id, model.mark());
    assert_eq!(drop_all(&model).unwrap(), b"aac");
    assert_eq!(keep_all(&model).unwrap(), b"bbc");
}

#[test]
fn writes_are_torn_at_sectors_and_only_within_their_range() {
    let (mut model, id) = with_file(&[b'a'; 4096]);
    model.write(id, 700, &[b'b'; 2000]);
    let mut torn = 0;
    let (mut whole, mut none) = (false, false);
    for seed in 0..500 {
        let found = read(&model, CutMode::Random, seed).unwrap();
        assert_eq!(found.len(), 4096);
        assert!(found[..700].iter().chain(&found[2700..]).all(|b| *b == b'a'));
        let sectors: Vec<_> = [700..1024, 1024..1536, 1536..2048, 2048..2560, 2560..2700]
            .into_iter()
            .map(|range| {
                assert!(found[range.clone()].iter().all(|b| *b == found[range.start]));
                found[range.start]
            })
            .collect();
        whole |= sectors.iter().all(|b| *b == b'b');
        none |= sectors.iter().all(|b| *b == b'a');
        torn += usize::from(sectors.iter().any(|b| *b != sectors[0]));
    }
    assert!(whole && none && torn > 50, "{whole} {none} {torn}");
}

#[test]
fn later_writes_may_survive_without_earlier_ones() {
    let (mut model, id) = with_file(b"..");
    model.write(id, 0, b"1");
    model.write(id, 1, b"2");
    let seen: Vec<_> = (0..200).map(|s| read(&model, CutMode::Random, s).unwrap()).collect();
    for wanted in [&b".."[..], b"1.", b".2", b"12"] {
        assert!(seen.iter().any(|found| found == wanted), "{wanted:?}");
    }
    assert_eq!(seen[9], read(&model, CutMode::Random, 9).unwrap());
}
