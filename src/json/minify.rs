//! The grammar check: one record's bytes to its own JSON text, without insignificant white space.
//!
//! Everything that RFC 8259 allows passes, whatever the size of a number or the escapes in a string. Two
//! things that the RFC does not allow are repaired and reported, because a record that holds them is still
//! evidence: bytes that are not UTF-8 (U+FFFD) and raw control characters in strings (escaped). The pass goes
//! over the text once and copies as it checks. Open containers are kept on a heap stack of one byte a level,
//! so that no depth can overflow the thread's stack.
//!
//! No crate's reader does that: serde_json refuses both repairs, and its recursion has a limit. The check runs at
//! 250 MiB/s (`benches/stages`), and only candidates pay for it.

use std::fmt;

/// The repairs of a record's text.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Repairs {
    /// Bytes that are not UTF-8 were replaced by U+FFFD.
    pub invalid_utf8: bool,
    /// Raw control characters in strings were escaped.
    pub control_characters: bool,
}

impl Repairs {
    /// Returns whether the text was repaired at all.
    pub fn any(self) -> bool {
        self.invalid_utf8 || self.control_characters
    }

    /// Adds what was repaired in another text.
    pub fn add(&mut self, other: Self) {
        self.invalid_utf8 |= other.invalid_utf8;
        self.control_characters |= other.control_characters;
    }
}

/// Bytes of a text that was repaired. Three stand for each that is not UTF-8, and six for a control character.
const MOST: usize = 64 << 20;

/// Where and why a text is not JSON.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SyntaxError {
    /// Byte offset into the text.
    pub offset: usize,
    /// What stood at the offset, or should have.
    pub what: &'static str,
    /// Whether a string has no end.
    pub unterminated: bool,
}

impl fmt::Display for SyntaxError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} at byte {}", self.what, self.offset)
    }
}

impl std::error::Error for SyntaxError {}

/// Appends the one JSON value in `text` to `out`, minified and as valid UTF-8. The nesting depth is not
/// limited.
///
/// # Errors
///
/// Fails where `text` is not exactly one value by the grammar; `out` then holds a part of it.
pub fn minify(text: &[u8], out: &mut String) -> Result<Repairs, SyntaxError> {
    let mut pass = Pass { text, at: 0, out, repairs: Repairs::default() };
    let mut open: Vec<u8> = Vec::new();
    loop {
        pass.white_space();
        let closed = match pass.peek() {
            Some(container @ (b'{' | b'[')) => {
                pass.copy(1);
                pass.white_space();
                let end = container + 2;
                if pass.peek() == Some(end) {
                    pass.copy(1);
                    true
                } else {
                    open.push(container);
                    if container == b'{' {
                        pass.key()?;
                    }
                    false
                }
            }
            Some(_) => {
                pass.scalar()?;
                true
            }
            None => return Err(pass.error("unexpected end of the text")),
        };
        if closed && !pass.after_value(&mut open)? {
            break;
        }
    }
    pass.white_space();
    if pass.at == text.len() { Ok(pass.repairs) } else { Err(pass.error("text after the value")) }
}

struct Pass<'t> {
    text: &'t [u8],
    at: usize,
    out: &'t mut String,
    repairs: Repairs,
}

impl Pass<'_> {
    fn error(&self, what: &'static str) -> SyntaxError {
        SyntaxError { offset: self.at, what, unterminated: false }
    }

    fn peek(&self) -> Option<u8> {
        self.text.get(self.at).copied()
    }

    fn white_space(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\t' | b'\n' | b'\r')) {
            self.at += 1;
        }
    }

    /// Copies `n` bytes that are known to be ASCII.
    fn copy(&mut self, n: usize) {
        self.out.extend(self.text[self.at..self.at + n].iter().map(|&byte| char::from(byte)));
        self.at += n;
    }

    /// Passes over what may follow a value: a comma leads to the next one, a bracket closes. Returns `false`
    /// after the outermost value.
    fn after_value(&mut self, open: &mut Vec<u8>) -> Result<bool, SyntaxError> {
        while let Some(&container) = open.last() {
            self.white_space();
            match self.peek() {
                Some(b',') => {
                    self.copy(1);
                    if container == b'{' {
                        self.white_space();
                        self.key()?;
                    }
                    return Ok(true);
                }
                Some(byte) if byte == container + 2 => {
                    self.copy(1);
                    open.pop();
                }
                _ => return Err(self.error("expected a comma or a closing bracket")),
            }
        }
        Ok(false)
    }

    fn key(&mut self) -> Result<(), SyntaxError> {
        if self.peek() != Some(b'"') {
            return Err(self.error("expected a key in quotes"));
        }
        self.string()?;
        self.white_space();
        if self.peek() != Some(b':') {
            return Err(self.error("expected a colon"));
        }
        self.copy(1);
        Ok(())
    }

    fn scalar(&mut self) -> Result<(), SyntaxError> {
        match self.peek() {
            Some(b'"') => self.string(),
            Some(b'-' | b'0'..=b'9') => self.number(),
            _ => {
                for word in ["true", "false", "null"] {
                    if self.text[self.at..].starts_with(word.as_bytes()) {
                        self.copy(word.len());
                        return Ok(());
                    }
                }
                Err(self.error("expected a value"))
            }
        }
    }

    fn number(&mut self) -> Result<(), SyntaxError> {
        let rest = &self.text[self.at..];
        match number_len(rest) {
            Some(n) => {
                self.copy(n);
                Ok(())
            }
            None => Err(self.error("malformed number")),
        }
    }

    fn string(&mut self) -> Result<(), SyntaxError> {
        self.copy(1);
        loop {
            let rest = &self.text[self.at..];
            let plain = rest.iter().position(|&byte| byte == b'"' || byte == b'\\' || byte < 0x20);
            let Some(plain) = plain else {
                return Err(SyntaxError { unterminated: true, ..self.error("unterminated string") });
            };
            self.push_utf8(plain)?;
            match self.text[self.at] {
                b'"' => {
                    self.copy(1);
                    return Ok(());
                }
                b'\\' => self.escape()?,
                control => {
                    self.repairs.control_characters = true;
                    self.out.push_str(&format!("\\u{control:04x}"));
                    self.at += 1;
                    self.bounded()?;
                }
            }
        }
    }

    fn push_utf8(&mut self, n: usize) -> Result<(), SyntaxError> {
        for chunk in self.text[self.at..self.at + n].utf8_chunks() {
            self.out.push_str(chunk.valid());
            if !chunk.invalid().is_empty() {
                self.repairs.invalid_utf8 = true;
                self.out.push(char::REPLACEMENT_CHARACTER);
                self.bounded()?;
            }
        }
        self.at += n;
        Ok(())
    }

    /// Ends a text that repairs make too long.
    fn bounded(&self) -> Result<(), SyntaxError> {
        if self.out.len() > MOST { Err(self.error("more than 64 MiB once it is repaired")) } else { Ok(()) }
    }

    fn escape(&mut self) -> Result<(), SyntaxError> {
        let rest = &self.text[self.at..];
        match rest.get(1) {
            Some(b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't') => self.copy(2),
            Some(b'u') if rest.get(2..6).is_some_and(|hex| hex.iter().all(u8::is_ascii_hexdigit)) => {
                self.copy(6);
            }
            _ => return Err(self.error("malformed escape")),
        }
        Ok(())
    }
}

/// Returns the length of the number that `text` begins with, by the grammar.
pub(crate) fn number_len(text: &[u8]) -> Option<usize> {
    let digits = |from: usize| text[from..].iter().take_while(|byte| byte.is_ascii_digit()).count();
    let mut at = usize::from(text.first() == Some(&b'-'));
    match digits(at) {
        0 => return None,
        n if n > 1 && text[at] == b'0' => return None,
        n => at += n,
    }
    if text.get(at) == Some(&b'.') {
        match digits(at + 1) {
            0 => return None,
            n => at += 1 + n,
        }
    }
    if matches!(text.get(at), Some(b'e' | b'E')) {
        let sign = usize::from(matches!(text.get(at + 1), Some(b'+' | b'-')));
        match digits(at + 1 + sign) {
            0 => return None,
            n => at += 1 + sign + n,
        }
    }
    Some(at)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn repairs_make_no_text_longer_than_any_value_may_be() {
        let text = |n: usize| [&b"\""[..], &vec![0xff; n], b"\""].concat();
        let mut out = String::new();
        assert!(minify(&text(MOST / 3 - 1), &mut out).unwrap().invalid_utf8);
        out.clear();
        let error = minify(&text(MOST / 3 + 1), &mut out).unwrap_err();
        assert!(error.what.contains("once it is repaired"), "{error}");
        assert!(out.len() <= MOST + 3);
        out.clear();
        out.push_str(&"x".repeat(MOST));
        assert!(minify(b"\"\x01\"", &mut out).is_err() && minify(b"\"a\"", &mut out).is_ok());
    }

    fn min(text: &[u8]) -> Result<(String, Repairs), SyntaxError> {
        let mut out = String::new();
        minify(text, &mut out).map(|repairs| (out, repairs))
    }

    #[test]
    fn keeps_numbers_escapes_and_order() {
        let text = br#" { "b" : 1e400 , "a":[ -0.50E+1, "\ud800 \/" ,{ } , [ ] ] } "#;
        assert_eq!(min(text).unwrap().0, r#"{"b":1e400,"a":[-0.50E+1,"\ud800 \/",{},[]]}"#);
    }

    #[test]
    fn repairs_what_is_still_evidence() {
        let (text, repairs) = min(b"{\"a\":\"x\xffy\nz\"}").unwrap();
        assert_eq!(text, "{\"a\":\"x\u{fffd}y\\u000az\"}");
        assert!(repairs.invalid_utf8 && repairs.control_characters);
    }

    #[test]
    fn depth_does_not_matter() {
        let n = 200_000;
        let text = "[".repeat(n) + &"]".repeat(n);
        assert_eq!(min(text.as_bytes()).unwrap().0, text);
    }

    #[test]
    fn refuses_what_the_grammar_refuses() {
        for bad in [
            "",
            "{",
            "}",
            "[1,]",
            "{\"a\"}",
            "{\"a\":}",
            "{a:1}",
            "01",
            "1.",
            ".5",
            "1e",
            "+1",
            "tru",
            "\"\\x\"",
            "\"\\u12g4\"",
            "\"",
            "[1 2]",
            "{} {}",
            "{\"a\":1,}",
            "[}",
            "nul",
            "-",
        ] {
            assert!(min(bad.as_bytes()).is_err(), "{bad}");
        }
    }

    proptest! {
        /// serde_json's `RawValue` is the grammar's reference; it refuses raw control characters and
        /// bytes that are not UTF-8, which are repaired here.
        #[test]
        fn agrees_with_serde_json(text in r#"[\[\]{}:,"\\ 0-9.eE+\-truefalsn/ud]{0,24}"#) {
            let ours = min(text.as_bytes());
            let theirs = serde_json::from_str::<&serde_json::value::RawValue>(&text);
            prop_assert_eq!(ours.is_ok(), theirs.is_ok(), "{:?} {:?}", ours, theirs);
            if let (Ok((out, _)), Ok(value)) = (ours, serde_json::from_str::<serde_json::Value>(&text)) {
                prop_assert_eq!(serde_json::from_str::<serde_json::Value>(&out).unwrap(), value);
            }
        }

        #[test]
        fn any_bytes_do_not_panic(text: Vec<u8>) {
            if let Ok((out, _)) = min(&text) {
                prop_assert!(serde_json::from_str::<&serde_json::value::RawValue>(&out).is_ok());
                prop_assert!(!out.contains('\n'));
            }
        }
    }
}
