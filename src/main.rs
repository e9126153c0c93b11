//! The `roottrail` command.

mod cli;

use std::process::ExitCode;
use std::thread;

/// The stack of a main thread on Linux.
const STACK: usize = 8 << 20;

/// Runs the command on a thread called `driver`: the name of the main thread is that of the process.
fn main() -> ExitCode {
    match thread::Builder::new().name("driver".to_owned()).stack_size(STACK).spawn(cli::run) {
        Ok(driver) => driver.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)),
        Err(_no_thread_to_spare) => cli::run(),
    }
}
