//! The names of files that roll: those of finished files, those of growing ones, and which of them are there.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use crate::format::FormatName;

/// The ending of a growing file's name.
const OPEN: &str = "open";
/// How the name of a finished file begins.
const STEM: &str = "findings-";

/// The folder of finished files, and the one of growing files.
#[derive(Debug)]
pub(super) struct Names {
    pub(super) target: PathBuf,
    pub(super) own: PathBuf,
}

impl Names {
    /// Returns where the growing file of a number is.
    pub(super) fn growing(&self, number: u64, format: FormatName) -> PathBuf {
        self.own.join(format!("{number:08}.{format}.{OPEN}"))
    }

    /// Returns where the finished file of a number goes.
    pub(super) fn finished(&self, number: u64, format: FormatName) -> PathBuf {
        let extension = match format {
            FormatName::Csv => "csv",
            FormatName::Table => "txt",
            _ => "ndjson",
        };
        self.target.join(format!("{STEM}{number:08}.{extension}"))
    }

    /// Returns the growing files that are there, in the order of their numbers.
    pub(super) fn all_growing(&self) -> io::Result<Vec<(u64, PathBuf)>> {
        numbered(&self.own, |name| name.ends_with(OPEN).then_some(name))
    }

    /// Returns the finished files that are there, in the order of their numbers.
    pub(super) fn all_finished(&self) -> io::Result<Vec<(u64, PathBuf)>> {
        numbered(&self.target, |name| name.strip_prefix(STEM))
    }
}

/// Returns the format that the name of a growing file says.
pub(super) fn format_of(path: &Path) -> Option<FormatName> {
    path.file_name()?.to_str()?.split('.').nth(1)?.parse().ok()
}

/// Returns the files of a folder whose names begin with a number, behind what `strip` takes away, in the order of
/// the numbers.
fn numbered(folder: &Path, strip: impl Fn(&str) -> Option<&str>) -> io::Result<Vec<(u64, PathBuf)>> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let name = entry.file_name();
        let number = name.to_str().and_then(&strip).and_then(|rest| rest.split('.').next()?.parse().ok());
        files.extend(number.map(|number| (number, entry.path())));
    }
    files.sort();
    Ok(files)
}
