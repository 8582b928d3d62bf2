//! The kinds of images, told by a file's first bytes: neither its name nor a header is believed.

use image::ImageFormat;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ImageKind {
    Jpeg,
    Png,
    Gif,
    Webp,
    Heic,
}

/// What the brands of HEIC files are (ISO/IEC 23008-12, annex B).
const HEIC: [&[u8]; 8] = [b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"hevm", b"hevs"];
/// Brands of any HEIF file: another of its brands says how its images are encoded.
const HEIF: [&[u8]; 2] = [b"mif1", b"msf1"];

impl ImageKind {
    const ALL: [Self; 5] = [Self::Jpeg, Self::Png, Self::Gif, Self::Webp, Self::Heic];

    pub fn of(bytes: &[u8]) -> Option<Self> {
        match bytes {
            [0xff, 0xd8, 0xff, ..] => Some(Self::Jpeg),
            [0x89, b'P', b'N', b'G', b'\r', b'\n', 0x1a, b'\n', ..] => Some(Self::Png),
            [b'G', b'I', b'F', b'8', b'7' | b'9', b'a', ..] => Some(Self::Gif),
            [b'R', b'I', b'F', b'F', _, _, _, _, b'W', b'E', b'B', b'P', ..] => Some(Self::Webp),
            [a, b, c, d, b'f', b't', b'y', b'p', brands @ ..] => {
                let length = u32::from_be_bytes([*a, *b, *c, *d]) as usize;
                let brands = brands.get(..length.checked_sub(8)?)?;
                is_heic(brands).then_some(Self::Heic)
            }
            _ => None,
        }
    }

    pub fn name(self) -> &'static str {
        match self {
            Self::Jpeg => "jpeg",
            Self::Png => "png",
            Self::Gif => "gif",
            Self::Webp => "webp",
            Self::Heic => "heic",
        }
    }

    pub fn content_type(self) -> &'static str {
        match self {
            Self::Jpeg => "image/jpeg",
            Self::Png => "image/png",
            Self::Gif => "image/gif",
            Self::Webp => "image/webp",
            Self::Heic => "image/heic",
        }
    }

    /// None for what cannot be decoded here.
    pub(super) fn format(self) -> Option<ImageFormat> {
        match self {
            Self::Jpeg => Some(ImageFormat::Jpeg),
            Self::Png => Some(ImageFormat::Png),
            Self::Gif => Some(ImageFormat::Gif),
            Self::Webp => Some(ImageFormat::WebP),
            Self::Heic => None,
        }
    }

    /// As it is stored.
    pub(crate) fn number(self) -> i16 {
        self as i16 + 1
    }

    pub(crate) fn from_number(number: i16) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.number() == number)
    }
}

/// The major brand, a version, and the brands that it is compatible with.
fn is_heic(brands: &[u8]) -> bool {
    let (major, rest) = brands.split_at(brands.len().min(4));
    let mut others = rest.get(4..).unwrap_or_default().chunks_exact(4);
    HEIC.contains(&major) || (HEIF.contains(&major) && others.any(|brand| HEIC.contains(&brand)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds_are_told_by_the_first_bytes() {
        let known: [(&[u8], ImageKind); 7] = [
            (b"\xff\xd8\xff\xe0", ImageKind::Jpeg),
            (b"\x89PNG\r\n\x1a\n", ImageKind::Png),
            (b"GIF89a", ImageKind::Gif),
            (b"GIF87a", ImageKind::Gif),
            (b"RIFF\0\0\0\0WEBP", ImageKind::Webp),
            (b"\0\0\0\x10ftypheic\0\0\0\0", ImageKind::Heic),
            (b"\0\0\0\x18ftypmif1\0\0\0\0mif1heic", ImageKind::Heic),
        ];
        for (bytes, kind) in known {
            assert_eq!(ImageKind::of(bytes), Some(kind));
            assert_eq!(ImageKind::from_number(kind.number()), Some(kind));
        }
        let unknown: [&[u8]; 8] = [
            b"",
            b"GIF90a",
            b"RIFF\0\0\0\0WAVE",
            b"<svg xmlns='http://www.w3.org/2000/svg'/>",
            b"\0\0\0\x14ftypavif\0\0\0\0mif1",
            b"\0\0\0\x18ftypmif1\0\0\0\0mif1avif",
            b"\0\0\0\x18ftypmif1\0\0\0\0",
            b"\0\0\0\x01ftypheic\0\0\0\0",
        ];
        for bytes in unknown {
            assert_eq!(ImageKind::of(bytes), None, "{bytes:?}");
        }
        assert_eq!(ImageKind::from_number(0), None);
    }
}
