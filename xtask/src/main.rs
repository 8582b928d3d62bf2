//! The project's own tools: `cargo run -p xtask -- COMMAND`.

mod compat;
mod operations;
mod sql;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Result, bail};

const USAGE: &str = "\
usage: cargo run -p xtask -- COMMAND

  sql                   check that SQL stands only where it may
  compat                write docs/compat.md from the endpoint tables and tests/sdks
  compat --check        fail if docs/compat.md is not what would be written
  operations            write docs/operations.md from the endpoint tables
  operations --check    fail if docs/operations.md is not what would be written
";

fn main() -> ExitCode {
    let arguments: Vec<_> = std::env::args().skip(1).collect();
    let arguments: Vec<_> = arguments.iter().map(String::as_str).collect();
    let root = root();
    let outcome: Result<()> = match arguments.as_slice() {
        ["sql"] => sql::check(&root),
        ["compat"] => compat::write(&root),
        ["compat", "--check"] => compat::check(&root),
        ["operations"] => operations::write(&root),
        ["operations", "--check"] => operations::check(&root),
        _ => {
            eprint!("{USAGE}");
            return ExitCode::from(2);
        }
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("xtask: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .unwrap_or(Path::new("."))
        .to_owned()
}

/// Every file below a folder that ends so.
fn files(folder: &Path, ending: &str) -> Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder)? {
            let path = entry?.path();
            if path.is_dir() {
                folders.push(path);
            } else if path.to_string_lossy().ends_with(ending) {
                found.push(path);
            }
        }
    }
    if found.is_empty() {
        bail!("{} holds no {ending} file", folder.display());
    }
    found.sort();
    Ok(found)
}
