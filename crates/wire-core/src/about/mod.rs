//! What people are told of an operation beside what the endpoint table says. `docs/operations.md` and the OpenAPI
//! document of the admin API are made from both.

pub mod testing;

use crate::endpoint::{Endpoint, Service};

/// An operation in words, and what goes in and out of it in the newest api-version.
#[derive(Debug)]
pub struct About {
    /// The endpoint's.
    pub op: &'static str,
    /// What it does, in Markdown. `{name}` stands for a limit of that name: docs/operations.md puts in its values.
    pub what: &'static str,
    pub query: &'static [Field],
    pub headers: &'static [Field],
    pub body: Option<&'static Object>,
    /// Whether the body may be left out.
    pub body_optional: bool,
    pub answer: Option<&'static Object>,
    /// What it refuses beside what every operation does.
    pub refusals: &'static [Refusal],
}

impl About {
    pub const fn of(op: &'static str, what: &'static str) -> Self {
        Self {
            op,
            what,
            query: &[],
            headers: &[],
            body: None,
            body_optional: false,
            answer: None,
            refusals: &[],
        }
    }
    pub const fn query(mut self, query: &'static [Field]) -> Self {
        self.query = query;
        self
    }
    pub const fn headers(mut self, headers: &'static [Field]) -> Self {
        self.headers = headers;
        self
    }
    pub const fn takes(mut self, body: &'static Object) -> Self {
        self.body = Some(body);
        self
    }
    pub const fn may_take(mut self, body: &'static Object) -> Self {
        self.body_optional = true;
        self.takes(body)
    }
    pub const fn answers(mut self, answer: &'static Object) -> Self {
        self.answer = Some(answer);
        self
    }
    pub const fn refuses(mut self, refusals: &'static [Refusal]) -> Self {
        self.refusals = refusals;
        self
    }
}

/// A JSON object of the wire.
#[derive(Debug)]
pub struct Object {
    /// As the published contracts call it, where they do.
    pub name: &'static str,
    /// What it is, where its fields do not say it.
    pub what: &'static str,
    pub fields: &'static [Field],
}

impl Object {
    pub const fn new(name: &'static str, what: &'static str, fields: &'static [Field]) -> Self {
        Self { name, what, fields }
    }
}

/// A field of an object, or a parameter.
#[derive(Debug)]
pub struct Field {
    pub name: &'static str,
    pub kind: Kind,
    pub required: bool,
    pub what: &'static str,
}

impl Field {
    pub const fn required(name: &'static str, kind: Kind, what: &'static str) -> Self {
        Self {
            name,
            kind,
            required: true,
            what,
        }
    }
    pub const fn optional(name: &'static str, kind: Kind, what: &'static str) -> Self {
        Self {
            required: false,
            ..Self::required(name, kind, what)
        }
    }
}

#[derive(Debug, Clone, Copy)]
pub enum Kind {
    Text,
    /// RFC 3339.
    Time,
    Whole {
        least: i64,
        most: i64,
    },
    Flag,
    /// Keys to text.
    Map,
    /// Keys to text or null, which removes the key (RFC 7396).
    MapPatch,
    OneOf(&'static [&'static str]),
    Object(&'static Object),
    List(&'static Object),
    Texts,
}

/// An error that an operation can answer.
#[derive(Debug)]
pub struct Refusal {
    pub status: u16,
    pub code: &'static str,
    pub when: &'static str,
}

impl Refusal {
    pub const fn new(status: u16, code: &'static str, when: &'static str) -> Self {
        Self { status, code, when }
    }
}

impl Service {
    pub fn about(&self, op: &str) -> Option<&'static About> {
        self.about.iter().find(|about| about.op == op)
    }

    /// Endpoints that nothing is said about, and what is said about none.
    pub(crate) fn faults_of_about(&self) -> Vec<String> {
        let untold = |endpoint: &&Endpoint| self.about(endpoint.op).is_none();
        let untold = self.endpoints.iter().filter(untold).map(|endpoint| endpoint.op);
        let stale = |about: &&About| !self.endpoints.iter().any(|endpoint| endpoint.op == about.op);
        let stale = self.about.iter().filter(stale).map(|about| about.op);
        let untold = untold.map(|op| format!("nothing is said about {op}"));
        untold
            .chain(stale.map(|op| format!("{op} is told about and has no endpoint")))
            .collect()
    }
}
