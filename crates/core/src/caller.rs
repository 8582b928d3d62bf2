//! Who is asking, once a request has proved it.

use std::fmt;
use std::str::FromStr;

use crate::ids::{ResourceId, UserId};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Caller {
    pub resource: ResourceId,
    pub who: Who,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Who {
    /// Signed with one of the resource's access keys.
    Key(KeySlot),
    /// A user with an access token.
    User { id: UserId, scopes: Scopes },
    /// The operator of this server, by the admin token.
    Operator,
}

/// Every resource has two access keys, so that one can be rotated while the other is in use.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum KeySlot {
    Primary,
    Secondary,
}

impl KeySlot {
    pub const ALL: [Self; 2] = [Self::Primary, Self::Secondary];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Primary => "primary",
            Self::Secondary => "secondary",
        }
    }
}

impl FromStr for KeySlot {
    type Err = ();
    fn from_str(text: &str) -> Result<Self, ()> {
        Self::ALL
            .into_iter()
            .find(|slot| slot.as_str().eq_ignore_ascii_case(text))
            .ok_or(())
    }
}

/// What a user access token allows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[repr(u8)]
pub enum Scope {
    Chat = 1,
    Voip = 2,
    ChatJoin = 4,
    ChatJoinLimited = 8,
    VoipJoin = 16,
}

impl Scope {
    pub const ALL: [Self; 5] = [
        Self::Chat,
        Self::Voip,
        Self::ChatJoin,
        Self::ChatJoinLimited,
        Self::VoipJoin,
    ];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Chat => "chat",
            Self::Voip => "voip",
            Self::ChatJoin => "chat.join",
            Self::ChatJoinLimited => "chat.join.limited",
            Self::VoipJoin => "voip.join",
        }
    }
}

impl FromStr for Scope {
    type Err = ();
    fn from_str(text: &str) -> Result<Self, ()> {
        Self::ALL.into_iter().find(|scope| scope.as_str() == text).ok_or(())
    }
}

/// A set of [`Scope`]s.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Scopes(u8);

impl Scopes {
    pub const NONE: Self = Self(0);
    /// May create, change and delete chat threads.
    pub const CHAT_OWN: Self = Self::of(&[Scope::Chat]);
    /// May add and remove participants.
    pub const CHAT_INVITE: Self = Self::of(&[Scope::Chat, Scope::ChatJoin]);
    /// May read and write in threads that the user is in.
    pub const CHAT_USE: Self = Self::of(&[Scope::Chat, Scope::ChatJoin, Scope::ChatJoinLimited]);

    pub const fn of(scopes: &[Scope]) -> Self {
        let mut bits = 0;
        let mut i = 0;
        while i < scopes.len() {
            bits |= scopes[i] as u8;
            i += 1;
        }
        Self(bits)
    }
    pub fn insert(&mut self, scope: Scope) {
        self.0 |= scope as u8;
    }
    pub fn is_empty(self) -> bool {
        self.0 == 0
    }
    /// Whether at least one scope is in both.
    pub fn any_of(self, other: Self) -> bool {
        self.0 & other.0 != 0
    }
    pub fn iter(self) -> impl Iterator<Item = Scope> {
        Scope::ALL.into_iter().filter(move |scope| self.0 & *scope as u8 != 0)
    }
}

/// Joined by commas, as tokens carry them in `acsScope`.
impl fmt::Display for Scopes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, scope) in self.iter().enumerate() {
            if i > 0 {
                f.write_str(",")?;
            }
            f.write_str(scope.as_str())?;
        }
        Ok(())
    }
}

impl fmt::Debug for Scopes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Scopes({self})")
    }
}

impl FromStr for Scopes {
    /// The part that is no scope.
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        let mut scopes = Self::NONE;
        for part in text.split(',').map(str::trim).filter(|part| !part.is_empty()) {
            scopes.insert(part.parse().map_err(|()| part.to_owned())?);
        }
        Ok(scopes)
    }
}
