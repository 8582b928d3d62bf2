//! `docs/operations.md`: a section for each operation, made from the endpoint tables and from what is said beside
//! them, with the values of the limits.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use samband_core::{Limits, Profile, Scope, Scopes};
use samband_wire_core::{About, Auth, Endpoint, Field, Kind, Object, Rate, RateScope, Served, Service};

const INTRODUCTION: &str = "\
# Operations

Made by `cargo run -p xtask -- operations` from the endpoint tables; CI fails when it is out of date.

Each operation in the newest api-version that has it; `docs/compat.md` says which versions there are, and older ones
differ as Microsoft's documents of them say. What requests have in common (signatures, tokens, api-versions, paging,
the envelope of errors) is in [rest.md](rest.md).

- Text is UTF-8 and its bytes are counted. Times are RFC 3339 in UTC. `null` for an optional field means that it is
  absent.
- Limits are samband's own; in brackets those of `--limits acs`. Request rates are enforced with `--limits acs` alone,
  and refused tries count too.

## What every operation answers

| status | code | when |
| --- | --- | --- |
| 400 | `UnsupportedApiVersion` | the operation has api-versions, and the request names none, or none that is well formed |
| 401 | `Unauthorized` | nothing proves who calls, or what should prove it does not hold |
| 403 | `Forbidden` | the token has none of the scopes named |
| 408 | `RequestTimeout` | the body did not arrive within 60 s |
| 413 | `RequestBodyTooLarge` | the body is longer than `[server] max_body_bytes` |
| 415 | `UnsupportedMediaType` | `Content-Type` says that the body is not JSON |
| 429 | `TooManyRequests` | with `--limits acs`, more requests than the rates named; `Retry-After` says when to try again |
| 503 | `ServiceUnavailable` | the store cannot take or answer it now; nothing was acknowledged; `Retry-After` |

";

pub fn write(root: &Path) -> Result<()> {
    std::fs::write(file(root), page()?)?;
    Ok(())
}

pub fn check(root: &Path) -> Result<()> {
    let kept = std::fs::read_to_string(file(root)).unwrap_or_default();
    if kept != page()? {
        bail!("docs/operations.md is out of date: run `cargo run -p xtask -- operations`");
    }
    Ok(())
}

fn file(root: &Path) -> PathBuf {
    root.join("docs/operations.md")
}

fn page() -> Result<String> {
    let mut page = INTRODUCTION.to_owned();
    let mut sections = BTreeSet::new();
    for service in samband_server::services() {
        writeln!(page, "## {}\n", service.name)?;
        if let (Some(first), Some(last)) = (service.versions.first(), service.versions.last()) {
            let count = service.versions.len();
            writeln!(page, "{count} api-versions, {first} to {last}.\n")?;
        }
        let types = Types::of(service)?;
        for endpoint in service.endpoints {
            let about = service.about(endpoint.op);
            let about = about.with_context(|| format!("nothing is said about {}", endpoint.op))?;
            if !sections.insert(anchor(endpoint.op)) {
                bail!("{} is an operation or a type twice", endpoint.op);
            }
            operation(&mut page, service, endpoint, about, &types)?;
        }
        let shared: Vec<_> = types.shared().collect();
        if !shared.is_empty() {
            writeln!(page, "### Types of {}\n", service.name)?;
        }
        for object in shared {
            if !sections.insert(anchor(object.name)) {
                bail!("{} is an operation or a type twice", object.name);
            }
            writeln!(page, "#### {}\n", object.name)?;
            fields(&mut page, object)?;
        }
    }
    let page = limits(&page);
    // In braces there are parameters of paths, and else only limits.
    if let Some(line) = page.lines().find(|line| line.replace("/{", "").contains('{')) {
        bail!("a limit that is not known: {line}");
    }
    Ok(page.trim_end().to_owned() + "\n")
}

fn operation(page: &mut String, service: &Service, endpoint: &Endpoint, about: &About, types: &Types) -> Result<()> {
    writeln!(page, "### {}\n\n{}\n", endpoint.op, about.what)?;
    if service.versions.is_empty() {
        let served = endpoint.history.first().context("an operation that is nowhere")?;
        let (method, path) = (served.method.as_str(), served.path);
        writeln!(page, "`{method} {path}`, answered with {}.\n", served.success)?;
    } else {
        writeln!(page, "| api-versions | request | success |\n| --- | --- | --- |")?;
        for served in endpoint.history {
            let (method, path, success) = (served.method.as_str(), served.path, served.success);
            if let Some(period) = period(service, served) {
                writeln!(page, "| {period} | `{method} {path}` | {success} |")?;
            }
        }
        writeln!(page)?;
    }
    writeln!(page, "Who may call: {}.\n", who(endpoint.auth))?;
    let rates: Vec<_> = service
        .rates
        .iter()
        .filter(|rate| rate.op == endpoint.op)
        .map(rate)
        .collect();
    if !rates.is_empty() {
        writeln!(page, "With `--limits acs`: at most {}.\n", rates.join("; "))?;
    }
    for (title, list) in [("Query", about.query), ("Headers", about.headers)] {
        if !list.is_empty() {
            writeln!(page, "{title}:\n")?;
            table(page, list)?;
        }
    }
    if let Some(body) = about.body {
        let optional = if about.body_optional { " (may be left out)" } else { "" };
        described(page, &format!("Body{optional}"), body, types)?;
    }
    if let Some(answer) = about.answer {
        described(page, "Answer", answer, types)?;
    }
    if !about.refusals.is_empty() {
        writeln!(page, "| status | code | when |\n| --- | --- | --- |")?;
        for refusal in about.refusals {
            writeln!(page, "| {} | `{}` | {} |", refusal.status, refusal.code, refusal.when)?;
        }
        writeln!(page)?;
    }
    let everywhere = "[what every operation answers](#what-every-operation-answers)";
    let besides = if about.refusals.is_empty() {
        "Refusals:"
    } else {
        "Besides, of"
    };
    writeln!(
        page,
        "{besides} {everywhere}: {}.\n",
        common(service, endpoint, about, !rates.is_empty())
    )?;
    Ok(())
}

/// The statuses that need not be said with each operation.
fn common(service: &Service, endpoint: &Endpoint, about: &About, rated: bool) -> String {
    let takes_body = about.body.is_some() || endpoint.takes_file;
    let statuses = [
        (400, !service.versions.is_empty()),
        (401, endpoint.auth != Auth::Open),
        (403, matches!(endpoint.auth, Auth::User(_))),
        (408, takes_body),
        (413, takes_body),
        (415, about.body.is_some()),
        (429, rated),
        (503, true),
    ];
    let statuses = statuses.into_iter().filter(|(_, answered)| *answered);
    let statuses: Vec<_> = statuses.map(|(status, _)| status.to_string()).collect();
    statuses.join(", ")
}

/// The api-versions of a period, which are neighbours.
fn period(service: &Service, served: &Served) -> Option<String> {
    let covered: Vec<_> = service
        .versions
        .iter()
        .filter(|version| served.covers(**version))
        .collect();
    let (first, last) = (covered.first()?, covered.last()?);
    let from_the_first = service.versions.first() == Some(first);
    let to_the_last = service.versions.last() == Some(last);
    Some(match (from_the_first, to_the_last, first == last) {
        (true, true, _) => "all".to_owned(),
        (_, _, true) => first.to_string(),
        (_, true, _) => format!("{first} and later"),
        (_, false, _) => format!("{first} to {last}"),
    })
}

fn who(auth: Auth) -> String {
    match auth {
        Auth::User(scopes) => format!("a user, with a token that has the scope {}", scope_names(scopes)),
        Auth::Key => {
            "a back end, by signing with an access key of the resource; the operator, with the admin token".to_owned()
        }
        Auth::Admin => "the operator, with the admin token".to_owned(),
        Auth::Open => "anybody".to_owned(),
    }
}

fn scope_names(scopes: Scopes) -> String {
    let names = Scope::ALL
        .into_iter()
        .filter(|scope| scopes.any_of(Scopes::of(&[*scope])));
    let names: Vec<_> = names.map(|scope| format!("`{}`", scope.as_str())).collect();
    names.join(" or ")
}

fn rate(rate: &Rate) -> String {
    let windows = rate.windows.iter();
    let windows: Vec<_> = windows
        .map(|(requests, seconds)| format!("{} in {seconds} s", number(*requests as usize)))
        .collect();
    let whose = match rate.scope {
        RateScope::Resource => "for the resource",
        RateScope::User => "for a user",
        RateScope::Thread => "for a thread",
        RateScope::UserAndThread => "for a user in a thread",
    };
    format!("{} {whose}", windows.join(" and "))
}

/// A body or an answer: its fields here, or a link to where they are told for all who use them.
fn described(page: &mut String, title: &str, object: &'static Object, types: &Types) -> Result<()> {
    if types.is_shared(object) {
        writeln!(page, "{title}: {}\n", link(object))?;
    } else {
        writeln!(page, "{title}, `{}`:\n", object.name)?;
        fields(page, object)?;
    }
    Ok(())
}

fn fields(page: &mut String, object: &Object) -> Result<()> {
    if !object.what.is_empty() {
        writeln!(page, "{}\n", object.what)?;
    }
    if !object.fields.is_empty() {
        table(page, object.fields)?;
    }
    Ok(())
}

fn table(page: &mut String, fields: &[Field]) -> Result<()> {
    writeln!(page, "| field | type | required | |\n| --- | --- | --- | --- |")?;
    for field in fields {
        let required = if field.required { "yes" } else { "" };
        let kind = kind(&field.kind);
        writeln!(page, "| `{}` | {kind} | {required} | {} |", field.name, field.what)?;
    }
    writeln!(page)?;
    Ok(())
}

fn kind(kind: &Kind) -> String {
    const OPEN: i64 = i32::MAX as i64;
    match kind {
        Kind::Text => "text".to_owned(),
        Kind::Time => "time".to_owned(),
        Kind::Whole { least, most: OPEN.. } => format!("whole number, {least} or more"),
        Kind::Whole { least, most } => format!("whole number, {least} to {}", number(*most as usize)),
        Kind::Flag => "`true` or `false`".to_owned(),
        Kind::Map => "object of text".to_owned(),
        Kind::MapPatch => "object of text; `null` removes a key".to_owned(),
        Kind::OneOf(values) => values
            .iter()
            .map(|value| format!("`{value}`"))
            .collect::<Vec<_>>()
            .join(", "),
        Kind::Texts => "list of text".to_owned(),
        Kind::Object(object) => link(object),
        Kind::List(item) => format!("list of {}", link(item)),
    }
}

fn link(object: &Object) -> String {
    format!("[{}](#{})", object.name, anchor(object.name))
}

fn anchor(heading: &str) -> String {
    heading.to_lowercase().replace(' ', "-")
}

/// 28,672
fn number(value: usize) -> String {
    let digits = value.to_string();
    let groups: Vec<_> = digits
        .as_bytes()
        .rchunks(3)
        .rev()
        .map(String::from_utf8_lossy)
        .collect();
    groups.join(",")
}

/// Puts in the limits of both profiles.
fn limits(page: &str) -> String {
    let (own, acs) = (Limits::of(Profile::Default), Limits::of(Profile::Acs));
    let values = |limits: &Limits| {
        [
            ("{participants_per_request}", Some(limits.participants_per_request)),
            ("{participants_per_thread}", limits.participants_per_thread),
            ("{receipts_and_typing_members}", limits.receipts_and_typing_members),
            ("{message_bytes}", Some(limits.message_bytes)),
            ("{image_bytes}", Some(limits.image_bytes)),
        ]
    };
    let mut page = page.to_owned();
    for ((name, own), (_, acs)) in values(&own).into_iter().zip(values(&acs)) {
        let value = match (own, acs) {
            (Some(own), Some(acs)) if own != acs => format!("{} (`acs`: {})", number(own), number(acs)),
            (Some(own), _) => number(own),
            (None, Some(acs)) => format!("{} (`acs` alone)", number(acs)),
            (None, None) => "any number of".to_owned(),
        };
        page = page.replace(name, &value);
    }
    let days = |limits: &Limits| {
        let (least, most) = (limits.retention_days.start(), limits.retention_days.end());
        format!("{least} to {}", number(most.unsigned_abs() as usize))
    };
    page.replace("{retention_days}", &format!("{} (`acs`: {})", days(&own), days(&acs)))
}

/// How often the objects of a service are referred to: what one operation alone uses is told with it.
struct Types {
    uses: BTreeMap<&'static str, (usize, &'static Object)>,
}

impl Types {
    fn of(service: &'static Service) -> Result<Self> {
        let mut types = Self { uses: BTreeMap::new() };
        for about in service.about {
            for object in [about.body, about.answer].into_iter().flatten() {
                types.count(object, 1)?;
            }
        }
        Ok(types)
    }

    fn count(&mut self, object: &'static Object, uses: usize) -> Result<()> {
        let entry = self.uses.entry(object.name).or_insert((0, object));
        if !std::ptr::eq(entry.1, object) {
            bail!("{} is the name of two types", object.name);
        }
        let first = entry.0 == 0;
        entry.0 += uses;
        for field in object.fields.iter().filter(|_| first) {
            if let Kind::Object(inner) | Kind::List(inner) = field.kind {
                // Never told with an operation, for it belongs to a field.
                self.count(inner, 2)?;
            }
        }
        Ok(())
    }

    fn is_shared(&self, object: &Object) -> bool {
        self.uses.get(object.name).is_some_and(|(uses, _)| *uses > 1)
    }

    fn shared(&self) -> impl Iterator<Item = &'static Object> {
        self.uses
            .values()
            .filter(|(uses, _)| *uses > 1)
            .map(|(_, object)| *object)
    }
}
