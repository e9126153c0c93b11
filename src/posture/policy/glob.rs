//! Patterns of policies: `*` is any run of characters, `?` is any one.

/// One piece of a pattern.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Piece {
    /// One certain character.
    Char(char),
    /// `?`
    One,
    /// `*`
    Any,
}

/// A pattern with wildcards.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::posture) struct Glob {
    pieces: Vec<Piece>,
}

impl Glob {
    /// Reads a pattern as it stands.
    pub(in crate::posture) fn new(pattern: &str) -> Self {
        let pieces = pattern.chars().map(|char| match char {
            '*' => Piece::Any,
            '?' => Piece::One,
            char => Piece::Char(char),
        });
        Self { pieces: pieces.collect() }
    }

    pub(super) fn pieces(&self) -> &[Piece] {
        &self.pieces
    }

    /// Returns whether every text matches.
    pub(in crate::posture) fn is_everything(&self) -> bool {
        !self.pieces.is_empty() && self.pieces.iter().all(|piece| *piece == Piece::Any)
    }

    /// Returns whether the whole text matches.
    pub(in crate::posture) fn matches(&self, text: &str) -> bool {
        let text: Vec<char> = text.chars().collect();
        let (mut at, mut piece) = (0, 0);
        // Where the last `*` stood, and how much of the text it takes.
        let mut star: Option<(usize, usize)> = None;
        while at < text.len() {
            match self.pieces.get(piece) {
                Some(Piece::Any) => {
                    star = Some((piece, at));
                    piece += 1;
                }
                Some(Piece::One) => {
                    at += 1;
                    piece += 1;
                }
                Some(Piece::Char(char)) if *char == text[at] => {
                    at += 1;
                    piece += 1;
                }
                _ => match star {
                    Some((stood, taken)) => {
                        star = Some((stood, taken + 1));
                        at = taken + 1;
                        piece = stood + 1;
                    }
                    None => return false,
                },
            }
        }
        self.pieces[piece..].iter().all(|piece| *piece == Piece::Any)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wildcards_match_runs_and_single_characters() {
        for (pattern, text, expected) in [
            ("*", "", true),
            ("*", "anything", true),
            ("", "", true),
            ("", "a", false),
            ("iam:*", "iam:getuser", true),
            ("iam:*", "iamx:getuser", false),
            ("*:get*", "s3:getobject", true),
            ("*:get*", "s3:putobject", false),
            ("a?c", "abc", true),
            ("a?c", "ac", false),
            ("*a*b", "xaybzb", true),
            ("*a*b", "xayc", false),
            ("arn:aws:iam::*:root", "arn:aws:iam::111122223333:root", true),
            ("arn:aws:iam::*:root", "arn:aws:iam::111122223333:user/root", false),
        ] {
            assert_eq!(Glob::new(pattern).matches(text), expected, "{pattern} {text}");
        }
    }
}
