//! Reading a file whole, up to a size: what is named on a command line may be a device that does not end.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

/// Reads to the end.
///
/// # Errors
///
/// Fails where there are more than `most` bytes, and where they cannot be read.
pub fn read(from: impl Read, most: u64) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    from.take(most.saturating_add(1)).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > most { Err(too_large(most)) } else { Ok(bytes) }
}

fn too_large(most: u64) -> io::Error {
    let why = format!("it has more than {most} bytes, which is the most that is read");
    io::Error::new(io::ErrorKind::FileTooLarge, why)
}

/// Reads a file to its end.
///
/// # Errors
///
/// Fails as [`read()`] does, and where the file cannot be opened.
pub fn file(path: &Path, most: u64) -> io::Result<Vec<u8>> {
    let file = File::open(path)?;
    if file.metadata()?.len() > most { Err(too_large(most)) } else { read(file, most) }
}

/// Reads a file of text to its end.
///
/// # Errors
///
/// Fails as [`file()`] does, and where the bytes are not UTF-8.
pub fn text(path: &Path, most: u64) -> io::Result<String> {
    String::from_utf8(file(path, most)?).map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_does_not_end_is_an_error_at_the_bound() {
        assert_eq!(read(&b"four"[..], 4).unwrap(), b"four");
        for endless in [&mut &b"fives"[..] as &mut dyn Read, &mut io::repeat(0)] {
            let error = read(endless, 4).unwrap_err();
            assert_eq!(error.kind(), io::ErrorKind::FileTooLarge);
            assert!(error.to_string().contains("more than 4 bytes"), "{error}");
        }
        assert!(read(io::empty(), u64::MAX).unwrap().is_empty());
    }
}
