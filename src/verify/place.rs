//! Where a digest or a log lies, as far as its name tells.
//!
//! CloudTrail puts digests at
//! `[prefix/]AWSLogs/[o-id/]ACCOUNT/CloudTrail-Digest/REGION/Y/M/D/ACCOUNT_CloudTrail-Digest_REGION_TRAIL_HOME_DATE.json.gz`,
//! where `DATE` is the end of the digest's hour and a trail's name may hold dots, dashes and underscores. A
//! backfill digest has `_backfill` behind the date.

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;

/// What the name of a digest file tells.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DigestName {
    /// Twelve digits.
    pub account: String,
    /// Whose logs the digest names.
    pub region: String,
    /// The trail.
    pub trail: String,
    /// The trail's own region.
    pub home: String,
    /// The end of the time that the digest is of.
    pub end: Timestamp,
    /// Whether the digest was made later than its hour.
    pub backfill: bool,
}

impl DigestName {
    /// Reads the last part of a key or path; `None` where that is no digest's name.
    pub fn parse(path: &str) -> Option<Self> {
        let name =
            file_name(path).strip_suffix(".json.gz").or_else(|| file_name(path).strip_suffix(".json"))?;
        let (name, backfill) = match name.strip_suffix("_backfill") {
            Some(name) => (name, true),
            None => (name, false),
        };
        let (account, rest) = name.split_once("_CloudTrail-Digest_")?;
        let (rest, date) = rest.rsplit_once('_')?;
        let (rest, home) = rest.rsplit_once('_')?;
        let (region, trail) = rest.split_once('_')?;
        Some(Self {
            account: account.to_owned(),
            region: region.to_owned(),
            trail: trail.to_owned(),
            home: home.to_owned(),
            end: moment(date)?,
            backfill,
        })
    }
}

/// Returns the part of a key or path from `AWSLogs/` on, which copies of a bucket leave as it is.
pub fn aws_part(path: &str) -> Option<&str> {
    let mut end = path.len();
    while let Some(at) = path[..end].rfind("AWSLogs/") {
        if at == 0 || path.as_bytes()[at - 1] == b'/' {
            return Some(&path[at..]);
        }
        end = at;
    }
    None
}

/// Returns what stands behind the last `/`.
pub fn file_name(path: &str) -> &str {
    path.rsplit_once('/').map_or(path, |(_, name)| name)
}

/// Returns the time in the name of a log, five minutes exact: `…_20240501T0005Z_….json.gz`.
pub fn delivered(path: &str) -> Option<Timestamp> {
    file_name(path).split('_').find_map(moment)
}

/// Reads a time of the form `20240501T000500Z`, or without seconds.
fn moment(text: &str) -> Option<Timestamp> {
    let text = text.strip_suffix('Z')?;
    let (date, time) = text.split_once('T')?;
    let number = |text: &str| -> Option<i8> {
        (text.bytes().all(|byte| byte.is_ascii_digit())).then(|| text.parse().ok()).flatten()
    };
    let (year, month_day) = date.split_at_checked(4)?;
    let (month, day) = month_day.split_at_checked(2)?;
    let (hour, rest) = time.split_at_checked(2)?;
    let (minute, second) = rest.split_at_checked(2)?;
    if day.len() != 2 || !matches!(second.len(), 0 | 2) || !year.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let second = if second.is_empty() { 0 } else { number(second)? };
    DateTime::new(year.parse().ok()?, number(month)?, number(day)?, number(hour)?, number(minute)?, second, 0)
        .ok()?
        .to_zoned(TimeZone::UTC)
        .ok()
        .map(|zoned| zoned.timestamp())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    #[test]
    fn names_of_digests_are_taken_apart_whatever_the_trail_is_called() {
        for trail in ["t", "a_b", "a.b+c", "x_us-east-1_y", "_"] {
            for (backfill, end) in [(false, ""), (true, "_backfill")] {
                let name = format!(
                    "b/111122223333_CloudTrail-Digest_eu-west-1_{trail}_us-east-1_20240501T000959Z{end}.json.gz"
                );
                let parsed = DigestName::parse(&name).unwrap();
                assert_eq!((parsed.trail.as_str(), parsed.backfill), (trail, backfill));
                assert_eq!((parsed.region.as_str(), parsed.home.as_str()), ("eu-west-1", "us-east-1"));
                assert_eq!(parsed.end, at("2024-05-01T00:09:59Z"));
            }
        }
        for name in [
            "",
            "x.json.gz",
            "111122223333_CloudTrail_us-east-1_20240501T0005Z_x.json.gz",
            "1_CloudTrail-Digest_r_t_h_2024.json.gz",
            "1_CloudTrail-Digest_r_h_20240501T000959Z.json.gz",
            "1_CloudTrail-Digest_é_20240501T000959Z.json.gz",
        ] {
            assert_eq!(DigestName::parse(name), None, "{name}");
        }
    }

    #[test]
    fn the_common_part_begins_at_the_last_folder_of_that_name() {
        for (path, part) in [
            ("AWSLogs/1/x", Some("AWSLogs/1/x")),
            ("s3://b/p/AWSLogs/q/AWSLogs/1/x", Some("AWSLogs/1/x")),
            ("oldAWSLogs/1/x", None),
            ("AWSLogs/oldAWSLogs/1/x", Some("AWSLogs/oldAWSLogs/1/x")),
            ("1/x", None),
        ] {
            assert_eq!(aws_part(path), part, "{path}");
        }
    }

    #[test]
    fn times_in_names_are_read_or_refused() {
        assert_eq!(delivered("a/1_CloudTrail_r_20240501T0005Z_x.json.gz"), Some(at("2024-05-01T00:05:00Z")));
        for name in [
            "a_20240532T0005Z_b",
            "a_20240501T2505Z_b",
            "a_20240501T000Z",
            "a_é0240501T0005Z",
            "a_20240501T+1+1Z",
        ] {
            assert_eq!(delivered(name), None, "{name}");
        }
    }
}
