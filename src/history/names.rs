//! The names of objects that are known and so are not read, in an unnamed temporary file: they may be as many as a
//! bucket has objects.

use std::fs::File;
use std::io::{self, BufReader, BufWriter, Read as _, Seek as _, SeekFrom, Write as _};

/// Names in the order in which they came.
#[derive(Debug, Default)]
pub(super) struct Names {
    file: Option<BufWriter<File>>,
    count: u64,
    /// The listing cannot stop for a disk that is full: whoever asks for the names hears of it.
    failed: Option<io::Error>,
}

impl Names {
    pub(super) fn push(&mut self, name: &str) {
        if self.failed.is_none() {
            self.failed = self.write(name).err();
        }
    }

    fn write(&mut self, name: &str) -> io::Result<()> {
        let file = match &mut self.file {
            Some(file) => file,
            none => none.insert(BufWriter::new(tempfile::tempfile()?)),
        };
        let length = u32::try_from(name.len()).map_err(io::Error::other)?;
        file.write_all(&length.to_le_bytes())?;
        file.write_all(name.as_bytes())?;
        self.count += 1;
        Ok(())
    }

    /// Hands each name to `to`.
    ///
    /// # Errors
    ///
    /// Fails where a name could not be written or cannot be read back, and where `to` fails.
    pub(super) fn each(&mut self, to: &mut dyn FnMut(&str) -> io::Result<()>) -> io::Result<()> {
        if let Some(error) = self.failed.take() {
            return Err(error);
        }
        let Some(file) = &mut self.file else { return Ok(()) };
        file.flush()?;
        let file = file.get_mut();
        file.seek(SeekFrom::Start(0))?;
        let mut reader = BufReader::new(&*file);
        let mut name = Vec::new();
        for _ in 0..self.count {
            let mut length = [0; 4];
            reader.read_exact(&mut length)?;
            name.resize(usize::try_from(u32::from_le_bytes(length)).map_err(io::Error::other)?, 0);
            reader.read_exact(&mut name)?;
            to(std::str::from_utf8(&name).map_err(io::Error::other)?)?;
        }
        file.seek(SeekFrom::End(0))?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_come_back_whatever_is_in_them() {
        let mut names = Names::default();
        let mut none = 0;
        names
            .each(&mut |_| {
                none += 1;
                Ok(())
            })
            .unwrap();
        let all = ["a\nb", "", "\u{e9}"];
        for (n, name) in all.iter().enumerate() {
            names.push(name);
            let mut read = Vec::new();
            names
                .each(&mut |name| {
                    read.push(name.to_owned());
                    Ok(())
                })
                .unwrap();
            assert_eq!(read, all[..=n]);
        }
        assert_eq!(none, 0);
        assert!(names.each(&mut |_| Err(io::ErrorKind::Other.into())).is_err());
    }
}
