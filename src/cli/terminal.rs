//! Text for people on standard error: nothing that comes from a log may act on their terminal.
#![allow(clippy::print_stderr, reason = "the one place that writes to standard error")]

use std::borrow::Cow;
use std::io::{self, IsTerminal as _, Write as _};

use super::screen::variable;
pub(super) use super::screen::{in_locale, is_ascii, is_dumb, screen_width};
use super::status;
use clap::ValueEnum;
use roottrail::printable::without_userinfo;
use roottrail::text::table::inert;
use unicode_width::UnicodeWidthStr as _;

/// When to use colour.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum ColorChoice {
    /// On a terminal, unless NO_COLOR is set
    Auto,
    /// Always
    Always,
    /// Never
    Never,
}

impl ColorChoice {
    /// Returns whether text on standard error is coloured.
    pub(super) fn on_stderr(self) -> bool {
        self.on(io::stderr().is_terminal())
    }

    /// Returns whether text on standard output is coloured.
    pub(super) fn on_stdout(self) -> bool {
        self.on(io::stdout().is_terminal())
    }

    fn on(self, terminal: bool) -> bool {
        match self {
            ColorChoice::Always => true,
            ColorChoice::Never => false,
            ColorChoice::Auto => terminal && variable("NO_COLOR").is_none() && !is_dumb(),
        }
    }
}

/// Returns whether somebody can be asked.
pub(super) fn can_ask() -> bool {
    io::stdin().is_terminal() && io::stderr().is_terminal()
}

/// Asks for a line. Returns `None` where there is none.
pub(super) fn ask(question: &str) -> Option<String> {
    status::aside(|| eprint!("{}", plain(question)));
    let mut answer = String::new();
    let read = io::stdin().read_line(&mut answer);
    read.is_ok_and(|n| n > 0).then(|| answer.trim().to_owned())
}

/// Returns the text with those characters escaped that act on a terminal, turn the direction of writing or
/// are invisible.
pub(super) fn plain(text: &str) -> String {
    inert(text, usize::MAX).into_owned()
}

/// Returns the text in lines of at most `width` cells, broken between words, all but the first with `indent`
/// blanks before them. A word that is wider than a line stands alone.
pub(super) fn folded(text: &str, width: usize, indent: usize) -> Vec<String> {
    let (mut lines, mut line, mut used) = (Vec::new(), String::new(), 0);
    for word in text.split_inclusive(' ') {
        let begun = !line.trim().is_empty();
        if begun && used + word.trim_end().width() > width {
            lines.push(line.trim_end().to_owned());
            line = " ".repeat(indent);
            used = indent;
        }
        line.push_str(word);
        used += word.width();
    }
    lines.push(line);
    lines
}

/// Writes one line to standard error. A closed standard error does not stop the command.
pub(super) fn line(text: &str) {
    let text = without_userinfo(text);
    let shown = if io::stderr().is_terminal() { in_locale(&text) } else { Cow::Borrowed(&*text) };
    let _unread = status::aside(|| writeln!(io::stderr().lock(), "{shown}"));
}

/// Writes an error with its causes.
pub(super) fn print_error(error: &anyhow::Error) {
    for (n, text) in format!("{error:#}").lines().enumerate() {
        line(&format!("{}{}", if n == 0 { "roottrail: " } else { "  " }, plain(text)));
    }
}
