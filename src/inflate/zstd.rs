//! Zstandard (RFC 8878): frames one after another, those to be skipped among them, each with its checksum.

use std::io::{self, BufRead, Read};

use ruzstd::decoding::errors::FrameDecoderError;
use ruzstd::decoding::{FrameDecoder, StreamingDecoder};

use super::peek::Peek;
use crate::error::{ErrorKind, Stage, links};
use crate::records::cursor::Break;

/// The first bytes of a frame.
pub(super) const FRAME: [u8; 4] = [0x28, 0xb5, 0x2f, 0xfd];
/// The first bytes of a frame to be skipped, but for the lowest four bits.
const SKIPPED: [u8; 4] = [0x50, 0x2a, 0x4d, 0x18];
/// Bytes of memory that a frame may ask for. All levels of the `zstd` command but `--ultra -22` and `--long`
/// stay below.
const MAX_WINDOW: u64 = 64 << 20;

/// Returns whether bytes, as many as there are or at least four, begin a frame.
pub(super) fn starts_zstd(bytes: &[u8]) -> bool {
    bytes.starts_with(&FRAME) || starts_skipped(bytes)
}

fn starts_skipped(bytes: &[u8]) -> bool {
    bytes.first().is_some_and(|first| first & 0xf0 == SKIPPED[0]) && bytes.get(1..4) == Some(&SKIPPED[1..])
}

/// The frame that is being read.
pub(super) struct Frame<R: BufRead>(Box<StreamingDecoder<Peek<R>, FrameDecoder>>);

impl<R: BufRead> Frame<R> {
    /// Begins the frame that the reader is at, or the first one behind frames to be skipped; `None`: no frame
    /// follows.
    pub(super) fn next(mut reader: Peek<R>) -> Result<Option<Self>, Break> {
        loop {
            let first = reader.peek(FRAME.len()).map_err(broken)?;
            if first.is_empty() {
                return Ok(None);
            }
            if !starts_zstd(first) {
                return Err(corrupt("bytes that are not zstd follow the last frame"));
            }
            if !starts_skipped(first) {
                let mut decoder = FrameDecoder::new();
                decoder.set_max_window_size(MAX_WINDOW);
                let decoder = StreamingDecoder::new_with_decoder(reader, decoder)
                    .map_err(|error| broken(io::Error::other(error)))?;
                return Ok(Some(Self(Box::new(decoder))));
            }
            let mut head = [0; 8];
            reader.read_exact(&mut head).map_err(broken)?;
            let [.., a, b, c, d] = head;
            let length = u64::from(u32::from_le_bytes([a, b, c, d]));
            let passed = io::copy(&mut reader.by_ref().take(length), &mut io::sink()).map_err(broken)?;
            if passed < length {
                return Err(corrupt(CUT));
            }
        }
    }

    /// Appends at most so many bytes, and none at the end of the frame.
    pub(super) fn read(&mut self, most: u64, window: &mut Vec<u8>) -> Result<(), Break> {
        self.0.as_mut().take(most).read_to_end(window).map(|_| ()).map_err(broken)
    }

    /// Returns the reader behind the frame, which must have been read to its end. Fails where the checksum is
    /// wrong.
    pub(super) fn end(self) -> Result<Peek<R>, Break> {
        let (reader, decoder) = self.0.into_parts();
        match decoder.get_checksum_from_data() {
            Some(sum) if decoder.get_calculated_checksum() != Some(sum) => {
                Err(corrupt("the zstd frame's checksum is wrong"))
            }
            _ => Ok(reader),
        }
    }
}

const CUT: &str = "the zstd stream is cut short";

fn corrupt(cause: &'static str) -> Break {
    Break { stage: Stage::Inflate, kind: ErrorKind::CorruptGzip, cause: cause.into() }
}

/// Returns the break of an error. A failure below the decoder is wrapped in what the decoder was doing.
fn broken(error: io::Error) -> Break {
    if let Some(FrameDecoderError::WindowSizeTooBig { requested, .. }) =
        error.get_ref().and_then(|inner| inner.downcast_ref())
    {
        let cause = format!(
            "a zstd window of {requested} bytes, and {MAX_WINDOW} are read at most: unpack it first (zstd -d --long=31)"
        );
        return Break { stage: Stage::Inflate, kind: ErrorKind::TooLarge, cause: cause.into() };
    }
    let kind = match error.get_ref() {
        Some(inner) => {
            links(inner).filter_map(|link| link.downcast_ref::<io::Error>()).map(io::Error::kind).last()
        }
        None => Some(error.kind()),
    };
    match kind {
        Some(io::ErrorKind::UnexpectedEof) => corrupt(CUT),
        Some(_) => Break { stage: Stage::Read, kind: ErrorKind::Io, cause: error.into() },
        None => Break { stage: Stage::Inflate, kind: ErrorKind::CorruptGzip, cause: error.into() },
    }
}
