//! What the terminal and the locale can show.

use std::borrow::Cow;
use std::ffi::OsString;
use std::io::{self, IsTerminal as _};

use roottrail::text::table::ascii;
use terminal_size::{Height, Width, terminal_size_of};

/// Returns the value of a variable that is set to something.
pub(super) fn variable(name: &str) -> Option<OsString> {
    std::env::var_os(name).filter(|value| !value.is_empty())
}

/// Returns whether the terminal knows no escape sequences.
pub(super) fn is_dumb() -> bool {
    variable("TERM").is_some_and(|term| term == "dumb")
}

/// Returns whether the locale's characters are ASCII alone, or of another encoding than UTF-8. Where nothing is
/// set, the locale is C.
pub(super) fn is_ascii() -> bool {
    let locale = ["LC_ALL", "LC_CTYPE", "LANG"].into_iter().find_map(variable).unwrap_or_default();
    let locale = locale.to_string_lossy().to_ascii_lowercase();
    !locale.contains("utf-8") && !locale.contains("utf8")
}

/// Returns a text as the locale can show it: elsewhere than in UTF-8, characters beyond ASCII are escaped.
pub(super) fn in_locale(text: &str) -> Cow<'_, str> {
    if is_ascii() { ascii(text) } else { Cow::Borrowed(text) }
}

/// Returns the cells in a line of standard output, if that is a terminal.
pub(super) fn screen_width() -> Option<usize> {
    io::stdout().is_terminal().then(|| width(terminal_size_of(io::stdout())))
}

/// Returns the cells in a line of standard error, if that is a terminal.
pub(super) fn error_width() -> Option<usize> {
    io::stderr().is_terminal().then(|| width(terminal_size_of(io::stderr())))
}

fn width(size: Option<(Width, Height)>) -> usize {
    let columns = || std::env::var("COLUMNS").ok().and_then(|text| text.parse().ok());
    size.map(|(width, _)| usize::from(width.0)).filter(|&width| width > 0).or_else(columns).unwrap_or(80)
}
