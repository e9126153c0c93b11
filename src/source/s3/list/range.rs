//! What a prefix of a trail bucket holds, and which parts of it a question needs. Names only, no requests.
//!
//! Keys of a trail are `[prefix/]AWSLogs/[o-id/]ACCOUNT/KIND/REGION/YYYY/MM/DD/…`. Above the region, folders
//! are discovered; below it, names sort by time, so that a span of days is one range of keys.

use crate::key::key_info;
use crate::key::layout::{Level, folder_of, level};
use crate::key::selection::KeySelection;
use crate::key::stretch::Stretch;
use std::sync::Arc;

/// The part of a scope that listing can use: accounts, regions and days.
#[derive(Clone, Debug, Default)]
pub(crate) struct ListScope(pub(crate) Arc<KeySelection>);

/// Keys from `lo` to before `hi`, asked for by `prefix`, which all of them have.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Range {
    pub(crate) prefix: String,
    pub(crate) lo: String,
    pub(crate) hi: Option<String>,
    /// The folder of a region, where days are known to be below it.
    pub(crate) base: Option<String>,
}

impl Range {
    /// Returns everything that starts with `prefix`.
    pub(crate) fn all(prefix: &str) -> Self {
        Self { prefix: prefix.to_owned(), ..Self::default() }
    }

    /// Returns everything that starts with `part`, asked for as a part of `prefix`.
    pub(crate) fn part(prefix: &str, part: &str) -> Self {
        let base = match level(folder_of(part)) {
            Level::Days { base, .. } => Some(base.to_owned()),
            _ => None,
        };
        Self { prefix: prefix.to_owned(), lo: part.to_owned(), hi: past(part), base }
    }

    /// Returns where the range begins, for messages.
    pub(crate) fn name(&self) -> String {
        let lo = self.lo.trim_end_matches('\0');
        if lo > self.prefix.as_str() { lo.to_owned() } else { self.prefix.clone() }
    }

    pub(crate) fn holds(&self, key: &str) -> bool {
        key >= self.lo.as_str() && !self.is_past(key)
    }

    pub(crate) fn is_past(&self, key: &str) -> bool {
        self.hi.as_deref().is_some_and(|hi| key >= hi)
    }

    /// Returns the key to start after: one character less than `lo`, which cannot miss `lo` itself.
    pub(crate) fn start_after(&self) -> Option<String> {
        if self.lo <= self.prefix {
            return None;
        }
        let mut after = self.lo.clone();
        after.pop();
        Some(after)
    }

    /// Returns what of the range lies in a stretch of the keys. `None`: nothing.
    pub(crate) fn stretched(mut self, stretch: &Stretch) -> Option<Self> {
        if !stretch.touches(self.prefix.as_bytes()) {
            return None;
        }
        if self.lo < stretch.from {
            self.lo.clone_from(&stretch.from);
        }
        if let Some(to) = &stretch.to
            && self.hi.as_ref().is_none_or(|hi| to < hi)
        {
            self.hi = Some(to.clone());
        }
        (!self.is_past(&self.lo)).then_some(self)
    }

    /// Returns how many more pages to expect, after one that reaches from `first` to `last`.
    pub(crate) fn pages_left(&self, first: &str, last: &str, today: &str) -> usize {
        let day = |key: &str| {
            let (year, month, day) = date_at(key.strip_prefix(self.base.as_deref()?)?)?;
            Some(year * 372 + month * 31 + day)
        };
        let (Some(first), Some(last)) = (day(first), day(last)) else { return 0 };
        let end = self.hi.as_deref().and_then(day);
        let end = end.or_else(|| date_at(&today.replace('-', "/")).map(|(y, m, d)| y * 372 + m * 31 + d));
        let left = end.unwrap_or(last).saturating_sub(last) / last.saturating_sub(first).max(1);
        usize::try_from(left).unwrap_or(usize::MAX)
    }

    /// Returns what comes after `key`, cut at months, or within one month at days, into at most `parts` ranges.
    pub(crate) fn split_after(&self, key: &str, today: &str, parts: usize) -> Vec<Range> {
        let Some(base) = self.base.as_deref().filter(|base| key.starts_with(base)) else { return Vec::new() };
        let Some(from) = date_at(&key[base.len()..]) else { return Vec::new() };
        let until = self.hi.as_deref().and_then(|hi| date_at(hi.strip_prefix(base)?));
        let until = until.or_else(|| date_at(&today.replace('-', "/"))).unwrap_or(from);
        let mut cuts: Vec<String> =
            months(from, until).map(|(year, month)| format!("{base}{year:04}/{month:02}/")).collect();
        if cuts.is_empty() {
            let (year, month, day) = from;
            cuts = (day + 1..=31).map(|day| format!("{base}{year:04}/{month:02}/{day:02}/")).collect();
        }
        cuts.retain(|cut| cut.as_str() > key && !self.is_past(cut));
        if cuts.is_empty() || parts < 2 {
            return Vec::new();
        }
        let step = cuts.len().div_ceil(parts - 1);
        let cuts = cuts.into_iter().skip(step - 1).step_by(step);
        let mut lo = format!("{key}\0");
        let mut ranges = Vec::with_capacity(parts);
        for hi in cuts.map(Some).chain([self.hi.clone()]) {
            let next = hi.clone().unwrap_or_default();
            ranges
                .push(Range { prefix: self.prefix.clone(), lo, hi, base: Some(base.to_owned()) }.narrowed());
            lo = next;
        }
        ranges
    }

    /// Returns the longest prefix that all keys from `lo` to the last before `hi` share.
    fn narrowed(mut self) -> Self {
        let Some(hi) = self.hi.as_deref() else { return self };
        // The last key of `[…/01/, …/020)` starts with `…/02/`: undo `past`.
        let last = undo_past(hi);
        let shared = self.lo.bytes().zip(last.bytes()).take_while(|(a, b)| a == b).count();
        if shared > self.prefix.len() && self.lo.is_char_boundary(shared) {
            self.prefix = self.lo[..shared].to_owned();
        }
        self
    }
}

/// Returns the first text after all that start with `prefix`. `None`: there is none.
pub(crate) fn past(prefix: &str) -> Option<String> {
    let mut text = prefix.to_owned();
    while let Some(last) = text.pop() {
        let next = (u32::from(last) + 1..=0x10_ffff).find_map(char::from_u32);
        if let Some(next) = next {
            text.push(next);
            return Some(text);
        }
    }
    None
}

/// Returns the folder for a `hi` that `past` made of a folder, and anything else as is.
fn undo_past(hi: &str) -> String {
    match hi.strip_suffix('0') {
        Some(folder) => format!("{folder}/"),
        None => hi.to_owned(),
    }
}

type Date = (u32, u32, u32);

/// Reads the date of `2024/05/01/…`, or of the beginning of such a text.
fn date_at(text: &str) -> Option<Date> {
    let mut parts = text.split('/').map(|part| part.get(..part.len().min(4)).and_then(|p| p.parse().ok()));
    let year = parts.next()??;
    let month = parts.next().flatten().unwrap_or(1);
    let day = parts.next().flatten().unwrap_or(1);
    ((1990..=9999).contains(&year) && month <= 13 && day <= 99).then_some((year, month, day))
}

/// Returns the months after `from`'s, up to `until`'s; at most ten years of them.
fn months(from: Date, until: Date) -> impl Iterator<Item = (u32, u32)> {
    let first = from.0 * 12 + from.1;
    let last = until.0 * 12 + until.1.min(12) - 1;
    (first..=last).take(120).map(|month| (month / 12, month % 12 + 1))
}

impl ListScope {
    /// Returns whether whole folders are left out.
    pub(crate) fn is_restricted(&self) -> bool {
        self.0.days() != (None, None) || !self.0.accounts().is_empty() || !self.0.regions().is_empty()
    }

    /// Returns whether a listed key is in scope: the same answer however it came to be listed.
    pub(crate) fn admits_key(&self, key: &str) -> bool {
        if self.0.is_everything() {
            return true;
        }
        let listed = match level(folder_of(key)) {
            _ if !self.is_restricted() => true,
            Level::Days { account, region, base } => {
                self.0.takes_account(account)
                    && self.0.takes_region(region)
                    && self.days(base, base).is_some_and(|range| range.holds(key))
            }
            Level::Kinds { account } | Level::Regions { account } => self.0.takes_account(account),
            // Nothing of another service is ever read.
            Level::OtherService => false,
            Level::Outside | Level::Accounts => true,
        };
        listed && self.0.stretch().holds(key.as_bytes()) && self.0.in_scope(key, key_info(key).as_deref())
    }

    /// Whether a listed key, last written to at this time, is in scope.
    pub(crate) fn admits(&self, key: &str, modified: Option<i64>) -> bool {
        self.admits_key(key) && self.0.stretch().in_time(modified)
    }

    /// Returns the wanted days of the region folder `base`, as far as they start with `prefix`.
    pub(crate) fn days(&self, base: &str, prefix: &str) -> Option<Range> {
        let (first, last) = self.0.days();
        let folder = |day: &str| format!("{base}{}/", day.replace('-', "/"));
        let mut range = Range {
            prefix: prefix.to_owned(),
            lo: first.map_or_else(String::new, folder),
            hi: last.and_then(|day| past(&folder(day))),
            base: Some(base.to_owned()),
        };
        if range.lo.as_str() < prefix {
            prefix.clone_into(&mut range.lo);
        }
        let end = past(prefix);
        if range.hi.is_none() || end.as_ref().is_some_and(|end| Some(end) < range.hi.as_ref()) {
            range.hi = end;
        }
        if range.hi.as_ref().is_some_and(|hi| *hi <= range.lo) {
            return None;
        }
        Some(range.narrowed())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::key::days::TimeRange;
    use jiff::SignedDuration;

    const TRAIL: &str = "AWSLogs/111122223333/CloudTrail/";

    /// Returns a scope from the start of `first` to the end of `last`.
    fn scope(regions: &[&str], first: Option<&str>, last: Option<&str>) -> ListScope {
        let regions: Vec<String> = regions.iter().map(|&region| region.to_owned()).collect();
        let at = |day: &str, time: &str| format!("{day}T{time}Z").parse().unwrap();
        let range = TimeRange {
            start: first.map(|day| at(day, "00:00:00")),
            end: last.map(|day| at(day, "23:59:59")),
        };
        let scope = KeySelection::new(&[], &regions, &[], &[]).unwrap();
        ListScope(Arc::new(scope.within(range, SignedDuration::ZERO)))
    }

    #[test]
    fn days_are_one_range() {
        let base = format!("{TRAIL}us-east-1/");
        let one = scope(&[], Some("2024-05-01"), Some("2024-05-01")).days(&base, &base).unwrap();
        assert_eq!(one.prefix, format!("{base}2024/05/01/"));
        assert_eq!(one.start_after(), None);
        let some = scope(&[], Some("2024-04-30"), Some("2024-05-02")).days(&base, &base).unwrap();
        assert_eq!(some.prefix, format!("{base}2024/0"));
        assert_eq!(some.start_after(), Some(format!("{base}2024/04/30")));
        for (key, held) in [("2024/04/29/z", false), ("2024/04/30/a", true), ("2024/05/02/z", true)] {
            assert_eq!(some.holds(&format!("{base}{key}")), held, "{key}");
        }
        assert!(some.is_past(&format!("{base}2024/05/03/a")));
        // A prefix below the region keeps its own bounds.
        let month = format!("{base}2024/05/");
        let within = scope(&[], Some("2024-04-30"), None).days(&base, &month).unwrap();
        assert_eq!((within.prefix.as_str(), within.lo.as_str()), (month.as_str(), month.as_str()));
        assert_eq!(scope(&[], None, Some("2024-04-30")).days(&base, &month), None);
        let all = ListScope::default().days(&base, &base).unwrap();
        assert_eq!((all.prefix.as_str(), all.start_after()), (base.as_str(), None));
    }

    #[test]
    fn a_range_is_cut_to_a_stretch() {
        let cut = |from: &str, to: Option<&str>| {
            let stretch = Stretch { from: from.into(), to: to.map(str::to_owned), ..Stretch::default() };
            let range = Range { prefix: "p/".into(), lo: "p/3".into(), hi: Some("p/7".into()), base: None };
            range.stretched(&stretch).map(|range| (range.lo, range.hi.unwrap()))
        };
        let pair = |lo: &str, hi: &str| Some((lo.to_owned(), hi.to_owned()));
        assert_eq!(cut("", None), pair("p/3", "p/7"));
        assert_eq!(cut("p/4", Some("p/5")), pair("p/4", "p/5"));
        assert_eq!(cut("a", Some("p/5")), pair("p/3", "p/5"));
        assert_eq!(
            [cut("p/7", None), cut("", Some("p/3")), cut("q", None), cut("", Some("p/"))],
            [(); 4].map(|()| None)
        );
        let whole =
            Range::all("p/").stretched(&Stretch { from: "p/4".into(), ..Stretch::default() }).unwrap();
        assert_eq!((whole.start_after().as_deref(), whole.hi), (Some("p/"), None));
    }

    #[test]
    fn a_split_leaves_no_hole() {
        let base = format!("{TRAIL}us-east-1/");
        let key = format!("{base}2023/11/05/x.json.gz");
        let ranges = ListScope::default().days(&base, &base).unwrap().split_after(&key, "2024-02-10", 9);
        assert_eq!(ranges.len(), 4);
        assert_eq!(ranges[0].lo, format!("{key}\0"));
        for pair in ranges.windows(2) {
            assert_eq!(pair[0].hi.as_ref(), Some(&pair[1].lo));
        }
        assert_eq!(ranges[3].hi, past(&base));
        assert!(ranges.iter().all(|range| range.lo.starts_with(&range.prefix)));
        let two = ListScope::default().days(&base, &base).unwrap().split_after(&key, "2024-02-10", 2);
        assert_eq!((two.len(), two[1].lo.as_str()), (2, ranges[3].lo.as_str()));
        // Within the last month: days.
        let last = &ranges[3];
        let days = last.split_after(&format!("{base}2024/02/08/x"), "2024-02-10", 99);
        assert_eq!(days[1].lo, format!("{base}2024/02/09/"));
        assert!(Range::all("export/").split_after("export/2024/01/01/x", "2024-02-10", 9).is_empty());
    }

    #[test]
    fn scope_holds_for_any_key() {
        let scope = scope(&["us-east-1"], Some("2024-05-01"), Some("2024-05-01"));
        for (key, held) in [
            ("AWSLogs/111122223333/CloudTrail/us-east-1/2024/05/01/a.json.gz", true),
            ("AWSLogs/111122223333/CloudTrail/us-east-1/2024/05/02/a.json.gz", false),
            ("AWSLogs/111122223333/CloudTrail/eu-west-1/2024/05/01/a.json.gz", false),
            ("AWSLogs/111122223333/Config/us-east-1/2024/5/1/a.json.gz", false),
            ("export/events.json", true),
            ("x/111122223333_CloudTrail_eu-west-1_20240501T0005Z_0123456789abcdef.json.gz", false),
        ] {
            assert_eq!(scope.admits_key(key), held, "{key}");
        }
    }
}
