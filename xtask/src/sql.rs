//! SQL stands only in `store/src/{sqlite,postgres}`, in `<room>/src/store/{sqlite,postgres}` and in
//! migrations: whatever is above them must not care which engine it is on.

use std::path::Path;

use anyhow::{Result, bail};

/// What only SQL says, in the spelling that this project uses.
const WORDS: [&str; 9] = [
    "SELECT ",
    "INSERT INTO",
    "INSERT OR",
    "DELETE FROM",
    "UPDATE entry",
    " WHERE ",
    "CREATE TABLE",
    "PRAGMA ",
    "ON CONFLICT",
];
const ALLOWED: [&str; 4] = [
    "/store/sqlite/",
    "/store/postgres/",
    "/store/sqlite.rs",
    "/store/postgres.rs",
];
const ENGINE: [&str; 2] = ["crates/store/src/sqlite/", "crates/store/src/postgres/"];

pub fn check(root: &Path) -> Result<()> {
    let mut wrong = Vec::new();
    for file in crate::files(&root.join("crates"), ".rs")? {
        if !file.components().any(|part| part.as_os_str() == "src") {
            continue;
        }
        let name = file.strip_prefix(root)?.to_string_lossy().replace('\\', "/");
        if ENGINE.iter().any(|engine| name.starts_with(engine)) || ALLOWED.iter().any(|place| name.contains(place)) {
            continue;
        }
        for (number, line) in std::fs::read_to_string(&file)?.lines().enumerate() {
            let code = line.trim_start();
            if !code.starts_with("//") && WORDS.iter().any(|word| code.contains(word)) {
                wrong.push(format!("{name}:{}: {}", number + 1, code.trim()));
            }
        }
    }
    if !wrong.is_empty() {
        bail!("SQL outside a store's engine module:\n{}", wrong.join("\n"));
    }
    Ok(())
}
