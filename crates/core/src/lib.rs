//! The words that every room of samband shares: identifiers, time, chance, callers, limits.
//! Tiny and rarely changed, because everything is rebuilt when it is.

pub mod caller;
pub mod ids;
pub mod limits;
pub mod note;
pub mod private;
pub mod random;
pub mod time;

pub use caller::{Caller, KeySlot, Scope, Scopes, Who};
pub use ids::{IdError, Identifier, ImageId, LogPosition, ResourceId, Stamp, StreamId, ThreadId, UserId};
pub use limits::{Limits, Profile};
pub use note::{Kind, Note, Publish};
pub use private::{Personal, Secret};
pub use random::{Random, SystemRandom};
pub use time::{Clock, ManualClock, Millis, Stopwatch, SystemClock};
