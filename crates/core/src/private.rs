//! Values that must not reach a log: wrapped so that only a deliberate call shows them.

use std::fmt;

/// A key, token or password.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Secret<T>(T);

/// What belongs to a person: message text, display name, phone number.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Personal<T>(T);

macro_rules! private {
    ($name:ident, $shown:literal) => {
        impl<T> $name<T> {
            pub fn new(value: T) -> Self {
                Self(value)
            }
            /// The value itself, for where it is used and not where it is written down.
            pub fn reveal(&self) -> &T {
                &self.0
            }
            pub fn into_inner(self) -> T {
                self.0
            }
        }
        impl<T> fmt::Debug for $name<T> {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str($shown)
            }
        }
    };
}
private!(Secret, "[secret]");
private!(Personal, "[personal]");
