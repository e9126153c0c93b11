//! What a request for one page of a listing asks for.

/// What to ask for in one request.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Page<'a> {
    pub(crate) prefix: &'a str,
    /// Folders are named, not entered.
    pub(crate) delimited: bool,
    pub(crate) start_after: Option<&'a str>,
    pub(crate) token: Option<&'a Token>,
    /// The listing ends, or begins, within the prefix: where keys come in no order, some would be missed.
    pub(crate) ends: bool,
    /// All versions of each key; set by `list_page` as the run's options say.
    pub(crate) versions: bool,
}

impl<'a> Page<'a> {
    pub(crate) fn of(prefix: &'a str) -> Self {
        Self { prefix, delimited: false, start_after: None, token: None, ends: false, versions: false }
    }
}

/// Where the next page begins.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Token {
    /// S3's own word for it.
    Continuation(String),
    /// After this version of this key.
    Version { key: String, version: Option<String> },
}
