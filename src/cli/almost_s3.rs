//! Names that are no sources but nearly: what was probably meant.

use std::ffi::OsStr;

/// What a `*` in a name is not.
pub(super) const PATTERN: &str = "a * in a name stands for itself: --include-key takes patterns";

/// Returns the S3 URI that a name was probably meant to be. `None`: it is a path like any other.
pub(super) fn meant(name: &OsStr) -> Option<String> {
    let name = name.to_str()?;
    with_scheme(name).or_else(|| without_scheme(name)).or_else(|| bare(name))
}

/// Returns the same of a host of AWS whose scheme was left away.
fn without_scheme(name: &str) -> Option<String> {
    let host = name.split('/').next().unwrap_or_default();
    of_host(host).is_some().then(|| with_scheme(&format!("https://{name}"))).flatten()
}

/// Returns the same of a name that can only be meant for S3: it begins with a scheme, or is an ARN.
pub(super) fn with_scheme(name: &str) -> Option<String> {
    let lower = name.to_ascii_lowercase();
    for scheme in ["s3a://", "s3n://"] {
        if lower.starts_with(scheme) {
            return Some(format!("s3://{}", &name[scheme.len()..]));
        }
    }
    // One slash is easily lost.
    if lower.starts_with("s3:/") && !lower.starts_with("s3://") {
        return Some(format!("s3://{}", &name[4..]));
    }
    if lower.starts_with("arn:") {
        return Some(match name.split_once(":::") {
            Some((_, bucket)) => format!("s3://{bucket}"),
            None => format!("s3://{name}"),
        });
    }
    let https =
        lower.starts_with("https://").then_some(8).or_else(|| lower.starts_with("http://").then_some(7))?;
    let (host, path) = name[https..].split_once('/').unwrap_or((&name[https..], ""));
    if host == "console.aws.amazon.com" || host.ends_with(".console.aws.amazon.com") {
        return of_console(path);
    }
    let path = path.split(['?', '#']).next().unwrap_or_default();
    Some(match of_host(host) {
        Some(Some(bucket)) if path.is_empty() => format!("s3://{bucket}"),
        Some(Some(bucket)) => format!("s3://{bucket}/{path}"),
        Some(None) if path.is_empty() => "s3://bucket".to_owned(),
        Some(None) => format!("s3://{path}"),
        None if path.is_empty() => format!("s3://bucket with --endpoint-url {}{host}", &name[..https]),
        None => format!("s3://{path} with --endpoint-url {}{host}", &name[..https]),
    })
}

/// Returns the URI of a page of the console: `s3/buckets/NAME?prefix=AWSLogs/`, or `s3/object/NAME?prefix=KEY`.
fn of_console(path: &str) -> Option<String> {
    let (path, query) = path.split_once('?').unwrap_or((path, ""));
    let mut parts = path.split('/').skip_while(|part| *part != "s3").skip(1);
    let bucket = parts.next().filter(|part| matches!(*part, "buckets" | "object")).and(parts.next())?;
    let prefix = query.split(['&', '#']).find_map(|pair| pair.strip_prefix("prefix=")).unwrap_or_default();
    let prefix = percent_encoding::percent_decode_str(prefix).decode_utf8().ok()?;
    let slash = if prefix.is_empty() { "" } else { "/" };
    Some(format!("s3://{bucket}{slash}{prefix}"))
}

/// Returns the bucket that a host of AWS names. `Some(None)`: the host names none, the path does. `None`: another host.
fn of_host(host: &str) -> Option<Option<&str>> {
    let aws = [".amazonaws.com", ".amazonaws.com.cn"].iter().find_map(|suffix| host.strip_suffix(suffix))?;
    // `bucket.s3.eu-west-1`, `bucket.s3-eu-west-1`, `bucket.s3`, and the same without the bucket.
    if aws == "s3" || aws.starts_with("s3.") || aws.starts_with("s3-") {
        return Some(None);
    }
    let at =
        aws.rfind(".s3.").or_else(|| aws.rfind(".s3-")).or_else(|| aws.strip_suffix(".s3").map(str::len))?;
    Some(Some(&aws[..at]))
}

/// Returns the URI of a name that could be a bucket's, alone or with a prefix.
fn bare(name: &str) -> Option<String> {
    let bucket = name.split('/').next().unwrap_or_default();
    let letters = bucket.bytes().all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.'));
    let ends = bucket.starts_with(|first: char| first.is_ascii_alphanumeric())
        && bucket.ends_with(|last: char| last.is_ascii_alphanumeric());
    let fits = (3..=63).contains(&bucket.len()) && letters && ends && !bucket.contains("..");
    // `log.json` is rather a file.
    let file = [".json", ".jsonl", ".ndjson", ".gz", ".zst", ".log", ".txt", ".csv"];
    let file = !name.contains('/') && file.iter().any(|extension| name.ends_with(extension));
    (fits && !file && !name.contains('*')).then(|| format!("s3://{name}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_probably_meant() {
        for (name, uri) in [
            ("s3a://trail/AWSLogs", "s3://trail/AWSLogs"),
            ("S3N://trail", "s3://trail"),
            ("s3:/trail/x", "s3://trail/x"),
            ("https://trail.s3.eu-west-1.amazonaws.com/AWSLogs/?x=1", "s3://trail/AWSLogs/"),
            ("https://my.trail.s3.amazonaws.com", "s3://my.trail"),
            ("https://trail.s3-eu-west-1.amazonaws.com/", "s3://trail"),
            ("https://trail.s3.dualstack.eu-west-1.amazonaws.com/a", "s3://trail/a"),
            ("https://s3.eu-west-1.amazonaws.com/trail/AWSLogs", "s3://trail/AWSLogs"),
            ("https://s3.cn-north-1.amazonaws.com.cn/trail", "s3://trail"),
            (
                "https://minio.example.com:9000/trail",
                "s3://trail with --endpoint-url https://minio.example.com:9000",
            ),
            ("trail.s3.eu-west-1.amazonaws.com/AWSLogs", "s3://trail/AWSLogs"),
            (
                "https://s3.console.aws.amazon.com/s3/buckets/trail?region=eu-west-1&prefix=AWSLogs%2F1/&showversions=false",
                "s3://trail/AWSLogs/1/",
            ),
            ("https://eu-west-1.console.aws.amazon.com/s3/buckets/trail", "s3://trail"),
            ("https://console.aws.amazon.com/s3/object/trail?prefix=a.json.gz", "s3://trail/a.json.gz"),
            ("arn:aws:s3:::trail/AWSLogs/*", "s3://trail/AWSLogs/*"),
            (
                "arn:aws:s3:eu-west-1:111122223333:accesspoint/ap",
                "s3://arn:aws:s3:eu-west-1:111122223333:accesspoint/ap",
            ),
            ("my-trail", "s3://my-trail"),
            ("my-trail/AWSLogs/", "s3://my-trail/AWSLogs/"),
        ] {
            assert_eq!(meant(name.as_ref()).as_deref(), Some(uri), "{name}");
        }
        for path in [
            "logs/*.gz",
            "/var/log",
            "./logs",
            "../x",
            "no",
            "Logs",
            "log.json",
            "a_b",
            "log.json.gz",
            "C:\\logs",
            "",
        ] {
            assert_eq!(meant(path.as_ref()), None, "{path}");
        }
    }
}
