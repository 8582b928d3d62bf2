//! The endpoint table: each operation with its own history. The router, the metrics and the
//! compatibility page read it, so they cannot disagree.

use samband_core::Scopes;

use crate::about::About;
use crate::error::Envelope;
use crate::version::ApiVersion;

/// A group of operations that share their api-versions.
#[derive(Debug)]
pub struct Service {
    pub name: &'static str,
    /// Every version that is known, oldest first; empty where paths take no api-version.
    pub versions: &'static [ApiVersion],
    /// The form of errors in a version.
    pub envelope: fn(ApiVersion) -> Envelope,
    pub endpoints: &'static [Endpoint],
    /// ACS's published request rates, enforced by the `acs` limits profile.
    pub rates: &'static [Rate],
    /// Each operation in words.
    pub about: &'static [About],
}

/// Requests of an operation that ACS takes within windows of time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rate {
    pub op: &'static str,
    pub scope: RateScope,
    /// Requests, and the seconds of the window that they are counted in.
    pub windows: &'static [(u32, u32)],
}

/// Whose requests are counted together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum RateScope {
    Resource,
    User,
    /// The first parameter of the path.
    Thread,
    UserAndThread,
}

impl Rate {
    pub const fn new(op: &'static str, scope: RateScope, windows: &'static [(u32, u32)]) -> Self {
        Self { op, scope, windows }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Method {
    Get,
    Post,
    Put,
    Patch,
    Delete,
}

impl Method {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Get => "GET",
            Self::Post => "POST",
            Self::Put => "PUT",
            Self::Patch => "PATCH",
            Self::Delete => "DELETE",
        }
    }
}

/// Who may call an operation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Auth {
    /// A user access token with at least one of these scopes.
    User(Scopes),
    /// A request signed with an access key of the resource.
    Key,
    /// The operator's admin token.
    Admin,
    Open,
}

#[derive(Debug)]
pub struct Endpoint {
    /// The operation's name in the newest published contract, without its group.
    pub op: &'static str,
    pub auth: Auth,
    /// Where and when it is served; periods of one operation do not overlap.
    pub history: &'static [Served],
    /// Its body is a file, with a limit of its own.
    pub takes_file: bool,
    /// The form of its errors, where that is not its service's.
    pub envelope: Option<Envelope>,
}

/// A period of api-versions in which an operation is found at one place.
#[derive(Debug, Clone, Copy)]
pub struct Served {
    pub method: Method,
    pub path: &'static str,
    /// The status of success.
    pub success: u16,
    pub since: ApiVersion,
    /// The first version that does not have it any more.
    pub until: Option<ApiVersion>,
}

impl Served {
    /// Served in every version, or on a path that takes none.
    pub const fn always(method: Method, path: &'static str, success: u16) -> Self {
        Self {
            method,
            path,
            success,
            since: ApiVersion::NONE,
            until: None,
        }
    }
    pub const fn since(mut self, version: ApiVersion) -> Self {
        self.since = version;
        self
    }
    pub const fn until(mut self, version: ApiVersion) -> Self {
        self.until = Some(version);
        self
    }
    pub fn covers(&self, version: ApiVersion) -> bool {
        self.since <= version && self.until.is_none_or(|until| version < until)
    }
}

impl Endpoint {
    pub const fn new(op: &'static str, auth: Auth, history: &'static [Served]) -> Self {
        Self {
            op,
            auth,
            history,
            takes_file: false,
            envelope: None,
        }
    }
    pub const fn with_errors(mut self, envelope: Envelope) -> Self {
        self.envelope = Some(envelope);
        self
    }
    pub const fn with_file(mut self) -> Self {
        self.takes_file = true;
        self
    }
    pub fn served_in(&self, version: ApiVersion) -> Option<&'static Served> {
        self.history.iter().find(|served| served.covers(version))
    }
}

impl Service {
    /// What is wrong with the table, for a test of each service: overlaps, unordered versions, what nothing is said of.
    pub fn faults(&self) -> Vec<String> {
        let mut faults = self.faults_of_about();
        if !self.versions.is_sorted_by(|a, b| a < b) {
            faults.push("versions are not in order".into());
        }
        for rate in self.rates {
            if !self.endpoints.iter().any(|endpoint| endpoint.op == rate.op) {
                faults.push(format!("{} has a rate and no endpoint", rate.op));
            }
        }
        for endpoint in self.endpoints {
            for version in self.versions {
                if endpoint.history.iter().filter(|served| served.covers(*version)).count() > 1 {
                    faults.push(format!("{} is served twice in {version}", endpoint.op));
                }
            }
        }
        faults
    }
}
