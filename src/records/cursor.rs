//! A place in an object's inflated bytes, which are there as a whole or come in windows.
//!
//! A [`Cursor`] passes over strings, records and other values, and checks only where they end. Positions
//! count from the start of the object, so that they stay true when a window moves on. Bytes before the
//! current position are dropped with the next window, unless they are [pinned](Cursor::pin). No value longer
//! than [`MAX_VALUE`] is held, so that a missing quote or brace cannot fill the memory. Records are found by
//! a [`Kernel`], many at a time.

use std::fmt;

use super::boundary::Kernel;
use super::boundary::{Boundary, Found};
pub use super::chunks::{Break, Chunks};
pub use super::fault::{Fault, FaultKind};
use super::kernel;
use super::large::Turn;
use crate::error::{ErrorKind, Stage};
use crate::json::minify::number_len;

/// Bytes of the longest record, or other value, that is held in memory. CloudTrail's own limit for an event
/// is 256 KB (1 MB for some data events).
pub const MAX_VALUE: usize = 64 << 20;
/// Bytes that are held at most: such a value, and those behind it.
const MAX_WINDOW: usize = MAX_VALUE + (8 << 20);
const TOO_LONG: &str = "a single value of more than 64 MiB";

/// A position in an object's inflated bytes.
pub struct Cursor<'c> {
    whole: &'c [u8],
    window: Vec<u8>,
    source: Option<&'c mut dyn Chunks>,
    /// The position of the first byte that is still there.
    base: usize,
    /// The current position.
    at: usize,
    /// The position from which bytes must stay.
    keep: Option<usize>,
    broken: Option<Break>,
    kernel: Kernel,
    watch: Option<OnProgress<'c>>,
    /// The turn, from the moment when a value grows large.
    turn: Option<Turn>,
}

/// The receiver of the position up to which records have been read.
pub type OnProgress<'c> = &'c mut dyn FnMut(usize);

/// Bytes of records that are read between two calls of the watch: few enough to be still in cache.
const WATCH: usize = 256 << 10;

impl fmt::Debug for Cursor<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Cursor").field("at", &self.at).finish_non_exhaustive()
    }
}

impl<'c> Cursor<'c> {
    /// Returns a cursor over bytes that are all there.
    pub fn whole(bytes: &'c [u8]) -> Self {
        Self::new(bytes, None, kernel::best())
    }

    /// Returns a cursor over bytes that are all there. `watch` receives the position that reading has
    /// reached, often enough to find the bytes in cache.
    pub fn watched(bytes: &'c [u8], watch: OnProgress<'c>) -> Self {
        Self { watch: Some(watch), ..Self::whole(bytes) }
    }

    /// Returns a cursor over bytes that come in windows.
    pub fn windows(source: &'c mut dyn Chunks) -> Self {
        Self::new(&[], Some(source), kernel::best())
    }

    fn new(whole: &'c [u8], source: Option<&'c mut dyn Chunks>, kernel: Kernel) -> Self {
        Self {
            whole,
            window: Vec::new(),
            source,
            base: 0,
            at: 0,
            keep: None,
            broken: None,
            kernel,
            watch: None,
            turn: None,
        }
    }

    /// Sets the kernel, for tests and benchmarks.
    pub fn with_kernel(mut self, kernel: Kernel) -> Self {
        self.kernel = kernel;
        self
    }

    /// Takes the reason why the bytes ended early, if they did.
    pub fn take_break(&mut self) -> Option<Break> {
        self.broken.take()
    }

    /// Returns the current position.
    pub fn at(&self) -> usize {
        self.at
    }

    /// Keeps the bytes from `position` on; `None` releases all bytes before the current position.
    pub fn pin(&mut self, position: Option<usize>) {
        self.keep = position;
    }

    /// Returns the bytes between two positions; both must still be there.
    pub fn slice(&self, start: usize, end: usize) -> &[u8] {
        &self.text()[start - self.base..end - self.base]
    }

    /// Returns a fault at the current position.
    pub fn fault(&self, what: &'static str) -> Fault {
        Fault { offset: self.at, kind: FaultKind::Syntax, what }
    }

    fn text(&self) -> &[u8] {
        if self.source.is_some() || !self.window.is_empty() { &self.window } else { self.whole }
    }

    fn rest(&self) -> &[u8] {
        &self.text()[self.at - self.base..]
    }

    /// Gets further bytes. Returns `false` where the object ended or broke.
    fn more(&mut self) -> bool {
        let Some(source) = &mut self.source else { return false };
        let done = self.keep.map_or(self.at, |keep| keep.min(self.at)) - self.base;
        // Moving a few bytes often would cost more time than the room is worth.
        if done >= self.window.len() / 2 || self.window.len() > MAX_WINDOW {
            self.window.drain(..done);
            self.base += done;
        }
        if self.turn.is_none() {
            self.turn = Turn::for_size(self.window.len());
        }
        // No value may fill the memory, whatever it is that goes on for so long.
        if self.window.len() > MAX_WINDOW {
            let cause = format!("{TOO_LONG} at byte {} of the inflated object", self.base).into();
            return self.end(Some(Break { stage: Stage::Parse, kind: ErrorKind::TooLarge, cause }));
        }
        let there = self.window.len();
        match source.more(&mut self.window) {
            Ok(true) => true,
            Ok(false) => self.end(None),
            // A break may bring the last bytes along.
            Err(broken) => self.end(Some(broken)) || self.window.len() > there,
        }
    }

    fn end(&mut self, broken: Option<Break>) -> bool {
        // An empty window must not bring back `whole`, which is empty as well.
        self.source = None;
        self.broken = broken;
        false
    }

    /// Returns the byte at the current position.
    #[inline]
    pub fn peek(&mut self) -> Option<u8> {
        loop {
            if let Some(&byte) = self.rest().first() {
                return Some(byte);
            }
            if !self.more() {
                return None;
            }
        }
    }

    /// Returns the next `n` bytes, or fewer where the object ends.
    pub fn ahead(&mut self, n: usize) -> &[u8] {
        while self.rest().len() < n && self.more() {}
        let rest = self.rest();
        &rest[..n.min(rest.len())]
    }

    /// Passes over all bytes that are there.
    pub fn pass_window(&mut self) {
        self.at += self.rest().len();
    }

    /// Passes over `n` bytes that have been peeked at.
    #[inline]
    pub fn advance(&mut self, n: usize) {
        self.at += n;
    }

    /// Passes over white space and returns the byte behind it.
    #[inline]
    pub fn next_token(&mut self) -> Option<u8> {
        loop {
            match self.peek()? {
                b' ' | b'\t' | b'\n' | b'\r' => self.at += 1,
                byte => return Some(byte),
            }
        }
    }

    /// Passes over the string that begins here.
    ///
    /// # Errors
    ///
    /// Fails where the string has no end, or is too long.
    pub fn string(&mut self) -> Result<(), Fault> {
        let start = self.at;
        self.at += 1;
        loop {
            match memchr::memchr2(b'"', b'\\', self.rest()) {
                Some(n) if self.rest()[n] == b'"' => {
                    self.at += n + 1;
                    return Ok(());
                }
                Some(n) => {
                    self.at += n + 1;
                    // An escaped byte never ends the string.
                    if self.peek().is_none() {
                        return Err(Fault {
                            offset: start,
                            kind: FaultKind::Unterminated,
                            what: "unterminated string",
                        });
                    }
                    self.at += 1;
                }
                None => {
                    self.at += self.rest().len();
                    self.check_size(start)?;
                    if !self.more() {
                        return Err(Fault {
                            offset: start,
                            kind: FaultKind::Unterminated,
                            what: "unterminated string",
                        });
                    }
                }
            }
        }
    }

    /// Passes over the object (`{…}`) that begins here.
    ///
    /// # Errors
    ///
    /// Fails where the object has no end, or is too long.
    #[inline]
    pub fn object(&mut self) -> Result<Found, Fault> {
        let start = self.at;
        let mut boundary = Boundary::default();
        let kept = self.keep;
        self.keep = Some(kept.map_or(start, |keep| keep.min(start)));
        let found = loop {
            let last = self.source.is_none();
            let text = &self.text()[start - self.base..];
            if let Some(found) = boundary.one(self.kernel, text, last) {
                break Ok(found);
            }
            if last {
                break Err(Fault {
                    offset: start,
                    kind: FaultKind::Unterminated,
                    what: "unterminated object",
                });
            }
            if let Err(fault) = self.check_size(start) {
                break Err(fault);
            }
            self.at = start + boundary.seen();
            self.more();
        };
        self.keep = kept;
        match found {
            Ok(found) => {
                self.at = start + found.end;
                Ok(Found {
                    end: self.at,
                    time: found.time.map(|offset| start + offset),
                    candidate: found.candidate,
                })
            }
            Err(fault) => {
                self.at = start;
                Err(fault)
            }
        }
    }

    /// Passes over the objects that follow each other from here as `{…},{…}`, as far as they are spelled that
    /// closely. Calls `each` with the position and text of each one and what was found in it, until `each`
    /// returns `false`.
    ///
    /// # Errors
    ///
    /// Fails where an object has no end, or is too long.
    pub fn objects(&mut self, mut each: impl FnMut(usize, &[u8], Found) -> bool) -> Result<(), Fault> {
        let mut boundary = Boundary::default();
        loop {
            let start = self.at;
            let text = &self.text()[start - self.base..];
            let there = text.len();
            let step = if self.watch.is_some() { there.min(boundary.seen() + WATCH) } else { there };
            let last = self.source.is_none() && step == there;
            let end = boundary.many(self.kernel, &text[..step], last, &mut |begin, found| {
                let Found { end, candidate, time } = found;
                let time = time.map(|time| time - begin);
                each(start + begin, &text[begin..end], Found { end: end - begin, candidate, time })
            });
            if let Some(watch) = &mut self.watch {
                watch(start + step);
            }
            if let Some(end) = end {
                self.at = start + end;
                return Ok(());
            }
            // The bytes of the unfinished record stay.
            self.at = start + boundary.release();
            if step < there {
                continue;
            }
            let (kind, what) = match boundary.seen() {
                _ if last => (FaultKind::Unterminated, "unterminated object"),
                seen if seen > MAX_VALUE => (FaultKind::TooLong, TOO_LONG),
                _ => {
                    self.more();
                    continue;
                }
            };
            self.at += boundary.start();
            return Err(Fault { offset: self.at, kind, what });
        }
    }

    /// Passes over any value, and checks only where it ends.
    ///
    /// # Errors
    ///
    /// Fails where no value begins here, and where the value has no end or is too long.
    pub fn value(&mut self) -> Result<(), Fault> {
        match self.peek() {
            Some(b'"') => self.string(),
            Some(b'{') => self.object().map(|_| ()),
            Some(b'[') => self.array(),
            Some(_) => self.scalar(),
            None => Err(self.fault("unexpected end")),
        }
    }

    fn array(&mut self) -> Result<(), Fault> {
        let start = self.at;
        let mut depth = 0_usize;
        loop {
            match self.peek() {
                Some(b'"') => {
                    self.string()?;
                    continue;
                }
                Some(b'[') => depth += 1,
                Some(b']') => depth -= 1,
                Some(_) => {}
                None => {
                    return Err(Fault {
                        offset: start,
                        kind: FaultKind::Unterminated,
                        what: "unterminated array",
                    });
                }
            }
            self.at += 1;
            if depth == 0 {
                return Ok(());
            }
        }
    }

    fn scalar(&mut self) -> Result<(), Fault> {
        let start = self.at;
        let kept = self.keep;
        self.keep = Some(kept.map_or(start, |keep| keep.min(start)));
        while let Some(byte) = self.peek() {
            if matches!(byte, b',' | b']' | b'}' | b' ' | b'\t' | b'\n' | b'\r' | b'"' | b'{' | b'[' | b':') {
                break;
            }
            self.at += 1;
            if let Err(fault) = self.check_size(start) {
                self.keep = kept;
                return Err(fault);
            }
        }
        let token = self.slice(start, self.at);
        let known = matches!(token, b"true" | b"false" | b"null")
            || (!token.is_empty() && number_len(token) == Some(token.len()));
        self.keep = kept;
        if known {
            Ok(())
        } else {
            Err(Fault { offset: start, kind: FaultKind::Syntax, what: "expected a value" })
        }
    }

    fn check_size(&self, start: usize) -> Result<(), Fault> {
        let start = self.keep.map_or(start, |keep| keep.min(start));
        if self.at - start > MAX_VALUE {
            Err(Fault { offset: start, kind: FaultKind::TooLong, what: TOO_LONG })
        } else {
            Ok(())
        }
    }

    /// Returns where the loaded bytes end: a search for an end has read up to there.
    pub fn loaded(&self) -> usize {
        self.base + self.text().len()
    }

    /// Returns the pinned position, or else the current one.
    pub fn kept(&self) -> usize {
        self.keep.unwrap_or(self.at)
    }

    /// Returns whether these bytes stand at the current position.
    pub fn begins_with(&mut self, bytes: &[u8]) -> bool {
        self.ahead(bytes.len()) == bytes
    }

    /// Goes to the start of the line behind `position`, if that line begins with these bytes. Returns `false`
    /// otherwise, and the position stays.
    pub fn resume_at_line_after(&mut self, position: usize, bytes: &[u8]) -> bool {
        let here = self.at;
        self.at = position;
        loop {
            match memchr::memchr(b'\n', self.rest()) {
                Some(n) => {
                    self.at += n + 1;
                    if self.begins_with(bytes) {
                        return true;
                    }
                    self.at = here.max(self.base);
                    return false;
                }
                None => {
                    self.at += self.rest().len();
                    if !self.more() {
                        self.at = here.max(self.base);
                        return false;
                    }
                }
            }
        }
    }
}
