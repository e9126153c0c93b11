//! Reading from inputs that may keep their reader waiting: standard input, a pipe.
//!
//! A thread of its own waits for the bytes, so that a run that is asked to stop need not wait. If no further
//! bytes come, that thread is left behind and ends with the program.

use std::io::{self, Read};
use std::thread;
use std::time::Duration;

use crossbeam_channel::{Receiver, RecvTimeoutError, bounded};

use crate::cancel::Cancel;

/// Bytes handed over at a time.
const PIECE: usize = 256 << 10;
/// Time between two looks of a waiting reader at the stop flag.
const LOOK: Duration = Duration::from_millis(50);

/// Bytes that another thread waits for.
#[derive(Debug)]
pub(super) struct Waiting {
    pieces: Receiver<io::Result<Vec<u8>>>,
    piece: io::Cursor<Vec<u8>>,
    cancel: Cancel,
}

impl Waiting {
    /// Reads what `open` opens; opening may have to wait as well. Fails where no thread can be started.
    pub(super) fn on<R: Read>(
        open: impl FnOnce() -> io::Result<R> + Send + 'static,
        cancel: &Cancel,
    ) -> io::Result<Self> {
        let (sender, pieces) = bounded(1);
        let wait = move || {
            let mut reader = match open() {
                Ok(reader) => reader,
                Err(error) => {
                    // Without a receiver, nobody needs the error.
                    let _unheard = sender.send(Err(error));
                    return;
                }
            };
            loop {
                let mut piece = Vec::new();
                let read = read_some(&mut reader, &mut piece);
                let goes_on = read.is_ok() && !piece.is_empty();
                if sender.send(read.map(|()| piece)).is_err() || !goes_on {
                    return;
                }
            }
        };
        thread::Builder::new().name("waiting".into()).spawn(wait)?;
        Ok(Self { pieces, piece: io::Cursor::default(), cancel: cancel.clone() })
    }
}

/// Reads the bytes that are there. At the end, `piece` stays empty.
fn read_some(reader: &mut impl Read, piece: &mut Vec<u8>) -> io::Result<()> {
    piece.resize(PIECE, 0);
    let n = loop {
        match reader.read(piece) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            read => break read?,
        }
    };
    piece.truncate(n);
    Ok(())
}

impl Read for Waiting {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        while self.piece.position() == self.piece.get_ref().len() as u64 {
            match self.pieces.recv_timeout(LOOK) {
                Ok(piece) => self.piece = io::Cursor::new(piece?),
                // The other thread has ended, so that no bytes will come.
                Err(RecvTimeoutError::Disconnected) => return Ok(0),
                Err(RecvTimeoutError::Timeout) if self.cancel.is_set() => {
                    return Err(io::Error::other("interrupted"));
                }
                Err(RecvTimeoutError::Timeout) => {}
            }
        }
        self.piece.read(buf)
    }
}
