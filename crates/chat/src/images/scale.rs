//! An image decoded, to see that it can be, and made small.

use std::io::Cursor;

use image::codecs::jpeg::JpegEncoder;
use image::{DynamicImage, ImageDecoder, ImageFormat, ImageReader, Limits};

use super::whole::is_whole;
use super::{ImageKind, Looked, NoImage, SMALL_PIXELS, Small};

/// More than cameras make, less than would hurt: a few kilobytes may claim to be any number of pixels.
pub(super) const MOST_SIDE: u32 = 16_384;
pub(super) const MOST_PIXELS: u64 = 50_000_000;
/// Of one decoded image.
const MOST_BYTES: u64 = 256 << 20;

const JPEG_QUALITY: u8 = 80;

/// How many pixels a file claims to have; 0 if it is not decoded.
pub(super) fn pixels(bytes: &[u8]) -> Result<u64, NoImage> {
    let kind = kind_of_whole(bytes)?;
    let Some(format) = kind.format() else { return Ok(0) };
    let (width, height) = decoder(kind, format, bytes)?.dimensions();
    Ok(u64::from(width) * u64::from(height))
}

/// Everything that there is to see of an image; takes its time.
pub(super) fn look_at(bytes: &[u8]) -> Result<Looked, NoImage> {
    let kind = kind_of_whole(bytes)?;
    let small = match kind.format() {
        Some(format) => small(kind, format, bytes)?,
        None => None,
    };
    Ok(Looked { kind, small })
}

fn kind_of_whole(bytes: &[u8]) -> Result<ImageKind, NoImage> {
    if bytes.is_empty() {
        return Err(NoImage::Empty);
    }
    let kind = ImageKind::of(bytes).ok_or(NoImage::OtherKind)?;
    if is_whole(kind, bytes) {
        Ok(kind)
    } else {
        Err(NoImage::CutOff(kind.name()))
    }
}

fn decoder(kind: ImageKind, format: ImageFormat, bytes: &[u8]) -> Result<impl ImageDecoder + '_, NoImage> {
    let mut reader = ImageReader::with_format(Cursor::new(bytes), format);
    // Sides are checked below, where they can be named.
    let mut limits = Limits::no_limits();
    limits.max_alloc = Some(MOST_BYTES);
    reader.limits(limits);
    let decoder = reader.into_decoder().map_err(|_| NoImage::Damaged(kind.name()))?;
    let (width, height) = decoder.dimensions();
    let pixels = u64::from(width) * u64::from(height);
    let too_many = width.max(height) > MOST_SIDE || pixels > MOST_PIXELS || decoder.total_bytes() > MOST_BYTES;
    if too_many {
        return Err(NoImage::TooManyPixels { width, height });
    }
    Ok(decoder)
}

fn small(kind: ImageKind, format: ImageFormat, bytes: &[u8]) -> Result<Option<Small>, NoImage> {
    let damaged = |_| NoImage::Damaged(kind.name());
    let mut decoder = decoder(kind, format, bytes)?;
    // What a camera says of how it was held; without it an image is as it is.
    let orientation = decoder.orientation();
    let decoded = DynamicImage::from_decoder(decoder).map_err(damaged)?;
    if decoded.width().max(decoded.height()) <= SMALL_PIXELS {
        return Ok(None);
    }
    let mut scaled = decoded.thumbnail(SMALL_PIXELS, SMALL_PIXELS);
    drop(decoded);
    if let Ok(orientation) = orientation {
        scaled.apply_orientation(orientation);
    }
    encode(kind, scaled).map(Some).map_err(damaged)
}

/// In its own format; of a GIF, which may move, one still picture.
fn encode(kind: ImageKind, image: DynamicImage) -> image::ImageResult<Small> {
    let image = match image.color().has_alpha() && kind != ImageKind::Jpeg {
        true => DynamicImage::from(image.to_rgba8()),
        false => DynamicImage::from(image.to_rgb8()),
    };
    let mut bytes = Vec::new();
    let kind = match kind {
        ImageKind::Jpeg => {
            image.write_with_encoder(JpegEncoder::new_with_quality(&mut bytes, JPEG_QUALITY))?;
            ImageKind::Jpeg
        }
        ImageKind::Webp => {
            image.write_to(&mut Cursor::new(&mut bytes), ImageFormat::WebP)?;
            ImageKind::Webp
        }
        ImageKind::Png | ImageKind::Gif | ImageKind::Heic => {
            image.write_to(&mut Cursor::new(&mut bytes), ImageFormat::Png)?;
            ImageKind::Png
        }
    };
    Ok(Small { kind, bytes })
}

#[cfg(test)]
pub(super) mod tests {
    use image::{GenericImageView, Rgb, RgbImage};

    use super::*;

    /// A picture whose colours differ everywhere.
    pub fn file(kind: ImageKind, width: u32, height: u32) -> Vec<u8> {
        let picture = RgbImage::from_fn(width, height, |x, y| {
            Rgb([(x * 7) as u8, (y * 5) as u8, (x * y / 3) as u8])
        });
        let mut bytes = Vec::new();
        DynamicImage::from(picture)
            .write_to(&mut Cursor::new(&mut bytes), kind.format().unwrap())
            .unwrap();
        bytes
    }

    fn decoded(small: &Small) -> DynamicImage {
        assert_eq!(ImageKind::of(&small.bytes), Some(small.kind));
        image::load_from_memory(&small.bytes).unwrap()
    }

    #[test]
    fn each_kind_is_made_small_and_never_enlarged() {
        for (kind, becomes) in [
            (ImageKind::Jpeg, ImageKind::Jpeg),
            (ImageKind::Png, ImageKind::Png),
            (ImageKind::Gif, ImageKind::Png),
            (ImageKind::Webp, ImageKind::Webp),
        ] {
            let bytes = file(kind, 600, 300);
            let looked = look_at(&bytes).unwrap();
            let small = looked.small.unwrap();
            assert_eq!((looked.kind, small.kind), (kind, becomes));
            assert_eq!(decoded(&small).dimensions(), (240, 120));
            assert!(small.bytes.len() < bytes.len(), "{kind:?}");
            for (width, height) in [(240, 240), (1, 1), (240, 3)] {
                let looked = look_at(&file(kind, width, height)).unwrap();
                assert_eq!((looked.kind, looked.small), (kind, None));
            }
            let narrow = look_at(&file(kind, 2, 2_000)).unwrap().small.unwrap();
            assert_eq!(decoded(&narrow).dimensions(), (1, 240));
        }
    }

    /// A JPEG's EXIF segment that says how it was held.
    fn turned(orientation: u8) -> Vec<u8> {
        let jpeg = file(ImageKind::Jpeg, 600, 300);
        let mut exif = b"Exif\0\0II*\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0".to_vec();
        exif.extend([orientation, 0, 0, 0, 0, 0, 0, 0]);
        let mut bytes = vec![0xff, 0xd8, 0xff, 0xe1];
        bytes.extend((exif.len() as u16 + 2).to_be_bytes());
        bytes.extend(exif);
        bytes.extend(&jpeg[2..]);
        bytes
    }

    #[test]
    fn a_camera_that_was_turned_is_turned_back() {
        let upright = look_at(&turned(1)).unwrap().small.unwrap();
        assert_eq!(decoded(&upright).dimensions(), (240, 120));
        let turned = look_at(&turned(6)).unwrap().small.unwrap();
        assert_eq!(decoded(&turned).dimensions(), (120, 240));
    }

    fn chunk(name: &[u8; 4], data: &[u8]) -> Vec<u8> {
        let mut named = name.to_vec();
        named.extend(data);
        let mut crc = 0xffff_ffffu32;
        for byte in &named {
            crc ^= u32::from(*byte);
            for _ in 0..8 {
                crc = (crc >> 1) ^ (0xedb8_8320 & (crc & 1).wrapping_neg());
            }
        }
        let mut chunk = (data.len() as u32).to_be_bytes().to_vec();
        chunk.extend(named);
        chunk.extend((!crc).to_be_bytes());
        chunk
    }

    #[test]
    fn an_image_that_claims_too_much_is_not_decoded() {
        for (width, height) in [(50_000u32, 50_000u32), (20_000, 1), (10_000, 10_000)] {
            let mut header = width.to_be_bytes().to_vec();
            header.extend(height.to_be_bytes());
            header.extend([8, 6, 0, 0, 0]);
            let mut bytes = b"\x89PNG\r\n\x1a\n".to_vec();
            bytes.extend(chunk(b"IHDR", &header));
            bytes.extend(chunk(b"IDAT", b""));
            bytes.extend(chunk(b"IEND", b""));
            let refused = NoImage::TooManyPixels { width, height };
            assert_eq!(look_at(&bytes), Err(refused.clone()));
            assert_eq!(pixels(&bytes), Err(refused));
        }
    }

    #[test]
    fn what_cannot_be_decoded_is_refused() {
        assert_eq!(look_at(b""), Err(NoImage::Empty));
        assert_eq!(look_at(b"text"), Err(NoImage::OtherKind));
        let mut png = file(ImageKind::Png, 300, 300);
        assert_eq!(look_at(&png[..png.len() / 2]), Err(NoImage::CutOff("png")));
        let middle = png.len() / 2;
        png[middle] ^= 0xff;
        assert_eq!(look_at(&png), Err(NoImage::Damaged("png")));
    }
}
