//! Writing to readers that may not read: a pipe that is full, a terminal that stands still.
//!
//! A write that waits for its reader cannot be stopped. Therefore the writer first waits until there is room,
//! with an eye on the stop flag, and then writes at most as much as a pipe that has room takes at once.

use std::fs::File;
use std::io::{self, Write};

use crate::cancel::Cancel;

/// A file, pipe or device that is written to as long as the run goes on.
#[derive(Debug)]
pub(super) struct Patient {
    file: File,
    /// Whether the reader may keep the writer waiting.
    waits: bool,
    cancel: Cancel,
    /// What is called before each write.
    before: Option<fn()>,
}

impl Patient {
    pub(super) fn new(file: File, cancel: &Cancel) -> Self {
        Self { waits: waits(&file), file, cancel: cancel.clone(), before: None }
    }

    /// Lets a function be called before each write, if the file is a terminal.
    pub(super) fn before_writes(&mut self, call: fn()) {
        use std::io::IsTerminal as _;
        self.before = self.file.is_terminal().then_some(call);
    }
}

/// Returns whether an error is the one of [`stopped`].
pub(crate) fn was_stopped(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::TimedOut
}

/// Returns the error of a run that was stopped while a reader kept it waiting.
pub(super) fn stopped() -> io::Error {
    io::Error::new(io::ErrorKind::TimedOut, "stopped while nobody read")
}

impl Write for Patient {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if let Some(call) = self.before {
            call();
        }
        if !self.waits {
            return self.file.write(bytes);
        }
        while !has_room(&self.file)? {
            if self.cancel.is_set() {
                return Err(stopped());
            }
        }
        // A pipe that has room at all takes this much (POSIX, PIPE_BUF).
        self.file.write(&bytes[..bytes.len().min(4096)])
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

#[cfg(unix)]
fn waits(file: &File) -> bool {
    use std::io::IsTerminal as _;
    use std::os::unix::fs::FileTypeExt as _;
    let special = file.metadata().map(|there| there.file_type());
    special.is_ok_and(|kind| kind.is_fifo() || kind.is_socket()) || file.is_terminal()
}

/// Waits a moment for room. Returns whether there is any.
#[cfg(unix)]
fn has_room(file: &File) -> io::Result<bool> {
    use rustix::event::{PollFd, PollFlags, Timespec, poll};
    let moment = Timespec { tv_sec: 0, tv_nsec: 50_000_000 };
    let mut asked = [PollFd::new(file, PollFlags::OUT)];
    match poll(&mut asked, Some(&moment)) {
        // A reader that has gone counts as room: the write then fails.
        Ok(ready) => Ok(ready > 0),
        Err(rustix::io::Errno::INTR) => Ok(false),
        Err(error) => Err(error.into()),
    }
}

#[cfg(not(unix))]
fn waits(_file: &File) -> bool {
    false
}

#[cfg(not(unix))]
fn has_room(_file: &File) -> io::Result<bool> {
    Ok(true)
}

/// Returns standard output as a file of our own, without a buffer in between.
#[cfg(unix)]
pub(super) fn stdout() -> io::Result<File> {
    use std::os::fd::AsFd as _;
    Ok(io::stdout().as_fd().try_clone_to_owned()?.into())
}

/// Returns standard output as a file of our own.
#[cfg(windows)]
pub(super) fn stdout() -> io::Result<File> {
    use std::os::windows::io::AsHandle as _;
    Ok(io::stdout().as_handle().try_clone_to_owned()?.into())
}

/// Opens a pipe or a device for writing, and waits for a pipe's reader as long as the run goes on.
#[cfg(unix)]
pub(super) fn open(path: &std::path::Path, cancel: &Cancel) -> io::Result<File> {
    use rustix::fs::{Mode, OFlags, fcntl_getfl, fcntl_setfl, open};
    loop {
        let flags = OFlags::WRONLY | OFlags::CLOEXEC | OFlags::NONBLOCK | OFlags::NOCTTY;
        match open(path, flags, Mode::empty()) {
            Ok(file) => {
                fcntl_setfl(&file, fcntl_getfl(&file)? - OFlags::NONBLOCK)?;
                return Ok(file.into());
            }
            // The pipe has no reader yet.
            Err(rustix::io::Errno::NXIO) if !cancel.is_set() => {
                std::thread::sleep(std::time::Duration::from_millis(20));
            }
            Err(rustix::io::Errno::NXIO) => return Err(stopped()),
            Err(rustix::io::Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
    }
}

#[cfg(not(unix))]
pub(super) fn open(path: &std::path::Path, _cancel: &Cancel) -> io::Result<File> {
    std::fs::OpenOptions::new().write(true).open(path)
}
