//! Names and passwords in URLs of the environment: nothing that is written or said holds them.

use std::net::TcpListener;

use crate::bucket::signed;
use crate::support::cli::{Folder, feed};
use crate::support::logs::{gzip, records, root};
use crate::support::s3::etag_of;
use crate::support::wire::{Reply, serve};

const SECRET: &str = "hunter2";

/// A port on which nobody listens.
fn nobody() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    format!("http://AKIA:{SECRET}@{}", listener.local_addr().unwrap())
}

#[test]
fn a_server_that_cannot_be_reached_is_named_without_its_password() {
    for (variable, args) in [
        ("AWS_ENDPOINT_URL_S3", &["scan", "s3://trail"][..]),
        ("AWS_ENDPOINT_URL", &["plan", "s3://trail"]),
        ("AWS_ENDPOINT_URL", &["verify", "s3://trail"]),
        ("HTTP_PROXY", &["scan", "s3://trail", "--endpoint-url", "http://s3.example.com"]),
    ] {
        let mut command = signed();
        command.env(variable, nobody()).args(args);
        let run = feed(command, b"");
        assert_eq!(run.code, 1, "{variable} {args:?}: {}", run.stderr);
        assert!(run.stderr.contains("cannot reach"), "{variable} {args:?}: {}", run.stderr);
        assert!(!run.stderr.contains(SECRET), "{variable} {args:?}: {}", run.stderr);
    }
}

#[test]
fn a_run_by_an_endpoint_with_a_password_keeps_it_nowhere() {
    const KEY: &str = "AWSLogs/111122223333/CloudTrail/us-east-1/2026/02/01/x.json.gz";
    let object = || gzip(records([root(1)]));
    let url = serve(move |request| match request.key.as_str() {
        "" => {
            let (size, etag) = (object().len(), etag_of(&object()));
            let folder = !request.of("delimiter").is_empty();
            let rest = KEY.strip_prefix(request.of("prefix")).unwrap_or_default();
            let listed = match rest.split_once('/').filter(|_| folder) {
                Some((name, _)) => {
                    let prefix = request.of("prefix");
                    format!("<CommonPrefixes><Prefix>{prefix}{name}/</Prefix></CommonPrefixes>")
                }
                None => {
                    format!("<Contents><Key>{KEY}</Key><Size>{size}</Size><ETag>\"{etag}\"</ETag></Contents>")
                }
            };
            let xml = format!(
                "<ListBucketResult><KeyCount>1</KeyCount><IsTruncated>false</IsTruncated>{listed}</ListBucketResult>"
            );
            Reply::Until(xml.into())
        }
        _ => Reply::Sized(object(), vec![("ETag", format!("\"{}\"", etag_of(&object())))]),
    });
    let folder = Folder::new();
    let mut command = signed();
    command.env("AWS_ENDPOINT_URL_S3", url.replacen("http://", &format!("http://AKIA:{SECRET}@"), 1));
    command.args(["scan", "s3://trail", "--force-path-style", "-v", "-o"]).arg(folder.at("found"));
    for output in ["summary", "manifest", "coverage", "checkpoint", "errors"] {
        command.arg(format!("--{output}")).arg(folder.at(output));
    }
    let run = feed(command, b"");
    assert_eq!(run.code, 0, "{}", run.stderr);
    assert!(!run.stderr.contains(SECRET), "{}", run.stderr);
    let mut files = 0;
    for file in std::fs::read_dir(folder.path()).unwrap() {
        let file = file.unwrap().path();
        let text = String::from_utf8_lossy(&std::fs::read(&file).unwrap()).into_owned();
        assert!(!text.contains(SECRET), "{}: {text}", file.display());
        files += 1;
    }
    assert!(files >= 5, "{files}");
    assert!(std::fs::read_to_string(folder.at("found")).unwrap().contains("roottrail.finding/1"));
}
