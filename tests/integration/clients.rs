//! Who asks, through what and for which name: credentials, proxies and addresses as aws-cli has them.

use std::fs;
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{TcpListener, TcpStream};
use std::process::Command;
use std::sync::{Arc, Mutex};
use std::thread;

use crate::support::cli::{Done, command};
use crate::support::logs::{gzip, key, records, root};
use crate::support::proxy::Proxy;
use crate::support::s3::{ACCESS_KEY, Bucket, Objects, SECRET_KEY, Server};

/// The heads of the requests that a server saw.
pub(crate) type Heads = Arc<Mutex<Vec<String>>>;

/// A server whose answers a function makes of requests' heads.
pub(crate) fn serve(answer: impl Fn(&str) -> Vec<u8> + Send + Sync + 'static) -> (String, Heads) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let (heads, answer) = (Heads::default(), Arc::new(answer));
    let seen = heads.clone();
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let (seen, answer) = (seen.clone(), answer.clone());
            thread::spawn(move || connection(&stream, &seen, &*answer));
        }
    });
    (address, heads)
}

fn connection(mut stream: &TcpStream, seen: &Heads, answer: &dyn Fn(&str) -> Vec<u8>) {
    let mut reader = BufReader::new(stream.try_clone().unwrap());
    loop {
        let mut head = String::new();
        while !head.ends_with("\r\n\r\n") {
            match reader.read_line(&mut head) {
                Ok(0) | Err(_) => return,
                Ok(_) => {}
            }
        }
        seen.lock().unwrap().push(head.clone());
        if stream.write_all(&answer(&head)).is_err() {
            return;
        }
    }
}

pub(crate) fn http(status: &str, kind: &str, body: &[u8]) -> Vec<u8> {
    let mut answer =
        format!("HTTP/1.1 {status}\r\nContent-Type: {kind}\r\nContent-Length: {}\r\n\r\n", body.len())
            .into_bytes();
    answer.extend_from_slice(body);
    answer
}

pub(crate) fn scan(command: &mut Command, source: &str, args: &[&str]) -> Done {
    let output =
        command.args(["scan", source, "-q"]).args(args).env("AWS_REGION", "us-east-1").output().unwrap();
    Done::of(output)
}

pub(crate) fn with_keys() -> Command {
    let mut command = command();
    command.env("AWS_ACCESS_KEY_ID", ACCESS_KEY).env("AWS_SECRET_ACCESS_KEY", SECRET_KEY);
    command
}

/// A server with one log in it, and configuration files with a profile `good`.
fn trail() -> (Server, tempfile::TempDir) {
    let server = Server::start();
    let objects = Objects::default();
    objects.put(&key("CloudTrail", "us-east-1", 3, 1), gzip(records([root(1)])));
    server.put("trail", Bucket::new(objects));
    let folder = tempfile::tempdir().unwrap();
    let profile = format!(
        "[profile good]\naws_access_key_id = {ACCESS_KEY}\naws_secret_access_key = {SECRET_KEY}\n[profile other]\n"
    );
    fs::write(folder.path().join("config"), profile).unwrap();
    (server, folder)
}

fn stranger(folder: &tempfile::TempDir) -> Command {
    let mut command = command();
    command
        .env("AWS_ACCESS_KEY_ID", "AKIASOMEBODYELSE0000")
        .env("AWS_SECRET_ACCESS_KEY", "x")
        .env("AWS_CONFIG_FILE", folder.path().join("config"))
        .env("AWS_SHARED_CREDENTIALS_FILE", folder.path().join("none"));
    command
}

#[test]
fn a_profile_that_is_asked_for_stands_above_keys_in_the_environment() {
    let (server, folder) = trail();
    let url = server.options().endpoint_url.unwrap();
    let named = scan(&mut stranger(&folder), "s3://trail", &["--profile", "good", "--endpoint-url", &url]);
    assert_eq!((named.code, named.stdout.lines().count()), (0, 1), "{}", named.stderr);
    // The variable is only a default, as for aws-cli.
    let variable =
        scan(stranger(&folder).env("AWS_PROFILE", "good"), "s3://trail", &["--endpoint-url", &url]);
    assert!(variable.code == 1 && variable.stderr.contains("InvalidAccessKeyId"), "{}", variable.stderr);
}

#[test]
fn a_profile_that_does_not_exist_ends_the_run_with_those_that_do() {
    let (server, folder) = trail();
    let url = server.options().endpoint_url.unwrap();
    let args = ["--endpoint-url", &url];
    let option = scan(&mut stranger(&folder), "s3://trail", &[&["--profile", "typo"], &args[..]].concat());
    let variable = scan(stranger(&folder).env("AWS_PROFILE", "typo"), "s3://trail", &args);
    for done in [option, variable] {
        assert_eq!(done.code, 1, "{}", done.stderr);
        for part in ["\"typo\"", "good, other", "config"] {
            assert!(done.stderr.contains(part), "{part}: {}", done.stderr);
        }
    }
    assert!(server.take_asked().is_empty(), "nothing may be asked as somebody else");
}

#[test]
fn a_proxy_is_asked_for_the_bucket_and_its_password_is_not_printed() {
    let (address, heads) = serve(|_| http("502 Bad Gateway", "text/plain", b""));
    let proxy = format!("http://user:sesame@{address}");
    let done = scan(with_keys().env("HTTPS_PROXY", &proxy), "s3://my-bucket", &[]);
    assert_eq!(done.code, 1, "{}", done.stderr);
    let heads = heads.lock().unwrap();
    assert!(!heads.is_empty());
    for head in heads.iter() {
        assert!(head.starts_with("CONNECT my-bucket.s3.us-east-1.amazonaws.com:443 "), "{head}");
        assert!(head.to_ascii_lowercase().contains("proxy-authorization: basic "), "{head}");
    }
    assert!(!done.stderr.contains("sesame"), "{}", done.stderr);
}

/// A bucket on TLS, behind a proxy that wants a password: listing and GETs pass, the fast ones too.
#[test]
fn a_bucket_on_tls_is_scanned_through_a_proxy_with_a_password() {
    let (server, folder) = trail();
    let proxy = Proxy::start("s3.corp.example", server.url().trim_start_matches("http://"));
    let ca = folder.path().join("ca.pem");
    fs::write(&ca, &proxy.certificate).unwrap();
    let args = ["--endpoint-url", "https://s3.corp.example", "--ca-bundle", ca.to_str().unwrap()];
    for variable in ["HTTPS_PROXY", "https_proxy"] {
        let done = scan(with_keys().env(variable, proxy.url()), "s3://trail", &args);
        assert_eq!((done.code, done.stdout.lines().count()), (0, 1), "{}", done.stderr);
        assert!(!done.stderr.contains("sesame"), "{}", done.stderr);
    }
    let asked = proxy.asked();
    assert!(asked.iter().all(|line| line == "CONNECT s3.corp.example:443 HTTP/1.1"), "{asked:?}");
    let agents = server.take_agents();
    let fast = agents.iter().filter(|agent| agent.starts_with("roottrail/")).count();
    assert_eq!(fast, 2, "the fast GET passes too: {agents:?}");

    let done = scan(with_keys().env("HTTPS_PROXY", proxy.wrong_url()), "s3://trail", &args);
    assert!(done.code == 1 && done.stderr.contains("proxy auth"), "{}", done.stderr);
    assert!(!done.stderr.contains("open-up"), "{}", done.stderr);
    // What NO_PROXY names is asked straight, which leads nowhere here.
    let before = proxy.asked().len();
    let mut command = with_keys();
    command.env("HTTPS_PROXY", proxy.url()).env("NO_PROXY", "localhost,.corp.example");
    let done = scan(&mut command, "s3://trail", &args);
    assert!(done.code == 1 && done.stderr.contains("s3.corp.example"), "{}", done.stderr);
    assert_eq!(proxy.asked().len(), before);
}

/// As for aws-cli, the proxy itself may be spoken to over TLS: its certificate is checked like a server's.
#[test]
fn a_proxy_that_speaks_tls_is_passed_like_any_other() {
    let (server, folder) = trail();
    let upstream = server.url().trim_start_matches("http://").to_owned();
    let proxy = Proxy::on_tls("s3.corp.example", &upstream);
    let ca = folder.path().join("ca.pem");
    fs::write(&ca, &proxy.certificate).unwrap();
    for (endpoint, variable, first) in [
        ("https://s3.corp.example", "HTTPS_PROXY", "CONNECT s3.corp.example:443 "),
        ("http://s3.corp.example", "HTTP_PROXY", "GET http://s3.corp.example/trail"),
    ] {
        let args = ["--endpoint-url", endpoint, "--ca-bundle", ca.to_str().unwrap()];
        let done = scan(with_keys().env(variable, proxy.url()), "s3://trail", &args);
        assert_eq!((done.code, done.stdout.lines().count()), (0, 1), "{endpoint}: {}", done.stderr);
        assert!(!done.stderr.contains("sesame"), "{}", done.stderr);
        assert!(proxy.asked().last().unwrap().starts_with(first), "{:?}", proxy.asked());
        let agents = server.take_agents();
        assert!(agents.iter().any(|agent| agent.starts_with("roottrail/")), "no fast GET: {agents:?}");
    }
    // Nobody vouches for another proxy's certificate.
    let other = Proxy::on_tls("s3.corp.example", &upstream);
    let args = ["--endpoint-url", "https://s3.corp.example", "--ca-bundle", ca.to_str().unwrap()];
    let done = scan(with_keys().env("HTTPS_PROXY", other.url()), "s3://trail", &args);
    assert!(done.code == 1 && done.stderr.contains("certificate"), "{}", done.stderr);
    assert!(other.asked().is_empty());
}

/// Without TLS the proxy is asked for whole URLs.
#[test]
fn a_bucket_without_tls_is_scanned_through_a_proxy() {
    let (server, _folder) = trail();
    let proxy = Proxy::start("unused", server.url().trim_start_matches("http://"));
    let mut command = with_keys();
    let done = scan(
        command.env("HTTP_PROXY", proxy.url()),
        "s3://trail",
        &["--endpoint-url", "http://s3.corp.example"],
    );
    assert_eq!((done.code, done.stdout.lines().count()), (0, 1), "{}", done.stderr);
    let asked = proxy.asked();
    assert!(asked.len() >= 2, "{asked:?}");
    assert!(asked.iter().all(|line| line.starts_with("GET http://s3.corp.example/trail")), "{asked:?}");
}

/// As for aws-cli, ALL_PROXY is no proxy, also where another scheme has one. The listing heeded it there, the fast GETs
/// did not.
#[test]
fn a_proxy_for_all_is_none() {
    let (server, _folder) = trail();
    let nowhere = "http://127.0.0.1:1";
    for others in [&[][..], &["HTTPS_PROXY"], &["https_proxy", "NO_PROXY"]] {
        let mut command = with_keys();
        command.env("ALL_PROXY", nowhere).envs(others.iter().map(|name| (name, nowhere)));
        let done = scan(&mut command, "s3://trail", &["--endpoint-url", &server.url()]);
        assert_eq!((done.code, done.stdout.lines().count()), (0, 1), "{others:?}: {}", done.stderr);
    }
    let mut command = with_keys();
    command.env("HTTPS_PROXY", "socks5://user:sesame@127.0.0.1:1");
    let done = scan(&mut command, "s3://trail", &["--endpoint-url", &server.url()]);
    assert!(done.code == 1 && done.stderr.contains("HTTPS_PROXY is not the address"), "{}", done.stderr);
    assert!(!done.stderr.contains("sesame"), "{}", done.stderr);
}

/// Lists one object, and hands it out unless the request has what the server refuses.
fn almost_s3(refused: &'static str) -> (String, Heads) {
    let body = gzip(records([root(1)]));
    let list = format!(
        "<?xml version=\"1.0\"?><ListBucketResult xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\"><Name>trail</Name>\
         <Prefix></Prefix><KeyCount>1</KeyCount><MaxKeys>1000</MaxKeys><IsTruncated>false</IsTruncated><Contents>\
         <Key>a.json.gz</Key><LastModified>2024-05-03T00:00:00.000Z</LastModified><Size>{}</Size>\
         <StorageClass>STANDARD</StorageClass></Contents></ListBucketResult>",
        body.len()
    );
    serve(move |head| {
        if head.contains("list-type=2") {
            return http("200 OK", "application/xml", list.as_bytes());
        }
        if head.to_ascii_lowercase().contains(refused) {
            let error = format!(
                "<Error><Code>InvalidArgument</Code><Message>Unsupported header '{refused}' received</Message></Error>"
            );
            return http("400 Bad Request", "application/xml", error.as_bytes());
        }
        http("200 OK", "application/gzip", &body)
    })
}

#[test]
fn a_server_that_refuses_checksums_is_asked_without() {
    let (address, _) = almost_s3("x-amz-checksum-mode");
    let url = format!("http://{address}");
    let done = scan(&mut with_keys(), "s3://trail", &["--endpoint-url", &url]);
    assert_eq!((done.code, done.stdout.lines().count()), (0, 1), "{}", done.stderr);

    let (address, heads) = almost_s3("x-amz-checksum-mode");
    let url = format!("http://{address}");
    let mut command = with_keys();
    command.env("AWS_RESPONSE_CHECKSUM_VALIDATION", "when_required");
    let done = scan(&mut command, "s3://trail", &["--endpoint-url", &url]);
    assert_eq!((done.code, done.stdout.lines().count()), (0, 1), "{}", done.stderr);
    let heads = heads.lock().unwrap();
    assert!(!heads.iter().any(|head| head.to_ascii_lowercase().contains("x-amz-checksum-mode")), "{heads:?}");
}

#[test]
fn a_custom_endpoint_is_asked_for_its_own_name_unless_virtual_hosting_is_asked_for() {
    let (address, heads) = almost_s3("nothing");
    let url = format!("http://localhost:{}", address.split(':').next_back().unwrap());
    let done = scan(&mut with_keys(), "s3://trail", &["--endpoint-url", &url]);
    assert_eq!(done.code, 0, "{}", done.stderr);
    let heads = heads.lock().unwrap();
    assert!(heads.iter().all(|head| head.starts_with("GET /trail")), "{heads:?}");
}

#[test]
fn a_page_for_a_browser_is_called_what_it_is() {
    let (address, _) = serve(|_| http("403 Forbidden", "text/html", b"<!DOCTYPE html><html>no</html>"));
    let done = scan(&mut with_keys(), "s3://trail", &["--endpoint-url", &format!("http://{address}")]);
    assert!(done.code == 1 && done.stderr.contains("not an S3 API"), "{}: {}", done.code, done.stderr);
}
