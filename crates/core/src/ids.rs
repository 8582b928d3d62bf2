//! Identifiers as the wire writes them (raw ids, also called MRIs) and as the store keeps them.
//!
//! A communication user is `8:acs:<resource guid>_<user guid>`, a chat thread
//! `19:<32 hex digits>@thread.v2`. The store keeps only the 16 bytes that vary.

use std::fmt;
use std::str::FromStr;

use uuid::Uuid;

use crate::random::Random;
use crate::time::Millis;

/// Why a text is not the identifier that was expected.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("'{shown}' is not {expected}")]
pub struct IdError {
    shown: String,
    expected: &'static str,
}

impl IdError {
    fn new(text: &str, expected: &'static str) -> Self {
        // An identifier is at most some 80 characters: what is longer is not worth repeating whole.
        let shown = text.chars().take(100).collect();
        Self { shown, expected }
    }
}

macro_rules! guid_id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub struct $name(Uuid);

        impl $name {
            pub fn from_bytes(bytes: [u8; 16]) -> Self {
                Self(Uuid::from_bytes(bytes))
            }
            pub fn as_bytes(&self) -> &[u8; 16] {
                self.0.as_bytes()
            }
            /// A new identifier, ordered by time (UUID version 7, RFC 9562), so that what is
            /// created together is stored together.
            pub fn new(now: Millis, random: &dyn Random) -> Self {
                let mut tail = [0; 10];
                random.fill(&mut tail);
                Self(uuid::Builder::from_unix_timestamp_millis(now.0.max(0) as u64, &tail).into_uuid())
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!(stringify!($name), "({})"), self.0)
            }
        }
    };
}

guid_id!(
    /// The immutable id of a resource (ARM's `immutableResourceId`).
    ResourceId
);
guid_id!(
    /// The user's own half of a communication user's id; the other half is its resource.
    UserId
);
guid_id!(
    /// A chat thread, `19:<32 hex digits>@thread.v2`.
    ThreadId
);
guid_id!(
    /// An image in a chat thread.
    ImageId
);

impl fmt::Display for ImageId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl FromStr for ImageId {
    type Err = IdError;
    fn from_str(text: &str) -> Result<Self, IdError> {
        parse_hyphenated(text)
            .map(Self)
            .ok_or_else(|| IdError::new(text, "an image id"))
    }
}

impl fmt::Display for ResourceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl FromStr for ResourceId {
    type Err = IdError;
    fn from_str(text: &str) -> Result<Self, IdError> {
        parse_hyphenated(text)
            .map(Self)
            .ok_or_else(|| IdError::new(text, "a resource id (a GUID)"))
    }
}

fn parse_hyphenated(text: &str) -> Option<Uuid> {
    if text.len() != 36 {
        return None;
    }
    Uuid::try_parse(text).ok()
}

impl UserId {
    /// `8:acs:<resource guid>_<user guid>`
    pub fn raw_id(&self, resource: ResourceId) -> String {
        // Written by hand: this stands in every message of every page.
        let mut buffer = [0u8; 36];
        let mut raw = String::with_capacity(79);
        raw.push_str("8:acs:");
        raw.push_str(resource.0.hyphenated().encode_lower(&mut buffer));
        raw.push('_');
        raw.push_str(self.0.hyphenated().encode_lower(&mut buffer));
        raw
    }
}

impl fmt::Display for ThreadId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "19:{}@thread.v2", self.0.simple())
    }
}

impl FromStr for ThreadId {
    type Err = IdError;
    fn from_str(text: &str) -> Result<Self, IdError> {
        text.strip_prefix("19:")
            .and_then(|rest| rest.strip_suffix("@thread.v2"))
            .filter(|hex| hex.len() == 32 && hex.bytes().all(|b| b.is_ascii_hexdigit()))
            .and_then(|hex| Uuid::try_parse(hex).ok())
            .map(Self)
            .ok_or_else(|| IdError::new(text, "a chat thread id (19:<32 hex digits>@thread.v2)"))
    }
}

/// What orders a log: a chat thread today; a user, a resource or a call later.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct StreamId(pub [u8; 16]);

impl From<ThreadId> for StreamId {
    fn from(thread: ThreadId) -> Self {
        Self(*thread.as_bytes())
    }
}
impl From<UserId> for StreamId {
    fn from(user: UserId) -> Self {
        Self(*user.as_bytes())
    }
}
impl From<ResourceId> for StreamId {
    fn from(resource: ResourceId) -> Self {
        Self(*resource.as_bytes())
    }
}

/// The clock of one stream: `max(store time in ms, last stamp + 1)`. A message's id is its stamp.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Stamp(pub i64);

impl fmt::Display for Stamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl FromStr for Stamp {
    type Err = IdError;
    fn from_str(text: &str) -> Result<Self, IdError> {
        let digits = !text.is_empty() && text.len() <= 18 && text.bytes().all(|b| b.is_ascii_digit());
        digits
            .then(|| text.parse().ok())
            .flatten()
            .map(Self)
            .ok_or_else(|| IdError::new(text, "a message id (decimal digits)"))
    }
}

/// A place in the store's log: what was stored later stands higher. 0 is before everything, and is
/// the place of what is heard without being stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub struct LogPosition(pub i64);

/// Any identifier of the field, told apart by the form of its raw id.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Identifier {
    CommunicationUser { resource: ResourceId, user: UserId },
    PhoneNumber(String),
    MicrosoftTeamsUser(String),
    MicrosoftTeamsApp(String),
    Unknown(String),
}

impl Identifier {
    pub fn from_raw_id(raw: &str) -> Self {
        if let Some(rest) = raw.strip_prefix("8:acs:")
            && let Some((resource, user)) = rest.split_once('_')
            && let (Some(resource), Some(user)) = (parse_hyphenated(resource), parse_hyphenated(user))
        {
            return Self::CommunicationUser {
                resource: ResourceId(resource),
                user: UserId(user),
            };
        }
        if let Some(number) = raw.strip_prefix("4:") {
            return Self::PhoneNumber(number.to_owned());
        }
        const TEAMS_USER: [&str; 4] = ["8:orgid:", "8:gcch:", "8:dod:", "8:teamsvisitor:"];
        if TEAMS_USER.iter().any(|prefix| raw.starts_with(prefix)) {
            return Self::MicrosoftTeamsUser(raw.to_owned());
        }
        if ["28:orgid:", "28:gcch:", "28:dod:"]
            .iter()
            .any(|prefix| raw.starts_with(prefix))
        {
            return Self::MicrosoftTeamsApp(raw.to_owned());
        }
        Self::Unknown(raw.to_owned())
    }

    pub fn raw_id(&self) -> String {
        match self {
            Self::CommunicationUser { resource, user } => user.raw_id(*resource),
            Self::PhoneNumber(number) => format!("4:{number}"),
            Self::MicrosoftTeamsUser(raw) | Self::MicrosoftTeamsApp(raw) | Self::Unknown(raw) => raw.clone(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn raw_ids_come_back_as_they_were() {
        for raw in [
            "8:acs:0b1ad2f1-1111-4c5d-8a4e-0123456789ab_00000008-578d-7caf-07fd-084822001724",
            "4:+14255550123",
            "8:orgid:3f2504e0-4f89-11d3-9a0c-0305e82c3301",
            "28:orgid:3f2504e0-4f89-11d3-9a0c-0305e82c3301",
            "8:echo123",
            "8:acs:not-a-guid_either",
            "",
        ] {
            assert_eq!(Identifier::from_raw_id(raw).raw_id(), raw);
        }
    }

    #[test]
    fn a_thread_id_is_hex_between_fixed_ends() {
        let text = "19:0123456789abcdef0123456789abcdef@thread.v2";
        assert_eq!(text.parse::<ThreadId>().unwrap().to_string(), text);
        for wrong in [
            "",
            "19:@thread.v2",
            "19:0123@thread.v2",
            "19:0123456789abcdef0123456789abcdef@thread.tacv2",
        ] {
            assert!(wrong.parse::<ThreadId>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_message_id_is_digits_only() {
        assert_eq!("1613694358927".parse(), Ok(Stamp(1_613_694_358_927)));
        for wrong in ["", "-1", "+1", "1.0", "99999999999999999999"] {
            assert!(wrong.parse::<Stamp>().is_err(), "{wrong}");
        }
    }
}
