//! Whether a file is there to its end. Decoders make up what is missing at the end of some formats, and look
//! at the first picture of an animation alone; here the parts of a file are counted, and nothing is decoded.

use super::ImageKind;

pub(super) fn is_whole(kind: ImageKind, bytes: &[u8]) -> bool {
    let reader = Reader(bytes);
    match kind {
        ImageKind::Jpeg => jpeg(reader),
        ImageKind::Png => png(reader),
        ImageKind::Gif => gif(reader),
        ImageKind::Webp => webp(reader),
        ImageKind::Heic => heic(reader),
    }
    .is_some()
}

/// Walks to the marker of the end; what stands behind it is nobody's business.
fn jpeg(mut file: Reader<'_>) -> Option<()> {
    file.take(2)?;
    loop {
        if file.byte()? != 0xff {
            return None;
        }
        let mut marker = file.byte()?;
        while marker == 0xff {
            marker = file.byte()?;
        }
        match marker {
            0xd9 => return Some(()),
            // Markers without a segment.
            0x01 | 0xd0..=0xd8 => continue,
            _ => {}
        }
        let length = u16::from_be_bytes(file.array()?);
        file.take(usize::from(length).checked_sub(2)?)?;
        if marker == 0xda {
            file.entropy_coded()?;
        }
    }
}

fn png(mut file: Reader<'_>) -> Option<()> {
    file.take(8)?;
    loop {
        let length = u32::from_be_bytes(file.array()?) as usize;
        let name: [u8; 4] = file.array()?;
        file.take(length)?;
        file.take(4)?;
        if &name == b"IEND" {
            return Some(());
        }
    }
}

fn gif(mut file: Reader<'_>) -> Option<()> {
    file.take(10)?;
    let flags = file.byte()?;
    file.take(2)?;
    file.color_table(flags)?;
    let mut pictures = 0usize;
    loop {
        match file.byte()? {
            0x3b => return (pictures > 0).then_some(()),
            0x21 => {
                file.take(1)?;
                file.sub_blocks()?;
            }
            0x2c => {
                pictures += 1;
                file.take(8)?;
                let flags = file.byte()?;
                file.color_table(flags)?;
                file.take(1)?;
                file.sub_blocks()?;
            }
            _ => return None,
        }
    }
}

fn webp(mut file: Reader<'_>) -> Option<()> {
    file.take(4)?;
    let length = u32::from_le_bytes(file.array()?) as usize;
    file.take(length)?;
    Some(())
}

/// Boxes, one behind the other, to the last byte.
fn heic(mut file: Reader<'_>) -> Option<()> {
    while !file.0.is_empty() {
        let length = u32::from_be_bytes(file.array()?);
        file.take(4)?;
        let rest = match length {
            // To the end of the file.
            0 => return Some(()),
            1 => u64::from_be_bytes(file.array()?).checked_sub(16)?,
            length => u64::from(length).checked_sub(8)?,
        };
        file.take(usize::try_from(rest).ok()?)?;
    }
    Some(())
}

/// What is left of a file; none where it ends too early.
struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn take(&mut self, length: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        Some(taken)
    }

    fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        self.take(N)?.try_into().ok()
    }

    fn byte(&mut self) -> Option<u8> {
        self.array().map(|[byte]| byte)
    }

    /// To the next marker of a JPEG that is no part of its data.
    fn entropy_coded(&mut self) -> Option<()> {
        loop {
            let at = self.0.iter().position(|byte| *byte == 0xff)?;
            match self.0.get(at + 1)? {
                0x00 | 0xd0..=0xd7 => self.take(at + 2)?,
                0xff => self.take(at + 1)?,
                _ => {
                    self.take(at)?;
                    return Some(());
                }
            };
        }
    }

    /// The colours of a GIF or of one of its pictures, if the flags say that there are any.
    fn color_table(&mut self, flags: u8) -> Option<()> {
        if flags & 0x80 != 0 {
            self.take(3 << ((flags & 7) + 1))?;
        }
        Some(())
    }

    fn sub_blocks(&mut self) -> Option<()> {
        loop {
            let length = self.byte()?;
            if length == 0 {
                return Some(());
            }
            self.take(usize::from(length))?;
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::scale::tests::file;
    use super::*;

    const HEIC: &[u8] = b"\0\0\0\x10ftypheic\0\0\0\0\0\0\0\x01mdat\0\0\0\0\0\0\0\x12ab\0\0\0\0free";

    #[test]
    fn a_file_is_whole_with_its_last_byte_and_not_before() {
        let files =
            [ImageKind::Jpeg, ImageKind::Png, ImageKind::Gif, ImageKind::Webp].map(|kind| (kind, file(kind, 9, 7)));
        for (kind, bytes) in files {
            assert!(is_whole(kind, &bytes), "{kind:?}");
            for length in 0..bytes.len() {
                // The last byte of WebP may be padding, which is not counted.
                let padding = kind == ImageKind::Webp && length + 1 == bytes.len();
                assert!(!is_whole(kind, &bytes[..length]) || padding, "{kind:?} {length}");
            }
        }
        assert!(is_whole(ImageKind::Heic, HEIC));
        assert!(!is_whole(ImageKind::Heic, &HEIC[..HEIC.len() - 9]));
        assert!(is_whole(ImageKind::Heic, b"\0\0\0\x10ftypheic\0\0\0\0"));
    }

    proptest! {
        #[test]
        fn any_bytes_are_whole_or_not(bytes: Vec<u8>, kind in 1i16..=5) {
            let kind = ImageKind::from_number(kind).unwrap();
            is_whole(kind, &bytes);
        }

        #[test]
        fn a_changed_byte_is_no_panic(at: prop::sample::Index, byte: u8, kind in 1i16..=4) {
            let kind = ImageKind::from_number(kind).unwrap();
            let mut bytes = file(kind, 20, 20);
            let at = at.index(bytes.len());
            bytes[at] = byte;
            is_whole(kind, &bytes);
            let _ = super::super::scale::look_at(&bytes);
        }
    }
}
