//! The disk as it would be after a power loss: pure bookkeeping, no FFI and no file access.
//!
//! Two things are kept apart, as a POSIX file system does:
//!
//! * an *inode* holds bytes: those certainly on disk, and the changes not yet fsynced;
//! * a *name* says which inode a path leads to. Creating and deleting change the name, and
//!   only an fsync of the directory makes that certain. The model is strict about it: fsync
//!   of a file alone does not save its name (ext4 happens to do so, POSIX does not promise
//!   it; SQLite's unix VFS syncs the directory itself where it needs to).
//!
//! After a failed fsync the kernel forgets that the pages were dirty, so a later fsync which
//! succeeds says nothing about them ("fsyncgate"). Such writes are marked `forgotten`: no
//! sync ever makes them certain, only writing the same bytes anew does.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// What a file is to SQLite.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FileKind {
    /// The database itself.
    Database,
    /// The write-ahead log.
    Wal,
    /// A rollback journal or super-journal.
    Journal,
}

pub(crate) type InodeId = u64;

#[derive(Clone, Debug)]
pub(crate) enum Change {
    Write { offset: u64, data: Arc<[u8]> },
    Truncate(u64),
}

impl Change {
    pub(crate) fn apply(&self, contents: &mut Vec<u8>) {
        match self {
            Change::Write { offset, data } => put(contents, *offset, data),
            Change::Truncate(size) => contents.resize(to_usize(*size), 0),
        }
    }
}

/// Writes `data` at `offset`; a gap before it reads as zeros, as a hole in a file does.
pub(crate) fn put(contents: &mut Vec<u8>, offset: u64, data: &[u8]) {
    let start = to_usize(offset);
    let end = start + data.len();
    if contents.len() < end {
        contents.resize(end, 0);
    }
    contents[start..end].copy_from_slice(data);
}

fn to_usize(size: u64) -> usize {
    usize::try_from(size).expect("a test database fits in memory")
}

/// A change that the disk may or may not hold.
#[derive(Clone, Debug)]
pub(crate) struct Pending {
    seq: u64,
    pub(crate) change: Change,
    forgotten: bool,
}

#[derive(Clone, Debug, Default)]
pub(crate) struct Inode {
    /// Shared with snapshots, copied at the first sync after one was taken.
    pub(crate) durable: Arc<Vec<u8>>,
    /// In the order they were made.
    pub(crate) pending: Vec<Pending>,
    handles: usize,
}

impl Inode {
    /// Makes certain everything up to `mark`, except what a failed sync made uncertain.
    fn commit(&mut self, mark: u64) {
        let mut left: Vec<Pending> = Vec::new();
        for pending in self.pending.drain(..) {
            if pending.seq > mark || pending.forgotten {
                left.push(pending);
                continue;
            }
            pending.change.apply(Arc::make_mut(&mut self.durable));
            // What is certain now must not be undone by an older uncertain write.
            left = left.into_iter().flat_map(|old| old.without(&pending)).collect();
        }
        self.pending = left;
    }

    fn forget(&mut self, mark: u64) {
        for pending in &mut self.pending {
            // A truncate is metadata: the file system's journal retries it, unlike data pages.
            if pending.seq <= mark && matches!(pending.change, Change::Write { .. }) {
                pending.forgotten = true;
            }
        }
    }
}

impl Pending {
    /// What is left of this older write once `newer` lies over it: up to two pieces.
    fn without(self, newer: &Pending) -> Vec<Pending> {
        let Change::Write { offset, data } = &self.change else {
            return vec![self];
        };
        let (start, end) = (*offset, offset + data.len() as u64);
        let (cut_start, cut_end) = match &newer.change {
            Change::Write { offset, data } => (*offset, offset + data.len() as u64),
            Change::Truncate(size) => (*size, u64::MAX),
        };
        if cut_end <= start || end <= cut_start {
            return vec![self];
        }
        [(start, cut_start.min(end)), (cut_end.max(start), end)]
            .into_iter()
            .filter(|(from, to)| from < to)
            .map(|(from, to)| Pending {
                change: Change::Write {
                    offset: from,
                    data: data[to_usize(from - start)..to_usize(to - start)].into(),
                },
                ..self
            })
            .collect()
    }
}

/// Where a path leads: certainly, and after each directory change not yet synced.
#[derive(Clone, Debug, Default)]
pub(crate) struct Name {
    pub(crate) durable: Option<InodeId>,
    pending: Vec<(u64, Option<InodeId>)>,
}

impl Name {
    pub(crate) fn current(&self) -> Option<InodeId> {
        self.pending.last().map_or(self.durable, |(_, target)| *target)
    }

    /// Everything the path may lead to after a power loss; never empty.
    pub(crate) fn candidates(&self) -> Vec<Option<InodeId>> {
        std::iter::once(self.durable)
            .chain(self.pending.iter().map(|(_, target)| *target))
            .collect()
    }

    fn commit(&mut self, mark: u64) {
        let done = self.pending.partition_point(|(seq, _)| *seq <= mark);
        if let Some((_, target)) = self.pending.drain(..done).next_back() {
            self.durable = target;
        }
    }
}

/// The whole disk. Cloning it is cheap: contents are shared.
#[derive(Clone, Debug, Default)]
pub(crate) struct Model {
    pub(crate) names: BTreeMap<PathBuf, Name>,
    pub(crate) inodes: BTreeMap<InodeId, Inode>,
    last_seq: u64,
    last_inode: InodeId,
}

impl Model {
    fn next_seq(&mut self) -> u64 {
        self.last_seq += 1;
        self.last_seq
    }

    /// A point in the order of changes: a sync begun now covers what lies before it.
    pub(crate) fn mark(&self) -> u64 {
        self.last_seq
    }

    fn add_inode(&mut self, contents: Vec<u8>) -> InodeId {
        self.last_inode += 1;
        let inode = Inode {
            durable: Arc::new(contents),
            ..Inode::default()
        };
        self.inodes.insert(self.last_inode, inode);
        self.last_inode
    }

    fn inode(&mut self, id: InodeId) -> &mut Inode {
        self.inodes.get_mut(&id).expect("an inode lives as long as its handles")
    }

    pub(crate) fn lookup(&self, path: &Path) -> Option<InodeId> {
        self.names.get(path).and_then(Name::current)
    }

    /// A file that was there before this disk was watched: taken to be on disk as it is.
    pub(crate) fn adopt(&mut self, path: &Path, contents: Vec<u8>) -> InodeId {
        let id = self.add_inode(contents);
        self.names.insert(
            path.to_owned(),
            Name {
                durable: Some(id),
                pending: Vec::new(),
            },
        );
        id
    }

    pub(crate) fn create(&mut self, path: &Path) -> InodeId {
        let id = self.add_inode(Vec::new());
        self.link(path, Some(id));
        id
    }

    pub(crate) fn delete(&mut self, path: &Path) {
        self.link(path, None);
    }

    fn link(&mut self, path: &Path, target: Option<InodeId>) {
        let seq = self.next_seq();
        let name = self.names.entry(path.to_owned()).or_default();
        name.pending.push((seq, target));
    }

    pub(crate) fn open(&mut self, id: InodeId) {
        self.inode(id).handles += 1;
    }

    pub(crate) fn close(&mut self, id: InodeId) {
        self.inode(id).handles -= 1;
        self.collect();
    }

    pub(crate) fn write(&mut self, id: InodeId, offset: u64, data: &[u8]) {
        let change = Change::Write {
            offset,
            data: data.into(),
        };
        self.push(id, change);
    }

    pub(crate) fn truncate(&mut self, id: InodeId, size: u64) {
        self.push(id, Change::Truncate(size));
    }

    fn push(&mut self, id: InodeId, change: Change) {
        let seq = self.next_seq();
        self.inode(id).pending.push(Pending {
            seq,
            change,
            forgotten: false,
        });
    }

    /// A sync begun at `mark` succeeded.
    pub(crate) fn synced(&mut self, id: InodeId, mark: u64) {
        self.inode(id).commit(mark);
    }

    /// A sync begun at `mark` failed.
    pub(crate) fn sync_failed(&mut self, id: InodeId, mark: u64) {
        self.inode(id).forget(mark);
    }

    /// An fsync of a directory begun at `mark` succeeded.
    pub(crate) fn directory_synced(&mut self, dir: &Path, mark: u64) {
        for (path, name) in &mut self.names {
            if path.parent() == Some(dir) {
                name.commit(mark);
            }
        }
        self.names
            .retain(|_, name| name.durable.is_some() || !name.pending.is_empty());
        self.collect();
    }

    /// Frees the inodes that neither a name, now or after a cut, nor a handle leads to.
    fn collect(&mut self) {
        let names = &self.names;
        self.inodes
            .retain(|id, inode| inode.handles > 0 || names.values().any(|n| n.candidates().contains(&Some(*id))));
    }
}

#[cfg(test)]
#[path = "model_tests.rs"]
mod tests;
