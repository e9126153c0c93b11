//! Servers that are almost S3, or nothing of the kind, and sources that hold nothing to read.

use std::fs;
use std::io::{BufRead as _, BufReader, Read as _};
use std::process::Stdio;
use std::sync::Mutex;
use std::sync::mpsc::channel;

use roottrail::source::s3::{S3Options, S3Source, S3Uri};

use crate::clients::{http, scan, serve, with_keys};
use crate::support::cli::{Done, Folder, command, feed, roottrail};
use crate::support::feed::{Outcome, run};
use crate::support::logs::{gzip, key, records, root};
use crate::support::proxy::Proxy;
use crate::support::s3::{ACCESS_KEY, Bucket, Objects, SECRET_KEY, Server, keys};

fn list(objects: &str) -> Vec<u8> {
    let text = format!(
        "<?xml version=\"1.0\"?><ListBucketResult xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\"><Name>trail</Name>\
         <Prefix></Prefix><KeyCount>{}</KeyCount><MaxKeys>1000</MaxKeys><IsTruncated>false</IsTruncated>{objects}\
         </ListBucketResult>",
        objects.matches("<Contents>").count()
    );
    http("200 OK", "application/xml", text.as_bytes())
}

/// A server that lists a gzip object and sends what is in it.
fn transcoding(name: &'static str, sent: Vec<u8>, headers: &'static str) -> String {
    let size = gzip(records([root(1)])).len();
    let listed = format!(
        "<Contents><Key>{name}</Key><LastModified>2024-05-03T00:00:00.000Z</LastModified>\
         <ETag>&quot;0123456789abcdef0123456789abcdef&quot;</ETag><Size>{size}</Size>\
         <StorageClass>STANDARD</StorageClass></Contents>"
    );
    let (address, _) = serve(move |head| {
        if head.contains("list-type=2") {
            return list(&listed);
        }
        let head = format!("HTTP/1.1 200 OK\r\n{headers}Content-Length: {}\r\n\r\n", sent.len());
        [head.as_bytes(), &sent].concat()
    });
    format!("http://{address}")
}

#[test]
fn bodies_that_the_server_inflated_are_read_where_they_are_whole() {
    let sent = records([root(1)]).into_bytes();
    for (name, headers) in [
        ("a.json.gz", ""),
        ("a.json.gz", "ETag: \"another\"\r\n"),
        ("a.json.gz", "ETag: W/\"0123456789abcdef0123456789abcdef\"\r\n"),
        ("stream-1", "Content-Encoding: gzip\r\n"),
    ] {
        let url = transcoding(name, sent.clone(), headers);
        let mut command = with_keys();
        let output = command
            .args(["scan", "s3://trail", "--endpoint-url", &url])
            .env("AWS_REGION", "us-east-1")
            .output()
            .unwrap();
        let stderr = String::from_utf8(output.stderr).unwrap();
        let found = String::from_utf8(output.stdout).unwrap().lines().count();
        assert_eq!((output.status.code(), found), (Some(0), 1), "{name} {headers}: {stderr}");
        assert_eq!(stderr.matches("transcoding").count(), 1, "{stderr}");
    }
}

#[test]
fn bodies_that_the_server_inflated_and_cut_are_called_so() {
    let sent = records([root(1)]).into_bytes();
    let url = transcoding("a.json.gz", sent[..sent.len() - 2].to_vec(), "");
    let options = S3Options {
        endpoint_url: Some(url),
        region: Some("us-east-1".into()),
        keys: Some(keys(ACCESS_KEY, SECRET_KEY)),
        attempts: 2,
        ..S3Options::default()
    };
    let mut source = S3Source::open(&S3Uri::parse("s3://trail").unwrap(), &options).unwrap();
    let [object] = &run(&mut source)[..] else { panic!("one object") };
    match &object.outcome {
        Outcome::Failed { message, salvaged, .. } => {
            assert!(message.contains("transcoding"), "{message}");
            assert!(salvaged.starts_with(b"{\"Records\""), "what came is judged");
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_listing_that_is_a_page_is_no_listing() {
    for page in [
        "<!DOCTYPE html><html><body>Sign in</body></html>",
        "\n<!-- proxy --><HTML><body>Sign in",
        "{\"error\":\"no such route\"}",
    ] {
        let (address, heads) = serve(move |_| http("200 OK", "text/html", page.as_bytes()));
        let done = scan(&mut with_keys(), "s3://trail", &["--endpoint-url", &format!("http://{address}")]);
        assert!(done.code == 1 && done.stderr.contains("not an S3 API"), "{}: {}", done.code, done.stderr);
        assert_eq!(heads.lock().unwrap().len(), 1, "another try changes nothing");
    }
}

/// Where an answer lets wait, the run says so: the server answers only once it has.
#[test]
fn an_answer_that_lets_wait_is_spoken_of() {
    let (spoken, wait) = channel::<()>();
    let wait = Mutex::new(wait);
    let (address, _) = serve(move |_| {
        // Later answers come at once: whoever speaks is gone.
        let _spoken = wait.lock().unwrap().recv();
        list("")
    });
    let mut child = with_keys()
        .args(["scan", "s3://trail", "--endpoint-url", &format!("http://{address}")])
        .env("AWS_REGION", "us-east-1")
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stderr = BufReader::new(child.stderr.take().unwrap());
    let mut line = String::new();
    stderr.read_line(&mut line).unwrap();
    assert!(line.contains(&address) && line.contains("still waiting"), "{line}");
    drop(spoken);
    let mut rest = String::new();
    stderr.read_to_string(&mut rest).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(5), "{rest}");
    assert!(!rest.contains("still waiting"), "once is enough: {rest}");
}

#[test]
fn why_nothing_was_read_is_looked_up() {
    const DELETED: &str = "<?xml version=\"1.0\"?><ListVersionsResult xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\">\
         <Name>trail</Name><Prefix></Prefix><MaxKeys>1</MaxKeys><IsTruncated>false</IsTruncated><DeleteMarker>\
         <Key>a.json.gz</Key><VersionId>1</VersionId><IsLatest>true</IsLatest>\
         <LastModified>2024-05-03T00:00:00.000Z</LastModified></DeleteMarker></ListVersionsResult>";
    let (address, _) = serve(|head| match head.contains("versions") {
        true => http("200 OK", "application/xml", DELETED.as_bytes()),
        false => list(""),
    });
    let (empty, _) = serve(|_| list(""));
    let folder = Folder::new();
    let log = key("CloudTrail", "us-east-1", 3, 1);
    folder.put(&log, gzip(records([root(1)])));
    let path = folder.path().to_str().unwrap().to_owned();
    for (source, server, option, words) in [
        ("s3://trail", Some(&address), "-v", "--all-versions reads it"),
        ("s3://trail/AWSLogs/*/CloudTrail", Some(&empty), "-v", "--include-key takes patterns"),
        ("s3://trail/AWSLogs", Some(&empty), "-v", "is the path or prefix right?"),
        (&*path, None, "--start=2030-01-01", "is out of scope"),
    ] {
        let mut command = with_keys();
        command.args(["scan", source, option]).env("AWS_REGION", "us-east-1");
        if let Some(address) = server {
            command.args(["--endpoint-url", &format!("http://{address}")]);
        }
        let done = feed(command, b"");
        assert_eq!(done.code, 5, "{source}: {}", done.stderr);
        let stderr = done.stderr.split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(stderr.contains("NOTHING READ: ") && stderr.contains(words), "{source}: {stderr}");
    }
    // What was read is not nothing, whatever is left of it.
    let done = roottrail(["scan", &*path, "--event-name", "ConsoleLogin"]);
    assert!(done.code == 0 && !done.stderr.contains("NOTHING READ"), "{}", done.stderr);
}

#[test]
fn names_that_are_no_sources_end_at_once_with_what_was_probably_meant() {
    for (name, meant) in [
        ("s3a://trail/AWSLogs", "did you mean s3://trail/AWSLogs?"),
        ("https://trail.s3.eu-west-1.amazonaws.com/AWSLogs", "did you mean s3://trail/AWSLogs?"),
        ("arn:aws:s3:::trail", "did you mean s3://trail?"),
        ("my-company-trail", "did you mean s3://my-company-trail?"),
        ("no/such/*.json.gz", "--include-key takes patterns"),
        ("s3://arn:aws:s3::111122223333:accesspoint/mfzwi23gnjvgw.mrap", "multi-Region access point"),
    ] {
        for command in ["scan", "plan", "verify"] {
            let done = roottrail([command, name]);
            assert!(
                [1, 2].contains(&done.code) && done.stderr.contains(meant),
                "{command} {name}: {}",
                done.stderr
            );
            assert!(!done.stderr.contains("INCOMPLETE"), "{}", done.stderr);
        }
    }
    let mut list = command();
    list.args(["scan", "--objects-from", "-"]);
    let done = feed(list, b"s3a://trail\n");
    assert!(done.code == 1 && done.stderr.contains("did you mean s3://trail?"), "{}", done.stderr);
}

#[test]
fn event_names_that_never_came_along_are_named() {
    let folder = Folder::new();
    let log = folder.put("log.json", records([root(1)]));
    let log = log.to_str().unwrap();
    let found = roottrail(["scan", log, "--event-name", "listusers"]);
    assert_eq!((found.code, found.stdout.lines().count()), (0, 1), "{}", found.stderr);
    assert!(!found.stderr.contains("warning"), "{}", found.stderr);
    let missed = roottrail(["scan", log, "--event-name", "ListUsers,LstUsers"]);
    assert!(missed.stderr.contains("--event-name LstUsers: no event"), "{}", missed.stderr);
    assert!(!missed.stderr.contains("--event-name ListUsers"), "{}", missed.stderr);
    let filtered = roottrail(["scan", log, "--event-name", "ListUsers", "--min-severity", "critical"]);
    assert!(!filtered.stderr.contains("warning"), "it was there: {}", filtered.stderr);
}

/// Nobody sits at a terminal here.
#[test]
fn a_role_behind_a_second_factor_says_so() {
    let (address, heads) = serve(|_| http("500 No", "text/plain", b""));
    let folder = tempfile::tempdir().unwrap();
    let config = folder.path().join("config");
    let text = "[profile mfa]\nrole_arn = arn:aws:iam::111122223333:role/Reader\nsource_profile = base\n\
                mfa_serial = arn:aws:iam::111122223333:mfa/me\n[profile base]\naws_access_key_id = AKIAX\n\
                aws_secret_access_key = y\n";
    fs::write(&config, text).unwrap();
    let mut command = command();
    command.env("AWS_CONFIG_FILE", &config).env("AWS_ENDPOINT_URL", format!("http://{address}"));
    let done = scan(&mut command, "s3://trail", &["--profile", "mfa"]);
    assert_eq!(done.code, 1, "{}", done.stderr);
    let first = done.stderr.lines().next().unwrap();
    assert!(first.contains("mfa_serial") && first.contains("arn:aws:iam::111122223333:mfa/me"), "{first}");
    assert!(!done.stderr.contains("no AWS credentials found"), "{}", done.stderr);
    assert!(
        done.stderr.contains("aws configure export-credentials --profile mfa --format process"),
        "{}",
        done.stderr
    );
    assert!(heads.lock().unwrap().is_empty(), "nobody is asked without the code");
}

/// Each under its own host, whatever region is configured.
#[test]
fn access_points_are_asked_for_at_their_own_hosts() {
    for (source, host) in [
        (
            "s3://arn:aws:s3:eu-west-1:111122223333:accesspoint/ap/AWSLogs/",
            "ap-111122223333.s3-accesspoint.eu-west-1.amazonaws.com",
        ),
        (
            "S3://arn:aws:s3:us-east-1:111122223333:accesspoint:ap",
            "ap-111122223333.s3-accesspoint.us-east-1.amazonaws.com",
        ),
        (
            "s3://arn:aws:s3-outposts:us-west-2:111122223333:outpost/op-01ac5d28a6a232904/accesspoint/ap/x",
            "ap-111122223333.op-01ac5d28a6a232904.s3-outposts.us-west-2.amazonaws.com",
        ),
    ] {
        let (address, heads) = serve(|_| http("502 Bad Gateway", "text/plain", b""));
        let done = scan(with_keys().env("HTTPS_PROXY", format!("http://{address}")), source, &[]);
        assert_eq!(done.code, 1, "{}", done.stderr);
        let heads = heads.lock().unwrap();
        assert!(!heads.is_empty(), "{}", done.stderr);
        assert!(heads.iter().all(|head| head.starts_with(&format!("CONNECT {host}:443 "))), "{heads:?}");
    }
}

/// Listed and read at those hosts, with the fast GET too, and named in findings as they were named.
#[test]
fn access_points_are_scanned_like_buckets() {
    let server = Server::start();
    let objects = Objects::default();
    objects.put(&key("CloudTrail", "us-east-1", 3, 1), gzip(records([root(1)])));
    let mut bucket = Bucket::new(objects);
    // The region of the name signs, whatever the environment says.
    bucket.region = "eu-west-1".into();
    server.put("ap-111122223333", bucket);
    for source in [
        "s3://arn:aws:s3:eu-west-1:111122223333:accesspoint/ap/AWSLogs/",
        "S3://arn:aws:s3:eu-west-1:111122223333:accesspoint:ap",
    ] {
        let done = through_a_proxy(
            source,
            "ap-111122223333.s3-accesspoint.eu-west-1.amazonaws.com",
            server.url().trim_start_matches("http://"),
        );
        let name = source.trim_end_matches("/AWSLogs/").replacen("S3", "s3", 1);
        let uri = format!("{name}/{}", key("CloudTrail", "us-east-1", 3, 1));
        assert!(done.stdout.contains(&format!("\"uri\":\"{uri}\"")), "{}", done.stdout);
        let agents = server.take_agents();
        assert!(agents.iter().any(|agent| agent.starts_with("roottrail/")), "no fast GET: {agents:?}");
    }
}

/// The server cannot check signatures for Outposts, which name a service of their own.
#[test]
fn access_points_of_outposts_are_scanned_like_buckets() {
    let body = gzip(records([root(1)]));
    let listed = format!(
        "<Contents><Key>AWSLogs/a.json.gz</Key><LastModified>2024-05-03T00:00:00.000Z</LastModified><Size>{}</Size>\
         <StorageClass>OUTPOSTS</StorageClass></Contents>",
        body.len()
    );
    let (address, heads) = serve(move |head| match head.contains("list-type=2") {
        true => list(&listed),
        false => http("200 OK", "application/gzip", &body),
    });
    let host = "ap-111122223333.op-01ac5d28a6a232904.s3-outposts.us-west-2.amazonaws.com";
    let name = "s3://arn:aws:s3-outposts:us-west-2:111122223333:outpost/op-01ac5d28a6a232904/accesspoint/ap";
    let done = through_a_proxy(&format!("{name}/AWSLogs/"), host, &address);
    assert!(done.stdout.contains(&format!("\"uri\":\"{name}/AWSLogs/a.json.gz\"")), "{}", done.stdout);
    let heads = heads.lock().unwrap();
    assert!(heads.iter().any(|head| head.starts_with("GET /AWSLogs/a.json.gz")), "{heads:?}");
    for head in heads.iter() {
        let head = head.to_ascii_lowercase();
        assert!(head.contains(&format!("\r\nhost: {host}\r\n")), "{head}");
        assert!(head.contains("/us-west-2/s3-outposts/aws4_request"), "{head}");
    }
}

/// A scan that finds one event in a source whose host on TLS leads to a server on the loopback.
fn through_a_proxy(source: &str, host: &str, upstream: &str) -> Done {
    let proxy = Proxy::start(host, upstream);
    let folder = tempfile::tempdir().unwrap();
    let ca = folder.path().join("ca.pem");
    fs::write(&ca, &proxy.certificate).unwrap();
    let args = ["--ca-bundle", ca.to_str().unwrap()];
    let done = scan(with_keys().env("HTTPS_PROXY", proxy.url()), source, &args);
    assert_eq!((done.code, done.stdout.lines().count()), (0, 1), "{source}: {}", done.stderr);
    let asked = proxy.asked();
    assert!(asked.iter().all(|line| *line == format!("CONNECT {host}:443 HTTP/1.1")), "{asked:?}");
    done
}
