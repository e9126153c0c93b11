//! Findings on their way to a SIEM: each batch a file, which is delivered and then removed.
//!
//! A batch is committed to a file as in a folder of rolling files, so that a kill loses nothing. The file is then
//! delivered by [`ship::run`], with a cursor beside it; once the server has taken or refused every finding of it, the
//! file is removed, then the cursor, and only then are the messages of the batch deleted. A process that starts delivers
//! first what it finds. A server that does not answer, or refuses everything, is tried again without end. The delivery
//! runs in a thread of its own, so that a run that is over need not wait for the answer to a request.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use crossbeam_channel::{RecvTimeoutError, bounded};

use super::LOOK;
use super::intake::sleep;
use super::place::FollowPlace;
use super::rolling::{Roll, Rolling};
use super::state::Grown;
use crate::cancel::Cancel;
use crate::error::{Fatal, chain, start};
use crate::finding::Finding;
use crate::format::{FormatName, FormatOptions};
use crate::output::partial::sync_folder;
use crate::output::sink::SinkError;
use crate::ship::{self, Event, ShipError, ShipOptions, ShipSummary, ShipWatch};

/// The pause before another delivery, where the last one gave up.
const PAUSE: Duration = Duration::from_secs(30);

/// Says what happens in a delivery, from a thread of its own.
pub type ShipTold = Arc<dyn Fn(Event) + Send + Sync>;

/// A folder of files on their way to a server.
pub struct Outbox {
    files: Rolling,
    options: ShipOptions,
    told: ShipTold,
    /// Nothing is waited for any more.
    over: Cancel,
    refused: u64,
}

impl std::fmt::Debug for Outbox {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Outbox").field("files", &self.files).finish_non_exhaustive()
    }
}

impl Outbox {
    /// Opens the outbox in the folder of a state, and goes on where the journal says. Of the options, the files are set
    /// here.
    ///
    /// # Errors
    ///
    /// Fails as [`Rolling::open`] does.
    pub fn open(
        folder: &Path,
        grown: Grown,
        options: ShipOptions,
        told: ShipTold,
        over: &Cancel,
    ) -> Result<Self, Fatal> {
        let format = (FormatName::Ndjson, &FormatOptions::default());
        let roll = Roll { size: u64::MAX, age: Duration::MAX };
        let files = Rolling::open(&folder.join("outbox"), folder, format, roll, grown)?;
        Ok(Self { files, options, told, over: over.clone(), refused: 0 })
    }

    /// Delivers all files that are finished. Returns whether they are delivered.
    fn deliver(&mut self) -> Result<bool, SinkError> {
        loop {
            let files = self.files.finished()?;
            if files.is_empty() {
                return Ok(true);
            }
            let Some(result) = self.ship(files.clone())? else { return Ok(false) };
            match result {
                Ok(summary) => {
                    self.refused += summary.dead_letters;
                    self.remove(&files)?;
                }
                Err(error @ (ShipError::Refused(_) | ShipError::GaveUp { .. })) => {
                    (self.told)(Event::Pause { reason: chain(&error), delay: PAUSE });
                    if !sleep(PAUSE, &self.over) {
                        return Ok(false);
                    }
                }
                Err(ShipError::OtherCursor { path, why }) => {
                    let text = format!(
                        "the cursor {path} does not fit: {why}; name the --url that it is of until its findings are \
                         delivered, or another --state, or delete it to deliver them from the start"
                    );
                    return Err(SinkError::Failed(start(text)));
                }
                Err(error) => return Err(SinkError::Failed(start(chain(&error)))),
            }
        }
    }

    /// Delivers files once. `None`: the run is over before the end.
    fn ship(&self, files: Vec<PathBuf>) -> Result<Option<Result<ShipSummary, ShipError>>, SinkError> {
        let options = ShipOptions { files, ..self.options.clone() };
        let mut watch = Watch(Arc::clone(&self.told));
        let (sender, shipped) = bounded(1);
        let work = move || {
            // Nobody listens where the run is over.
            let _over = sender.send(ship::run(&options, &mut watch));
        };
        let started = thread::Builder::new().name("shipper".to_owned()).spawn(work);
        started.map_err(|error| SinkError::Failed(start(format!("cannot start a thread: {error}"))))?;
        while !self.over.is_set() {
            match shipped.recv_timeout(LOOK) {
                Ok(result) => return Ok(Some(result)),
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => {
                    let text = "internal error in the delivery, please report";
                    return Err(SinkError::Failed(start(text.to_owned())));
                }
            }
        }
        Ok(None)
    }

    /// Removes files that are delivered. The cursor goes last: without it, a file would be delivered again.
    fn remove(&self, files: &[PathBuf]) -> Result<(), SinkError> {
        let failed = |path: &Path, source| {
            SinkError::Failed(Fatal::Output { path: path.display().to_string(), source })
        };
        for file in files {
            fs::remove_file(file).map_err(|source| failed(file, source))?;
        }
        if let Some(file) = files.first() {
            sync_folder(file).map_err(|source| failed(file, source))?;
        }
        match fs::remove_file(&self.options.cursor) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(failed(&self.options.cursor, error)),
            _ => Ok(()),
        }
    }
}

impl FollowPlace for Outbox {
    fn finding(&mut self, finding: &Finding) -> Result<(), SinkError> {
        self.files.finding(finding)
    }

    fn write_out(&mut self) -> Result<Grown, SinkError> {
        self.files.write_out()
    }

    fn settle(&mut self) -> Result<bool, SinkError> {
        self.files.roll()?;
        self.deliver()
    }

    fn refused(&self) -> u64 {
        self.refused
    }
}

struct Watch(ShipTold);

impl ShipWatch for Watch {
    fn event(&mut self, event: Event) {
        (self.0)(event);
    }
}
