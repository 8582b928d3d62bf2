//! The limits of a server: ACS's own as a profile to test an app against, and the default profile
//! that keeps only what protects a server.

use std::ops::RangeInclusive;
use std::str::FromStr;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Profile {
    /// samband's own: no vendor caps.
    #[default]
    Default,
    /// Azure Communication Services' published limits.
    Acs,
}

impl FromStr for Profile {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "default" => Ok(Self::Default),
            "acs" => Ok(Self::Acs),
            other => Err(format!("'{other}' is not a limits profile (default, acs)")),
        }
    }
}

/// Each limit of the capabilities, resolved from the profile and the configuration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// Participants in one create or add request.
    pub participants_per_request: usize,
    /// Participants in one thread; `None` = no cap.
    pub participants_per_thread: Option<usize>,
    /// Above this many members, receipts and typing are refused; `None` = never refused.
    pub receipts_and_typing_members: Option<usize>,
    /// UTF-8 bytes of a message's content.
    pub message_bytes: usize,
    /// Days after its creation that a retention policy may delete a thread at.
    pub retention_days: RangeInclusive<i64>,
    /// Bytes of an uploaded image.
    pub image_bytes: usize,
    /// Whether ACS's published request rates are enforced.
    pub rates: bool,
}

/// About 28 KB in ACS's documents.
pub const MESSAGE_BYTES: usize = 28_672;
/// ACS states none; 10 MiB takes what cameras of telephones make.
pub const IMAGE_BYTES: usize = 10 << 20;

impl Limits {
    pub fn of(profile: Profile) -> Self {
        match profile {
            Profile::Default => Self {
                participants_per_request: 10_000,
                participants_per_thread: None,
                receipts_and_typing_members: None,
                message_bytes: MESSAGE_BYTES,
                // A century; days beyond it would not fit every column.
                retention_days: 1..=36_500,
                image_bytes: IMAGE_BYTES,
                rates: false,
            },
            Profile::Acs => Self {
                participants_per_request: 200,
                participants_per_thread: Some(250),
                receipts_and_typing_members: Some(20),
                message_bytes: MESSAGE_BYTES,
                retention_days: 30..=90,
                image_bytes: IMAGE_BYTES,
                rates: true,
            },
        }
    }
}
