//! A stretch of the keys of a source: what one shard of a scan reads of it.

/// The keys from `from` to before `to`, in byte order. The default holds every key.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Stretch {
    /// The first key; empty for the beginning.
    pub from: String,
    /// The first key behind the stretch; `None` for the end.
    pub to: Option<String>,
    /// The time of the last write, in milliseconds since 1970, behind which an object is left out.
    pub until: Option<i64>,
    /// A folder whose keys are left out, ending in `/`.
    pub besides: Option<String>,
}

impl Stretch {
    /// Returns whether a key lies in the stretch. On disk the key is the path, and a directory ends in `/`.
    pub fn holds(&self, key: &[u8]) -> bool {
        key >= self.from.as_bytes()
            && self.to.as_deref().is_none_or(|to| key < to.as_bytes())
            && !self.besides.as_deref().is_some_and(|folder| key.starts_with(folder.as_bytes()))
    }

    /// Returns whether keys that start with `prefix` can lie in the stretch.
    pub fn touches(&self, prefix: &[u8]) -> bool {
        let before = self.from.as_bytes() > prefix && !self.from.as_bytes().starts_with(prefix);
        let behind = self.to.as_deref().is_some_and(|to| to.as_bytes() <= prefix);
        let besides = self.besides.as_deref().is_some_and(|folder| prefix.starts_with(folder.as_bytes()));
        !before && !behind && !besides
    }

    /// Returns whether an object was last written in time. An object without a time was.
    pub fn in_time(&self, modified: Option<i64>) -> bool {
        match (self.until, modified) {
            (Some(until), Some(modified)) => modified <= until,
            _ => true,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stretch(from: &str, to: Option<&str>) -> Stretch {
        Stretch { from: from.into(), to: to.map(str::to_owned), ..Stretch::default() }
    }

    #[test]
    fn each_key_lies_in_one_of_neighbours() {
        let stretches = [stretch("", Some("b/2")), stretch("b/2", Some("b/3")), stretch("b/3", None)];
        for (key, at) in [("", 0), ("b/", 0), ("b/1z", 0), ("b/2", 1), ("b/2/x", 1), ("b/3", 2), ("c", 2)] {
            let held: Vec<bool> = stretches.iter().map(|stretch| stretch.holds(key.as_bytes())).collect();
            assert_eq!(held, [at == 0, at == 1, at == 2], "{key}");
        }
    }

    #[test]
    fn a_prefix_is_passed_over_only_where_none_of_its_keys_is_held() {
        let middle = stretch("b/2", Some("b/3"));
        for (prefix, touches) in [
            ("", true),
            ("a/", false),
            ("b/", true),
            ("b/2", true),
            ("b/2/", true),
            ("b/3", false),
            ("c", false),
        ] {
            assert_eq!(middle.touches(prefix.as_bytes()), touches, "{prefix}");
        }
        let besides = Stretch { besides: Some("b/".into()), ..Stretch::default() };
        let holds = |key: &str| (besides.holds(key.as_bytes()), besides.touches(key.as_bytes()));
        assert_eq!(
            [holds("a"), holds("b/"), holds("b/c"), holds("b0")],
            [(true, true), (false, false), (false, false), (true, true)]
        );
    }

    #[test]
    fn what_was_written_later_is_not_in_time() {
        let bound = Stretch { until: Some(5), ..Stretch::default() };
        let times = [None, Some(4), Some(5), Some(6)].map(|time| bound.in_time(time));
        assert_eq!(times, [true, true, true, false]);
        assert!(Stretch::default().in_time(Some(i64::MAX)));
    }
}
