//! Bytes that come in pieces, as pipes, file systems and the edges of buffers part them.

use std::io::{self, BufRead, Read};

use roottrail::cancel::Cancel;
use roottrail::inflate::{Buffers, inflate_bytes, inflate_stream};
use roottrail::records::cursor::{Break, Cursor};
use roottrail::records::document::{Element, Elements, Walk, walk};

/// Larger objects would take too long a byte at a time.
const MOST: usize = 1 << 20;

/// How many bytes come at a time; none: the call is interrupted.
type Pieces = Box<dyn FnMut() -> Option<usize> + Send>;

type Way = (&'static str, fn() -> Pieces);

/// A reader of pieces.
struct Torn<'t> {
    rest: &'t [u8],
    piece: usize,
    next: Pieces,
}

/// All ways to come in pieces.
const WAYS: [Way; 4] = [
    ("a byte at a time", || Box::new(|| Some(1))),
    ("the first byte alone", || {
        let mut first = true;
        Box::new(move || Some(if std::mem::take(&mut first) { 1 } else { usize::MAX }))
    }),
    ("in random pieces", || {
        let mut random = fastrand::Rng::with_seed(7);
        Box::new(move || Some(random.usize(1..40)))
    }),
    ("interrupted before each three", || {
        let mut turn = false;
        Box::new(move || {
            turn = !turn;
            (!turn).then_some(3)
        })
    }),
];

impl BufRead for Torn<'_> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        if self.piece == 0 {
            let next = (self.next)().ok_or(io::ErrorKind::Interrupted)?;
            self.piece = next.min(self.rest.len());
        }
        Ok(&self.rest[..self.piece])
    }

    fn consume(&mut self, n: usize) {
        self.piece -= n;
        self.rest = &self.rest[n..];
    }
}

impl Read for Torn<'_> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let n = self.fill_buf()?.read(buf)?;
        self.consume(n);
        Ok(n)
    }
}

/// Everything that a walk tells of an object.
#[derive(Debug, Default, PartialEq)]
struct Walked {
    elements: Vec<(u64, Vec<u8>, String, bool)>,
    malformed: Vec<(u64, &'static str)>,
}

impl Elements for Walked {
    fn element(&mut self, element: Element<'_>) {
        let how = format!("{:?} {}", element.repairs, element.doubtful);
        self.elements.push((element.index, element.text.to_vec(), how, element.candidate));
    }

    fn malformed(&mut self, index: u64, what: &'static str) {
        self.malformed.push((index, what));
    }
}

/// What was read, how it ended, and why.
type Outcome = (Walked, Option<(bool, bool, String)>, Option<String>);

fn read(cursor: &mut Cursor<'_>) -> (Walked, Walk, Option<Break>) {
    let mut walked = Walked::default();
    let walk = walk(cursor, &mut walked);
    (walked, walk, cursor.take_break())
}

fn outcome(result: Result<(Walked, Walk, Option<Break>), Break>) -> Outcome {
    let why = |broken: Break| format!("{:?} {:?} {}", broken.stage, broken.kind, broken.cause);
    match result {
        Ok((walked, walk, broken)) => {
            let end =
                (walk.events, walk.any, format!("{:?} {:?} {:?}", walk.fault, walk.further, walk.unread));
            (walked, Some(end), broken.map(why))
        }
        Err(broken) => (Walked::default(), None, Some(why(broken))),
    }
}

/// Fails where an object reads otherwise in pieces than as a whole.
pub(crate) fn same_in_pieces(name: &str, bytes: &[u8]) {
    if bytes.len() > MOST {
        return;
    }
    let (cancel, limit) = (Cancel::new(), 1 << 26);
    let (whole, inflated) = inflate_bytes(bytes, limit, false, &cancel, &mut Buffers::default(), read);
    if inflated.bytes > 4 << 20 {
        return;
    }
    let whole = outcome(whole);
    for (way, pieces) in WAYS {
        for overlap in [false, true] {
            let torn = Torn { rest: bytes, piece: 0, next: pieces() };
            let (torn, _) = inflate_stream(torn, limit, overlap, &cancel, read);
            assert_eq!(outcome(torn), whole, "{name}, {way}");
        }
    }
}
