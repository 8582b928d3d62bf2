//! `docs/compat.md`: operation by api-version, served or not, and by which SDKs it was used. Made
//! from the endpoint tables and from what the SDK suites really did.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use samband_wire_core::{ApiVersion, Service};

type Coverage = BTreeMap<String, Vec<String>>;

const INTRODUCTION: &str = "\
# Compatibility

Made by `cargo run -p xtask -- compat` from the endpoint tables and from `tests/sdks/coverage.json`;
CI fails when it is out of date.

A cell names the SDK suites that have used the operation in that api-version with success, by the
server's own counters; `served` = served, and tested by requests of the project's own; `-` = the
api-version does not have the operation. `tests/sdks/results.md` has what each suite checks.

What differs from Azure Communication Services:

- Exchanging a Microsoft Entra or Teams token answers 401: this server does not stand in for
  Microsoft's directory. Create a user and issue it a token instead.
- Only communication users of the same resource can be participants. Phone numbers, Teams users and
  bots are answered item by item with `403 Permissions check failed`.
- Real-time notifications work with the JavaScript SDK from 1.5.4 on as it is, before with an override or a
  host mapping (docs/realtime.md); the last table has what browsers saw.
- Push notifications by a Notification Hub are not sent.
- A message's `createdOn` is its id: one clock for each thread, strictly rising.
- The limits are lifted unless `--limits acs` asks for them.
";

pub fn write(root: &Path) -> Result<()> {
    let page = page(root)?;
    std::fs::write(file(root), page)?;
    Ok(())
}

pub fn check(root: &Path) -> Result<()> {
    let kept = std::fs::read_to_string(file(root)).unwrap_or_default();
    if kept != page(root)? {
        bail!("docs/compat.md is out of date: run `cargo run -p xtask -- compat`");
    }
    Ok(())
}

fn file(root: &Path) -> PathBuf {
    root.join("docs/compat.md")
}

fn page(root: &Path) -> Result<String> {
    let coverage = root.join("tests/sdks/coverage.json");
    let coverage = std::fs::read_to_string(&coverage).with_context(|| format!("reading {}", coverage.display()))?;
    let coverage: Coverage = serde_json::from_str(&coverage)?;
    let mut page = INTRODUCTION.to_owned();
    for service in samband_server::services()
        .into_iter()
        .filter(|service| !service.versions.is_empty())
    {
        table(&mut page, service, &coverage)?;
    }
    real_time(&mut page, root)?;
    Ok(page)
}

/// The checks of real browsers, counted for each package version, engine and transport.
fn real_time(page: &mut String, root: &Path) -> Result<()> {
    const EVENTS: &str = "events.";
    let file = root.join("tests/browser/results.md");
    let results = std::fs::read_to_string(&file).with_context(|| format!("reading {}", file.display()))?;
    let cells = |line: &str| -> Vec<String> { line.split('|').map(|cell| cell.trim().to_owned()).collect() };
    let mut rows = results.lines().filter(|line| line.starts_with("| ")).map(cells);
    let suites = rows.next().context("the table of tests/browser/results.md")?;
    let rows: Vec<_> = rows
        .filter(|row| row.get(1).is_some_and(|check| check.contains('.')))
        .collect();
    let passed = |column: usize, events: bool| {
        let of = rows.iter().filter(|row| row[1].starts_with(EVENTS) == events);
        let of: Vec<_> = of.filter_map(|row| row.get(column)).collect();
        let passed = of.iter().filter(|cell| **cell == "pass").count();
        format!("{passed} of {}", of.len())
    };
    writeln!(page, "\n## real time\n")?;
    writeln!(
        page,
        "Browser and transport by package, as `tests/browser` runs them; its `results.md` has each check.\n"
    )?;
    writeln!(
        page,
        "| `@azure/communication-chat` | browser | transport | events | other checks |"
    )?;
    writeln!(page, "| --- | --- | --- | --- | --- |")?;
    for (column, suite) in suites.iter().enumerate().filter(|(_, name)| name.starts_with("chat-")) {
        // `- chat-1.6.0-firefox: @azure/communication-chat@1.6.0, websocket, firefox`
        let line = results
            .lines()
            .find_map(|line| line.strip_prefix(&format!("- {suite}: ")));
        let words: Vec<_> = line.unwrap_or_default().split(", ").collect();
        let [package, transport, browser] = words[..] else {
            bail!("tests/browser/results.md does not say what {suite} is");
        };
        let version = package.rsplit('@').next().unwrap_or_default();
        let (events, others) = (passed(column, true), passed(column, false));
        writeln!(page, "| {version} | {browser} | {transport} | {events} | {others} |")?;
    }
    writeln!(
        page,
        "| 1.4.0 to 1.5.3 | | | not run | an npm override: docs/realtime.md |"
    )?;
    writeln!(
        page,
        "| 1.0.0 to 1.3.2 | | | not run | a host mapping: docs/realtime.md |"
    )?;
    Ok(())
}

fn table(page: &mut String, service: &Service, coverage: &Coverage) -> Result<()> {
    writeln!(page, "\n## {}\n", service.name)?;
    let versions: Vec<_> = service.versions.iter().map(ToString::to_string).collect();
    writeln!(page, "| operation | {} |", versions.join(" | "))?;
    writeln!(page, "| --- |{}", " --- |".repeat(versions.len()))?;
    for endpoint in service.endpoints {
        let cells: Vec<_> = service
            .versions
            .iter()
            .map(|version| match endpoint.served_in(*version) {
                None => "-".to_owned(),
                Some(_) => cell(service, endpoint.op, *version, coverage),
            })
            .collect();
        writeln!(page, "| {} | {} |", endpoint.op, cells.join(" | "))?;
    }
    Ok(())
}

fn cell(service: &Service, op: &str, version: ApiVersion, coverage: &Coverage) -> String {
    let name = format!("{} {op} {version}", service.name);
    let suites: Vec<_> = coverage
        .iter()
        .filter(|(_, used)| used.contains(&name))
        .map(|(suite, _)| suite.as_str())
        .collect();
    if suites.is_empty() {
        "served".to_owned()
    } else {
        suites.join(", ")
    }
}
