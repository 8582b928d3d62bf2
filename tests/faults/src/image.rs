//! What a power cut leaves: from the state of the disk to files that can be opened again.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};

use crate::model::{Change, Inode, Model, Pending, put};

/// The unit that a disk writes whole or not at all.
const SECTOR: u64 = 512;

/// What becomes of the changes that were not fsynced.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CutMode {
    /// Each is kept, dropped or torn at random, independently of the order they were made in.
    Random,
    /// All are lost: the least a disk may hold.
    DropUnsynced,
    /// All are there: what a crash of the process alone would leave.
    KeepUnsynced,
}

/// The disk at one moment. Any number of images can be drawn from it.
#[derive(Clone, Debug)]
pub struct Frozen {
    model: Model,
}

/// The files as found when the power is back.
#[derive(Clone, Debug)]
pub struct DiskImage {
    files: BTreeMap<PathBuf, Vec<u8>>,
}

impl Frozen {
    pub(crate) fn new(model: Model) -> Self {
        Self { model }
    }

    /// How many writes and truncates a cut could lose at this moment.
    pub fn unsynced(&self) -> usize {
        let inodes = self.model.inodes.values();
        inodes.map(|inode| inode.pending.len()).sum()
    }

    /// Lets the power fail at this moment. The same numbers from `rng` give the same image.
    pub fn image(&self, rng: &mut dyn FnMut() -> u64, mode: CutMode) -> DiskImage {
        let mut files = BTreeMap::new();
        for (path, name) in &self.model.names {
            let target = match mode {
                CutMode::DropUnsynced => name.durable,
                CutMode::KeepUnsynced => name.current(),
                CutMode::Random => {
                    let candidates = name.candidates();
                    candidates[below(rng, candidates.len() as u64) as usize]
                }
            };
            if let Some(id) = target {
                let contents = survive(&self.model.inodes[&id], rng, mode);
                files.insert(path.clone(), contents);
            }
        }
        DiskImage { files }
    }
}

fn survive(inode: &Inode, rng: &mut dyn FnMut() -> u64, mode: CutMode) -> Vec<u8> {
    let mut contents = inode.durable.as_ref().clone();
    match mode {
        CutMode::DropUnsynced => {}
        CutMode::KeepUnsynced => {
            for pending in &inode.pending {
                pending.change.apply(&mut contents);
            }
        }
        CutMode::Random => survive_at_random(&inode.pending, rng, &mut contents),
    }
    contents
}

/// Flipping a fair coin for each of many writes would hardly ever leave a long run intact or
/// lose only one, and those are the telling cases. So each file first gets a character: a disk
/// that wrote in order until the end, or one that kept and tore by odds of its own.
fn survive_at_random(pending: &[Pending], rng: &mut dyn FnMut() -> u64, contents: &mut Vec<u8>) {
    if below(rng, 3) == 0 {
        let whole = below(rng, pending.len() as u64 + 1) as usize;
        for (index, item) in pending.iter().enumerate().take(whole + 1) {
            if index < whole {
                item.change.apply(contents);
            } else {
                tear(&item.change, rng, contents);
            }
        }
        return;
    }
    let keep = below(rng, 257);
    let torn = below(rng, 257 - keep);
    for item in pending {
        match below(rng, 256) {
            n if n < keep => item.change.apply(contents),
            n if n < keep + torn => tear(&item.change, rng, contents),
            _ => {}
        }
    }
}

/// Lets only some sectors of a write through. Bytes outside the written range never change,
/// which is what SQLITE_IOCAP_POWERSAFE_OVERWRITE promises to SQLite.
fn tear(change: &Change, rng: &mut dyn FnMut() -> u64, contents: &mut Vec<u8>) {
    let Change::Write { offset, data } = change else {
        return; // a truncate happens or it does not
    };
    let end = offset + data.len() as u64;
    let first = offset / SECTOR;
    let sectors = end.div_ceil(SECTOR) - first;
    let (how, middle) = (below(rng, 3), below(rng, sectors + 1));
    for index in 0..sectors {
        let kept = match how {
            0 => index < middle,
            1 => index >= middle,
            _ => below(rng, 2) == 0,
        };
        if kept {
            let from = ((first + index) * SECTOR).max(*offset);
            let to = ((first + index + 1) * SECTOR).min(end);
            put(contents, from, &data[(from - offset) as usize..(to - offset) as usize]);
        }
    }
}

fn below(rng: &mut dyn FnMut() -> u64, bound: u64) -> u64 {
    rng() % bound
}

impl DiskImage {
    /// The files and their contents, by the path they had.
    pub fn files(&self) -> impl Iterator<Item = (&Path, &[u8])> {
        self.files
            .iter()
            .map(|(path, contents)| (path.as_path(), contents.as_slice()))
    }

    /// Writes the files into `dir`, by their names alone, to be opened by the ordinary VFS.
    /// There are no -shm files among them: shared memory does not outlive the power.
    ///
    /// # Errors
    ///
    /// If a file cannot be written or is already there, as when two directories held files of
    /// the same name.
    pub fn write_to(&self, dir: &Path) -> io::Result<()> {
        for (path, contents) in &self.files {
            let name = path.file_name().ok_or(io::ErrorKind::InvalidInput)?;
            let mut file = std::fs::File::create_new(dir.join(name))?;
            io::Write::write_all(&mut file, contents)?;
        }
        Ok(())
    }
}
