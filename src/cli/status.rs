//! The line at the bottom of a terminal that is drawn again and again while a run is at work.
//!
//! A process has one standard error, and so it has one such line. [`draw`] replaces the line, and whatever else
//! goes to the terminal takes the line away first, with [`aside`] or [`clear`], so that no two texts share a
//! line. A line that was drawn for a wide terminal may stand in several rows of a narrow one; all of them are
//! erased.

use std::io::{self, Write as _};
use std::sync::{Mutex, PoisonError};

use super::screen::error_width;

/// The cells of the line that stands on the terminal; 0: none does.
static STANDING: Mutex<usize> = Mutex::new(0);

/// Draws the line, if there is a terminal. `compose` is given the cells that the line may take, and must not use more;
/// its text is ASCII.
pub(super) fn draw(compose: impl FnOnce(usize) -> String) {
    let Some(width) = error_width() else { return };
    // A terminal's last column stays free: text in it makes some terminals begin the next row.
    let text = compose(width.saturating_sub(1));
    let mut standing = STANDING.lock().unwrap_or_else(PoisonError::into_inner);
    write(&format!("{}{text}", erase(*standing, width)));
    *standing = text.len();
}

/// Takes the line away.
pub(super) fn clear() {
    aside(|| ());
}

/// Takes the line away and prints something else, with nothing drawn in between.
pub(super) fn aside<T>(print: impl FnOnce() -> T) -> T {
    let mut standing = STANDING.lock().unwrap_or_else(PoisonError::into_inner);
    let cells = std::mem::take(&mut *standing);
    if cells > 0 {
        write(&erase(cells, error_width().unwrap_or(80)));
    }
    print()
}

/// Writes to standard error; a terminal that is gone does not stop the run.
fn write(text: &str) {
    let mut stderr = io::stderr().lock();
    let _gone = stderr.write_all(text.as_bytes()).and_then(|()| stderr.flush());
}

/// Returns what erases a line of so many cells on a terminal that has `width` of them in a row now.
fn erase(cells: usize, width: usize) -> String {
    match cells.saturating_sub(1) / width.max(1) {
        _ if cells == 0 => String::new(),
        0 => "\r\x1b[2K".into(),
        rows => format!("\r\x1b[{rows}A\x1b[J"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_erased_in_all_rows_that_it_takes_now() {
        assert_eq!(erase(0, 80), "");
        assert_eq!(erase(79, 80), "\r\x1b[2K");
        assert_eq!(erase(80, 80), "\r\x1b[2K");
        assert_eq!(erase(81, 80), "\r\x1b[1A\x1b[J");
        assert_eq!(erase(119, 40), "\r\x1b[2A\x1b[J");
        assert_eq!(erase(5, 0), "\r\x1b[4A\x1b[J");
    }
}
