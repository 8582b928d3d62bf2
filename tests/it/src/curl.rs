//! The commands of docs/rest.md, run as they stand there.

use std::path::Path;
use std::process::Command;

/// The shell blocks of the page, one after another in one shell, against a throw-away server.
#[test]
fn the_rest_page_works() {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/rest.md");
    let text = std::fs::read_to_string(&page).unwrap();
    let blocks: Vec<_> = text
        .split("```sh\n")
        .skip(1)
        .filter_map(|rest| rest.split("```").next())
        .collect();
    assert!(blocks.len() >= 4, "the page has {} shell blocks", blocks.len());
    let script = format!("set -eu\n{}\n", blocks.join("\n"));
    let test = std::env::current_exe().unwrap();
    let samband = std::env::var_os("SAMBAND_BIN").map_or_else(
        || test.parent().and_then(Path::parent).unwrap().join("samband"),
        Into::into,
    );
    let output = Command::new(samband)
        .args(["run", "--", "sh", "-c", &script])
        .output()
        .unwrap();
    let (out, error) = (
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr),
    );
    assert!(output.status.success(), "{out}\n{error}");
    for expected in [
        "\"identity\"",
        "\"chatThread\"",
        "Hello from curl",
        "\"nextLink\"",
        "\"previewUrl\"",
        "\"code\":\"Unauthorized\"",
        "\"isDefault\":true",
        "\"openapi\":\"3.1.0\"",
    ] {
        assert!(out.contains(expected), "{expected} is missing in:\n{out}\n{error}");
    }
}
