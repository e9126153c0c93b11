//! Text for people on standard error: nothing that comes from a log may act on their terminal.
#![allow(clippy::print_stderr, reason = "the one place that writes to standard error")]

use std::io::{self, IsTerminal as _, Write as _};

use clap::ValueEnum;

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
    /// Whether text on standard error is coloured.
    pub(super) fn on_stderr(self) -> bool {
        match self {
            ColorChoice::Always => true,
            ColorChoice::Never => false,
            ColorChoice::Auto => {
                io::stderr().is_terminal()
                    && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
            }
        }
    }
}

/// The text with control characters, and those that turn the direction of writing, escaped.
pub(super) fn plain(text: &str) -> String {
    let harmless = |char: char| {
        !char.is_control()
            && !matches!(char, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
    };
    text.chars().fold(String::with_capacity(text.len()), |mut safe, char| {
        if harmless(char) {
            safe.push(char)
        } else {
            safe.extend(char.escape_unicode())
        }
        safe
    })
}

/// Writes one line to standard error. That nobody reads it is no reason to stop.
pub(super) fn line(text: &str) {
    let _unread = writeln!(io::stderr().lock(), "{text}");
}

/// Writes an error with its causes.
pub(super) fn print_error(error: &anyhow::Error) {
    for (n, text) in format!("{error:#}").lines().enumerate() {
        line(&format!("{}{}", if n == 0 { "roottrail: " } else { "  " }, plain(text)));
    }
}
