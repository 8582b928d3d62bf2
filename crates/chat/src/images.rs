//! What is done with an image's bytes before they are stored: its kind is found, it is decoded, and made small.

mod kind;
mod scale;
mod whole;
mod workshop;

pub use kind::ImageKind;
pub use workshop::Workshop;

/// Longer sides of `small` have this many pixels at most.
pub const SMALL_PIXELS: u32 = 240;

/// An image that may be stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Looked {
    pub kind: ImageKind,
    /// None where the original is small enough, or cannot be decoded here.
    pub small: Option<Small>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Small {
    pub kind: ImageKind,
    pub bytes: Vec<u8>,
}

/// Why a file is not taken as an image.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NoImage {
    #[error("The body is empty; an image is expected.")]
    Empty,
    #[error("The body is not an image of a kind that is taken: jpeg, png, gif, webp, heic.")]
    OtherKind,
    #[error("The {0} image is cut off: its end is missing.")]
    CutOff(&'static str),
    #[error("The {0} image cannot be decoded.")]
    Damaged(&'static str),
    #[error(
        "The image has {width} x {height} pixels; at most {side} a side and {pixels} in all are allowed.",
        side = scale::MOST_SIDE,
        pixels = scale::MOST_PIXELS
    )]
    TooManyPixels { width: u32, height: u32 },
}
