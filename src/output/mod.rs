//! The outputs of a run: findings in any formats, error lines, and the manifest.
//!
//! [`Outputs`] is the [`Sink`] of the command. `Outputs` renders each finding with the [`Format`] of each
//! [`FindingFile`] and appends whole lines. Where the reader of standard output goes and other outputs
//! remain, the run goes on without standard output. At the end all files are put in place, and one that fails
//! does not keep the others out.

mod by_time;
pub mod error_line;
pub mod file;
pub mod manifest;
pub mod partial;
pub(crate) mod patient;
pub mod sink;

use crate::error::ObjectError;
use crate::finding::Finding;
use crate::format::Format;
use crate::scan::report::Report;
use by_time::ByTime;
use file::OutFile;
use manifest::Manifest;
use partial::Committed;
use sink::{Sink, SinkError};

/// Findings in one format, in one place.
pub struct FindingFile {
    format: Box<dyn Format>,
    file: OutFile,
    /// Lines that wait for the end, where they are written by time.
    by_time: Option<ByTime>,
}

impl std::fmt::Debug for FindingFile {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("FindingFile").field("file", &self.file).finish_non_exhaustive()
    }
}

impl FindingFile {
    /// Begins the file with the format's header, unless an earlier part of the run has done so.
    ///
    /// # Errors
    ///
    /// Fails where the file cannot be written.
    pub fn new(format: Box<dyn Format>, mut file: OutFile) -> Result<Self, SinkError> {
        if !file.goes_on()? {
            let mut header = Vec::new();
            format.header(&mut header);
            file.write(&header)?;
        }
        Ok(Self { format, file, by_time: None })
    }

    /// Lets the findings wait for the end of the run, and come in the order of time then. What is too much for the
    /// memory is spilled.
    #[must_use]
    pub fn sorted_by_time(self) -> Self {
        Self { by_time: Some(ByTime::new()), ..self }
    }

    fn write(&mut self, finding: &Finding, line: &[u8]) -> Result<(), SinkError> {
        match &mut self.by_time {
            Some(lines) => Ok(lines.add(finding.time.as_deref(), line)?),
            None => self.file.write(line),
        }
    }

    /// Writes what waits, and puts the file in place.
    fn finish(mut self) -> Result<(), SinkError> {
        let written = self.by_time.take().map_or(Ok(()), |lines| lines.write(&mut self.file));
        written.and_then(|()| self.file.finish())
    }
}

/// Bytes of the buffer that are kept for the next line: longer lines are few.
const LONG_LINE: usize = 4 << 20;

/// All outputs of a run.
#[derive(Debug)]
pub struct Outputs {
    findings: Vec<FindingFile>,
    errors: Option<OutFile>,
    manifest: Option<Manifest>,
    keep_record: bool,
    /// Whether standard output is the only output.
    alone: bool,
    line: Vec<u8>,
}

impl Outputs {
    /// Returns the outputs. `keep_record` says whether findings keep the record's text (`--no-raw` leaves it
    /// out).
    pub fn new(findings: Vec<FindingFile>, errors: Option<OutFile>, keep_record: bool) -> Self {
        Self { findings, errors, manifest: None, keep_record, alone: true, line: Vec::new() }
    }

    /// Notes that there are outputs that must be whole even where the reader of standard output goes.
    pub fn with_others(self) -> Self {
        Self { alone: false, ..self }
    }

    /// Applies an action to all files of findings and errors.
    ///
    /// A reader of standard output that has gone ends the run if that was the only output. Otherwise standard
    /// output is dropped.
    fn each(
        &mut self,
        mut action: impl FnMut(&mut OutFile) -> Result<(), SinkError>,
    ) -> Result<(), SinkError> {
        let mut at = 0;
        while let Some(finding) = self.findings.get_mut(at) {
            match action(&mut finding.file) {
                Err(SinkError::Closed) if !self.alone => drop(self.findings.remove(at)),
                result => {
                    result?;
                    at += 1;
                }
            }
        }
        self.errors.as_mut().map_or(Ok(()), action)
    }

    fn files(&mut self) -> impl Iterator<Item = &mut OutFile> {
        self.findings.iter_mut().map(|finding| &mut finding.file).chain(&mut self.errors)
    }

    /// Sets the manifest, in which every object is noted.
    pub fn note_objects(&mut self, manifest: Manifest) {
        self.manifest = Some(manifest);
    }

    /// Takes the manifest, which is closed after everything else.
    pub fn take_manifest(&mut self) -> Option<Manifest> {
        self.manifest.take()
    }

    /// Puts all files in place.
    ///
    /// # Errors
    ///
    /// Fails where a file cannot be put in place; the others are put in place all the same.
    pub fn finish(self) -> Result<(), SinkError> {
        let findings = self.findings.into_iter().map(FindingFile::finish);
        let mut result = Ok(());
        // A file that fails must not keep the others from being put in place.
        for finished in findings.chain(self.errors.into_iter().map(OutFile::finish)) {
            match finished {
                Err(SinkError::Closed) if !self.alone => {}
                finished => result = result.and(finished),
            }
        }
        result
    }
}

impl Sink for Outputs {
    fn finding(&mut self, mut finding: Finding) -> Result<(), SinkError> {
        if !self.keep_record {
            finding.cloudtrail = None;
        }
        if self.line.capacity() > LONG_LINE {
            self.line = Vec::new();
        }
        let mut at = 0;
        while let Some(to) = self.findings.get_mut(at) {
            self.line.clear();
            if let Err(error) = to.format.write(&finding, &mut self.line) {
                let source = std::io::Error::other(error);
                return Err(SinkError::Failed(crate::error::Fatal::Output {
                    path: "a finding".into(),
                    source,
                }));
            }
            match to.write(&finding, &self.line) {
                Err(SinkError::Closed) if !self.alone => drop(self.findings.remove(at)),
                result => {
                    result?;
                    at += 1;
                }
            }
        }
        Ok(())
    }

    fn error(&mut self, error: &ObjectError) -> Result<(), SinkError> {
        let Some(file) = &mut self.errors else { return Ok(()) };
        self.line.clear();
        error_line::write(error, &mut self.line);
        file.write(&self.line)
    }

    fn object(&mut self, report: &Report) -> Result<(), SinkError> {
        match &mut self.manifest {
            Some(manifest) => manifest.object(report),
            None => Ok(()),
        }
    }

    fn idle(&mut self) -> Result<(), SinkError> {
        self.each(OutFile::idle)?;
        self.manifest.as_mut().map_or(Ok(()), Manifest::idle)
    }

    fn commit(&mut self) -> Result<Vec<Committed>, SinkError> {
        let mut all: Vec<Committed> = self.files().map(OutFile::commit).collect::<Result<_, _>>()?;
        if let Some(manifest) = &mut self.manifest {
            all.push(manifest.commit()?);
        }
        Ok(all)
    }
}
