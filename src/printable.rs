//! Texts without the secrets that must not be shown.

/// Returns the text with the name and password of URLs masked: `https://user:password@host` becomes
/// `https://***@host`.
pub fn without_userinfo(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find("://") {
        let (before, behind) = rest.split_at(at + 3);
        out.push_str(before);
        let end = behind.find(|char: char| "/?# \t\r\n\"'<>".contains(char)).unwrap_or(behind.len());
        match behind[..end].rfind('@') {
            Some(host) => {
                out.push_str("***");
                rest = &behind[host..];
            }
            None => rest = behind,
        }
    }
    out.push_str(rest);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_passwords_in_urls_are_masked() {
        for (text, expected) in [
            ("https://user:pa@ss@host:9000/x@y", "https://***@host:9000/x@y"),
            ("a http://u@h b https://t:k@h2", "a http://***@h b https://***@h2"),
            ("s3://bucket/a@b", "s3://bucket/a@b"),
            ("--endpoint-url=http://k:s@h", "--endpoint-url=http://***@h"),
            ("://@", "://***@"),
            ("nothing", "nothing"),
        ] {
            assert_eq!(without_userinfo(text), expected);
        }
    }
}
