//! One temporary file for the findings of many objects: a file for each object would soon exceed the number
//! of files that a process may have open.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// A worker's unnamed file, created when it is first needed.
#[derive(Clone, Debug, Default)]
pub(super) struct SpillFile(Arc<Mutex<State>>);

#[derive(Debug, Default)]
struct State {
    file: Option<File>,
    /// The offset behind the last piece.
    end: u64,
    /// Pieces that have not been dropped.
    pieces: u64,
}

/// The bytes of one write. The room of all pieces is used again when the last one has been dropped.
#[derive(Debug)]
pub(super) struct Piece {
    spill_file: SpillFile,
    start: u64,
    end: u64,
}

impl SpillFile {
    /// Appends what `write` writes. Where `write` fails, nothing has been appended.
    pub(super) fn append(&self, write: impl FnOnce(&mut dyn Write) -> io::Result<()>) -> io::Result<Piece> {
        let mut state = self.lock();
        let start = state.end;
        let file = match &mut state.file {
            Some(file) => file,
            none => none.insert(tempfile::tempfile()?),
        };
        file.seek(SeekFrom::Start(start))?;
        let mut writer = io::BufWriter::with_capacity(1 << 16, file);
        write(&mut writer)?;
        let end = writer.into_inner().map_err(io::IntoInnerError::into_error)?.stream_position()?;
        state.end = end;
        state.pieces += 1;
        drop(state);
        Ok(Piece { spill_file: self.clone(), start, end })
    }

    /// Locks the state. The end moves last, so that the state is true even after a panic in the midst of a
    /// method.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Piece {
    /// Returns the length.
    pub(super) fn bytes(&self) -> usize {
        usize::try_from(self.end - self.start).unwrap_or(usize::MAX)
    }

    /// Returns a reader from the beginning of the piece.
    pub(super) fn read(&self) -> impl Read {
        PieceReader { piece: self, at: self.start }
    }
}

impl Drop for Piece {
    fn drop(&mut self) {
        let mut state = self.spill_file.lock();
        state.pieces -= 1;
        if state.pieces == 0 {
            state.end = 0;
            // Truncating only gives room on the disk back; a file that cannot be cut is written over.
            let _kept = state.file.as_ref().map(|file| file.set_len(0));
        }
    }
}

struct PieceReader<'p> {
    piece: &'p Piece,
    at: u64,
}

impl Read for PieceReader<'_> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let rest = usize::try_from(self.piece.end - self.at).unwrap_or(usize::MAX);
        let wanted = buf.len().min(rest);
        let mut state = self.piece.spill_file.lock();
        // A piece that ends early must not pass for a whole one.
        let cut = || io::Error::from(io::ErrorKind::UnexpectedEof);
        let file = state.file.as_mut().ok_or_else(cut)?;
        file.seek(SeekFrom::Start(self.at))?;
        let read = file.read(&mut buf[..wanted])?;
        if read == 0 && wanted > 0 {
            return Err(cut());
        }
        self.at += read as u64;
        Ok(read)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(piece: &Piece) -> String {
        let mut text = String::new();
        piece.read().read_to_string(&mut text).unwrap();
        text
    }

    fn append(spill_file: &SpillFile, text: &str) -> Piece {
        spill_file.append(|writer| writer.write_all(text.as_bytes())).unwrap()
    }

    #[test]
    fn pieces_are_read_in_any_order_and_their_room_is_used_again() {
        let spill_file = SpillFile::default();
        let (a, b) = (append(&spill_file, "one\ntwo\n"), append(&spill_file, "three\n"));
        let (mut half, mut of_b) = ([0; 4], [0; 3]);
        let mut reader = a.read();
        reader.read_exact(&mut half).unwrap();
        b.read().read_exact(&mut of_b).unwrap();
        let mut rest = String::new();
        reader.read_to_string(&mut rest).unwrap();
        assert_eq!((&half, &of_b, rest.as_str()), (b"one\n", b"thr", "two\n"));
        drop(reader);
        drop(a);
        assert_eq!(text(&b), "three\n", "one is still held");
        assert_eq!(text(&append(&spill_file, "")), "");
        drop(b);
        let c = append(&spill_file, "four");
        assert_eq!((c.start, text(&c).as_str()), (0, "four"));
    }

    #[test]
    fn what_cannot_be_written_leaves_nothing_behind() {
        let spill_file = SpillFile::default();
        let a = append(&spill_file, "one");
        let failed = spill_file.append(|writer| {
            writer.write_all(&[b'x'; 1 << 18])?;
            Err(io::Error::other("full"))
        });
        assert_eq!(failed.unwrap_err().to_string(), "full");
        assert_eq!((text(&append(&spill_file, "two")), text(&a)), ("two".into(), "one".into()));
        spill_file.lock().file.as_ref().unwrap().set_len(2).unwrap();
        assert_eq!(a.read().read_to_end(&mut Vec::new()).unwrap_err().kind(), io::ErrorKind::UnexpectedEof);
    }
}
