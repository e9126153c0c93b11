//! Whether a page of a listing goes on from the one before it, and is what was asked for.
//!
//! A server that is broken, or that somebody put in S3's place, can keep a listing going for ever (tokens in a circle,
//! fresh ones for old keys, folders that name themselves), or leave keys out of one that stops at the end of its range
//! because keys come in order. Each page must bring something that no page before it brought.

use super::ask::{Page, Token};
use crate::source::s3::entry::Entry;
use crate::source::s3::errors::{RequestError, doubtful};
use std::collections::HashSet;
use std::hash::{BuildHasher, RandomState};

/// S3 may look through very many deleted keys for an empty page, but not for ever.
const EMPTY: u32 = 100;
/// No key, and so no folder, has more bytes.
const LONGEST: usize = 1024;

/// What the pages of one listing have brought so far.
#[derive(Debug, Default)]
pub(crate) struct Progress {
    hash: RandomState,
    /// Hashes of all tokens, and of the first names of all pages.
    seen: HashSet<u64>,
    /// The last key.
    last: Option<String>,
    empty: u32,
}

/// What a page adds to the progress of its listing.
#[derive(Debug)]
pub(crate) struct Advance {
    seen: Vec<u64>,
    last: Option<String>,
}

/// What is looked at of a page.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Brought<'a> {
    pub(crate) entries: &'a [Entry],
    pub(crate) folders: Option<&'a [String]>,
    pub(crate) next: Option<&'a Token>,
    /// Delete markers, which are no entries.
    pub(crate) markers: usize,
}

impl Progress {
    /// Compares a page with what was asked for and with those before it.
    pub(crate) fn check(&self, ask: &Page<'_>, page: Brought<'_>) -> Result<Advance, RequestError> {
        let Brought { entries, folders, next, markers } = page;
        let prefix = ask.prefix;
        for entry in entries.iter().filter(|entry| !entry.unreadable_key) {
            if entry.key.is_empty() || !entry.key.starts_with(prefix) {
                return Err(doubtful(format!("the key {:?} is not below the prefix {prefix:?}", entry.key)));
            }
        }
        for folder in folders.unwrap_or_default() {
            let below = folder.strip_prefix(prefix).is_some_and(|rest| rest.len() > 1 && rest.ends_with('/'));
            // `//` is a folder without a name.
            let below = below || folder.strip_prefix(prefix) == Some("/");
            if !below || folder.len() > LONGEST {
                return Err(doubtful(format!("the folder {folder:?} is none in {prefix:?}")));
            }
        }
        let keys = || entries.iter().map(|entry| entry.key.as_str());
        let names = || keys().chain(folders.unwrap_or_default().iter().map(String::as_str));
        let (first, last) = (names().min(), names().max());
        if ask.ends {
            // Several versions of one key may stand on several pages.
            let sorted = if ask.versions { keys().is_sorted() } else { keys().is_sorted_by(|a, b| a < b) };
            let goes_on = match (&self.last, first) {
                (Some(last), Some(first)) => first > last.as_str() || (ask.versions && first == last),
                _ => true,
            };
            if !sorted || !goes_on {
                return Err(doubtful("the server does not list in the order of keys".to_owned()));
            }
        }
        if next.is_some() && first.is_none() && markers == 0 && self.empty >= EMPTY {
            return Err(doubtful(format!("{EMPTY} pages in a row are empty, and there is said to be more")));
        }
        let mut seen = Vec::new();
        if let Some(token) = next {
            seen.push(self.hash.hash_one((0, token)));
        }
        if let Some(entry) = entries.first() {
            seen.push(self.hash.hash_one((1, &entry.key, &entry.version_id)));
        } else if let Some(first) = first {
            seen.push(self.hash.hash_one((2, first)));
        }
        if seen.iter().any(|one| self.seen.contains(one)) {
            return Err(doubtful("the page brings what an earlier one brought".to_owned()));
        }
        Ok(Advance { seen, last: last.map(str::to_owned) })
    }

    /// Goes on to the next page.
    pub(crate) fn go_on(&mut self, advance: Advance) {
        let Advance { seen, last } = advance;
        self.empty = if last.is_some() { 0 } else { self.empty + 1 };
        self.seen.extend(seen);
        // A server without an order may go back.
        self.last = self.last.take().max(last);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entries(keys: &[&str]) -> Vec<Entry> {
        keys.iter().map(|key| Entry { key: (*key).to_owned(), ..Entry::default() }).collect()
    }

    fn ask(ends: bool) -> Page<'static> {
        Page { ends, ..Page::of("p/") }
    }

    fn page<'a>(entries: &'a [Entry], next: Option<&'a Token>) -> Brought<'a> {
        Brought { entries, folders: None, next, markers: 0 }
    }

    /// Returns whether pages of these keys, each with a token of its own, make a listing.
    fn holds(ends: bool, pages: &[&[&str]]) -> bool {
        let mut progress = Progress::default();
        (0..).zip(pages).all(|(n, keys)| {
            let (keys, token) = (entries(keys), Token::Continuation(n.to_string()));
            match progress.check(&ask(ends), page(&keys, Some(&token))) {
                Ok(advance) => {
                    progress.go_on(advance);
                    true
                }
                Err(_) => false,
            }
        })
    }

    #[test]
    fn pages_must_go_on() {
        for (pages, sorted, any) in [
            (&[&["p/a", "p/b"][..], &["p/c"], &[], &["p/d"]][..], true, true),
            (&[&["p/b", "p/a"], &["p/d"], &["p/c"]], false, true),
            (&[&["p/a"], &["p/b"], &["p/a"]], false, false),
            (&[&["p/a", "p/b"], &["p/a", "p/c"]], false, false),
            (&[&["p/a"], &["o/b"]], false, false),
            (&[&[""]], false, false),
            (&[&["p/a", "p/a"]], false, true),
        ] {
            assert_eq!((holds(true, pages), holds(false, pages)), (sorted, any), "{pages:?}");
        }
        assert!(holds(true, &[&[][..]; EMPTY as usize]));
        assert!(!holds(true, &[&[][..]; EMPTY as usize + 1]));
    }

    #[test]
    fn tokens_and_folders_must_not_lead_back() {
        let mut progress = Progress::default();
        let tokens = ["a", "b", "a"].map(|token| Token::Continuation(token.into()));
        let keys = ["p/1", "p/2", "p/3"].map(|key| entries(&[key]));
        let results: Vec<bool> = tokens
            .iter()
            .zip(&keys)
            .map(|(token, keys)| match progress.check(&ask(false), page(keys, Some(token))) {
                Ok(advance) => {
                    progress.go_on(advance);
                    true
                }
                Err(_) => false,
            })
            .collect();
        assert_eq!(results, [true, true, false]);
        for (folder, fine) in
            [("p/x/", true), ("p//", true), ("p/", false), ("p", false), ("q/x/", false), ("p/x", false)]
        {
            let folders = [folder.to_owned()];
            let page = Brought { entries: &[], folders: Some(&folders), next: None, markers: 0 };
            assert_eq!(Progress::default().check(&ask(false), page).is_ok(), fine, "{folder}");
        }
        let deep = [format!("p/{}/", "x".repeat(LONGEST))];
        let page = Brought { entries: &[], folders: Some(&deep), next: None, markers: 0 };
        assert!(Progress::default().check(&ask(false), page).is_err());
    }
}
