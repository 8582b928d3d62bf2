//! Replays the corpus of every target on a stable compiler, and sees that no target was forgotten.

use std::collections::BTreeSet;
use std::fs;
use std::panic::catch_unwind;
use std::path::{Path, PathBuf};

use samband_fuzz_bodies::TARGETS;

/// A repository is no place for more (fuzz/README.md says how to make a corpus smaller).
const FILES_MOST: usize = 350;
const BYTES_MOST: usize = 300 * 1024;

fn fuzz() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

#[test]
fn what_was_found_stays_mended() {
    let mut failed = Vec::new();
    for (name, check) in TARGETS {
        let files = files(&fuzz().join("corpus").join(name));
        let inputs: Vec<_> = files.iter().map(|file| fs::read(file).unwrap()).collect();
        let bytes: usize = inputs.iter().map(Vec::len).sum();
        assert!(!files.is_empty(), "the corpus of {name} is empty");
        assert!(
            files.len() <= FILES_MOST && bytes <= BYTES_MOST,
            "the corpus of {name} is too large"
        );
        for (file, input) in files.into_iter().zip(&inputs) {
            // The panic's own message is above, in what the test printed.
            if catch_unwind(|| check(input)).is_err() {
                failed.push(file);
            }
        }
        println!("{name}: {} inputs, {bytes} bytes", inputs.len());
    }
    assert!(failed.is_empty(), "promises are broken by {failed:#?}");
}

/// A target without a corpus, a corpus without a target: neither would be missed by anybody.
#[test]
fn every_target_is_in_its_four_places() {
    let names = |folder: &str| -> BTreeSet<String> {
        let paths = fs::read_dir(fuzz().join(folder))
            .unwrap()
            .map(|entry| entry.unwrap().path());
        paths
            .map(|path| path.file_stem().unwrap().to_string_lossy().into_owned())
            .collect()
    };
    let targets: BTreeSet<_> = TARGETS.iter().map(|(name, _)| (*name).to_owned()).collect();
    assert_eq!(names("corpus"), targets);
    assert_eq!(names("fuzz_targets"), targets);
    let manifest = fs::read_to_string(fuzz().join("Cargo.toml")).unwrap();
    for name in targets {
        assert!(
            manifest.contains(&format!("name = \"{name}\"")),
            "{name} has no [[bin]]"
        );
    }
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    let mut files: Vec<_> = entries.map(|entry| entry.unwrap().path()).collect();
    files.sort();
    files
}
