//! The certain way to inflate: any stream, in windows, with every member, cut and checksum accounted for.
//!
//! [`Stream`] looks at the first bytes, then reads gzip members, zstd frames or plain bytes, a window at a
//! time. At the end of a member or frame it looks for a further one. Zero bytes behind the last member are
//! padding, and any other bytes are an error, since they could hide a member. Bytes before an error are
//! delivered before the error. The limit bounds the inflated bytes of the whole object.

use std::io::{self, BufRead, Read};

use super::gzip::Member;
use super::peek::Peek;
use super::zstd::{FRAME, Frame, starts_zstd};
use crate::cancel::Cancel;
use crate::error::{ErrorKind, Stage};
use crate::records::cursor::{Break, Chunks};

/// Inflated bytes read at a time.
const WINDOW: u64 = 512 << 10;

/// Inflates the bytes of a reader, or passes them through, up to a limit.
pub(super) struct Stream<R: BufRead> {
    state: State<R>,
    limit: u64,
    /// Bytes delivered.
    pub(super) total: u64,
    compressed: bool,
}

enum State<R: BufRead> {
    Plain(Peek<R>),
    Member(Box<Member<R>>),
    Frame(Frame<R>),
    Done,
}

impl<R: BufRead> Stream<R> {
    /// Decides by the first bytes what `reader` holds.
    pub(super) fn new(reader: R, limit: u64, cancel: &Cancel) -> Result<Self, Break> {
        let mut reader = Peek::new(reader, cancel);
        let first = reader.peek(FRAME.len()).map_err(broken)?;
        let (gzip, zstd) = (starts_gzip(first), starts_zstd(first));
        let state = match (gzip, zstd) {
            (true, _) => member(reader)?,
            (_, true) => Frame::next(reader)?.map_or(State::Done, State::Frame),
            _ => State::Plain(reader),
        };
        Ok(Self { state, limit, total: 0, compressed: gzip || zstd })
    }

    /// Returns whether anything is inflated.
    pub(super) fn is_compressed(&self) -> bool {
        self.compressed
    }

    fn next(&mut self, window: &mut Vec<u8>) -> Result<bool, Break> {
        loop {
            let before = window.len();
            let read = match &mut self.state {
                State::Plain(reader) => reader.take(WINDOW).read_to_end(window).map_err(broken),
                State::Member(decoder) => decoder.as_mut().take(WINDOW).read_to_end(window).map_err(broken),
                State::Frame(frame) => frame.read(WINDOW, window).map(|()| 0),
                State::Done => return Ok(false),
            };
            let got = (window.len() - before) as u64;
            let room = self.limit - self.total;
            if got > room {
                window.truncate(before + usize::try_from(room).unwrap_or(usize::MAX));
                self.total = self.limit;
                self.state = State::Done;
                return Err(too_large(self.limit));
            }
            self.total += got;
            // Bytes that came before an error are delivered with it.
            read?;
            if got > 0 {
                return Ok(true);
            }
            if !self.next_member()? {
                return Ok(false);
            }
        }
    }

    /// Goes on to a further member or frame. Returns whether there is one.
    fn next_member(&mut self) -> Result<bool, Break> {
        let decoder = match std::mem::replace(&mut self.state, State::Done) {
            State::Member(decoder) => decoder,
            State::Frame(frame) => {
                let next = Frame::next(frame.end()?)?;
                let another = next.is_some();
                self.state = next.map_or(State::Done, State::Frame);
                return Ok(another);
            }
            State::Plain(_) | State::Done => return Ok(false),
        };
        let mut reader = decoder.into_inner();
        if starts_gzip(reader.peek(MAGIC.len()).map_err(broken)?) {
            self.state = member(reader)?;
            return Ok(true);
        }
        // Zero bytes are padding, as tapes and some writers leave it; anything else could hide a member.
        loop {
            let rest = reader.fill_buf().map_err(broken)?;
            if rest.iter().any(|&byte| byte != 0) {
                return Err(Break {
                    stage: Stage::Inflate,
                    kind: ErrorKind::CorruptGzip,
                    cause: "bytes that are not gzip follow the last gzip member".into(),
                });
            }
            match rest.len() {
                0 => return Ok(false),
                n => reader.consume(n),
            }
        }
    }
}

impl<R: BufRead> Chunks for Stream<R> {
    fn more(&mut self, window: &mut Vec<u8>) -> Result<bool, Break> {
        let result = self.next(window);
        if result.is_err() {
            self.state = State::Done;
        }
        result
    }
}

/// The first bytes of a gzip member (RFC 1952, ID1 and ID2).
pub(crate) const MAGIC: [u8; 2] = [0x1f, 0x8b];

/// Returns whether bytes, as many as there are or at least two, begin a gzip member.
pub(crate) fn starts_gzip(bytes: &[u8]) -> bool {
    bytes.starts_with(&MAGIC)
}

fn member<R: BufRead>(reader: Peek<R>) -> Result<State<R>, Break> {
    Ok(State::Member(Box::new(Member::new(reader).map_err(broken)?)))
}

/// Returns the end of an object of more than `limit` inflated bytes.
pub(super) fn too_large(limit: u64) -> Break {
    Break {
        stage: Stage::Inflate,
        kind: ErrorKind::TooLarge,
        cause: format!("inflates to more than {limit} bytes (--max-object-size)").into(),
    }
}

/// Returns the break of an error. Decoders report damage by these kinds; all others come from the reader below
/// them.
pub(super) fn broken(error: io::Error) -> Break {
    match error.kind() {
        io::ErrorKind::UnexpectedEof => Break {
            stage: Stage::Inflate,
            kind: ErrorKind::CorruptGzip,
            cause: "the gzip stream is cut short".into(),
        },
        io::ErrorKind::InvalidInput | io::ErrorKind::InvalidData => {
            Break { stage: Stage::Inflate, kind: ErrorKind::CorruptGzip, cause: error.into() }
        }
        _ => Break { stage: Stage::Read, kind: ErrorKind::Io, cause: error.into() },
    }
}
