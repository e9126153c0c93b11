//! Texts for people. Those from strangers are made harmless: nothing in them may act on a terminal, hide a line or
//! forge one.

mod span;
pub mod table;

pub use span::span;

/// Returns whether a character is a control character, a line or paragraph separator, or a mark that reorders
/// or hides text.
pub fn is_unprintable(ch: char) -> bool {
    ch.is_control()
        || matches!(ch,
            '\u{00ad}' | '\u{061c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}')
}

/// Escapes the characters by which a server's text could act on a terminal or on a line-based report.
pub fn one_line(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut blank = false;
    for ch in text.chars() {
        if ch.is_whitespace() {
            blank = true;
            continue;
        }
        if blank && !out.is_empty() {
            out.push(' ');
        }
        blank = false;
        if is_unprintable(ch) {
            out.extend(ch.escape_unicode());
        } else {
            out.push(ch);
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_acts_on_a_terminal_or_hides() {
        assert_eq!(one_line(" a\r\n b\u{1b}[2J "), "a b\\u{1b}[2J");
    }
}
