//! Frames out of a stream of bytes, at the least cost: whole ones are looked at where they were read,
//! and only what is cut off is kept.

use std::ops::Range;

use anyhow::{Context, Result, ensure};

pub const TEXT: u8 = 1;
pub const CLOSE: u8 = 8;
pub const PING: u8 = 9;
pub const PONG: u8 = 10;

/// Nothing that a server tells us is larger.
const MOST: u64 = 4 << 20;

/// A frame's place in the bytes at hand.
#[derive(Debug, PartialEq, Eq)]
pub struct Frame {
    pub kind: u8,
    payload: Range<usize>,
    end: usize,
}

/// How a stream is cut: finds the first frame, once it is whole.
pub type Cut = fn(&[u8]) -> Result<Option<Frame>>;

pub struct Frames {
    cut: Cut,
    rest: Vec<u8>,
}

impl Frames {
    pub fn new(cut: Cut) -> Self {
        Self { cut, rest: Vec::new() }
    }

    /// Takes what was read and gives each frame that is whole with it.
    pub fn feed(&mut self, bytes: &[u8], mut each: impl FnMut(u8, &[u8]) -> Result<()>) -> Result<()> {
        let cut = self.cut;
        let mut walk = |bytes: &[u8]| {
            let mut at = 0;
            while let Some(rest) = bytes.get(at..)
                && let Some(frame) = cut(rest)?
            {
                each(frame.kind, rest.get(frame.payload).unwrap_or_default())?;
                at += frame.end;
            }
            Ok::<_, anyhow::Error>(at)
        };
        if self.rest.is_empty() {
            let used = walk(bytes)?;
            self.rest.extend_from_slice(bytes.get(used..).unwrap_or_default());
        } else {
            self.rest.extend_from_slice(bytes);
            let used = walk(&self.rest)?;
            self.rest.drain(..used);
        }
        Ok(())
    }
}

/// WebSocket frames as a server sends them: not masked, and here never in pieces.
pub fn web_socket(bytes: &[u8]) -> Result<Option<Frame>> {
    let &[first, second, ref rest @ ..] = bytes else {
        return Ok(None);
    };
    ensure!(first & 0xf0 == 0x80, "a frame is in pieces or has extensions");
    ensure!(second & 0x80 == 0, "the server masks its frames");
    let (start, length) = match second {
        126 => match rest.first_chunk() {
            Some(length) => (4, u64::from(u16::from_be_bytes(*length))),
            None => return Ok(None),
        },
        127 => match rest.first_chunk() {
            Some(length) => (10, u64::from_be_bytes(*length)),
            None => return Ok(None),
        },
        length => (2, u64::from(length)),
    };
    frame(bytes, first & 0x0f, start, length, 0)
}

/// The chunks of an HTTP/1.1 body. The last, empty one is told as the end.
pub fn chunks(bytes: &[u8]) -> Result<Option<Frame>> {
    let Some(line) = bytes.iter().position(|byte| *byte == b'\n') else {
        return Ok(None);
    };
    let digits = std::str::from_utf8(bytes.get(..line).unwrap_or_default())?.trim_end();
    let length = u64::from_str_radix(digits, 16).with_context(|| format!("'{digits}' is no chunk's length"))?;
    let kind = if length == 0 { CLOSE } else { TEXT };
    frame(bytes, kind, line + 1, length, 2)
}

fn frame(bytes: &[u8], kind: u8, start: usize, length: u64, tail: usize) -> Result<Option<Frame>> {
    ensure!(length <= MOST, "a frame of {length} bytes");
    let payload = start..start + length as usize;
    let end = payload.end + tail;
    Ok((end <= bytes.len()).then_some(Frame { kind, payload, end }))
}

/// Appends a client's frame. The key of its mask is zero, which leaves the payload as it is.
pub fn write(out: &mut Vec<u8>, kind: u8, payload: &[u8]) {
    out.push(0x80 | kind);
    match payload.len() {
        length @ 0..126 => out.push(0x80 | length as u8),
        length => {
            out.push(0x80 | 126);
            out.extend_from_slice(&(length as u16).to_be_bytes());
        }
    }
    out.extend_from_slice(&[0; 4]);
    out.extend_from_slice(payload);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fed(cut: Cut, stream: &[u8], pieces: usize) -> Vec<(u8, Vec<u8>)> {
        let mut frames = Frames::new(cut);
        let mut seen = Vec::new();
        for piece in stream.chunks(pieces) {
            let each = |kind, payload: &[u8]| {
                seen.push((kind, payload.to_vec()));
                Ok(())
            };
            frames.feed(piece, each).unwrap();
        }
        seen
    }

    #[test]
    fn frames_are_whole_however_they_come() {
        let long = vec![b'x'; 300];
        let mut stream = vec![0x81, 2, b'h', b'i', 0x89, 0, 0x81, 126, 1, 44];
        stream.extend_from_slice(&long);
        let expected = vec![(TEXT, b"hi".to_vec()), (PING, vec![]), (TEXT, long)];
        for pieces in [1, 2, 3, 7, 100, 1_000] {
            assert_eq!(fed(web_socket, &stream, pieces), expected, "in pieces of {pieces}");
        }
        assert!(web_socket(&[0x01, 0]).is_err() && web_socket(&[0x81, 0x80]).is_err());
    }

    #[test]
    fn chunks_are_whole_however_they_come() {
        let stream = b"3\r\nabc\r\nb\r\n\r\n\r\n12345\r\n\r\n0\r\n\r\n";
        let expected = vec![
            (TEXT, b"abc".to_vec()),
            (TEXT, b"\r\n\r\n12345\r\n".to_vec()),
            (CLOSE, vec![]),
        ];
        for pieces in [1, 2, 5, 100] {
            assert_eq!(fed(chunks, stream, pieces), expected, "in pieces of {pieces}");
        }
    }

    #[test]
    fn a_written_frame_is_masked_with_zeros() {
        let mut out = Vec::new();
        write(&mut out, TEXT, b"hi");
        assert_eq!(out, [0x81, 0x82, 0, 0, 0, 0, b'h', b'i']);
        out.clear();
        write(&mut out, TEXT, &[b'x'; 300]);
        assert_eq!(out[..8], [0x81, 0xfe, 1, 44, 0, 0, 0, 0]);
        assert_eq!(out.len(), 308);
    }
}
