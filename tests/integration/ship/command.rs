//! Deliveries through the binary.

use super::*;
use crate::support::proxy::Proxy;
use crate::support::wait::until_running;
use std::process::{Command, Stdio};

fn ship(bench: &Bench, server: &Server, to: &str) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_roottrail"));
    command
        .args(["ship", "--to", to, "--url", server.url(), "--batch-bytes", "20k", "--timeout", "120s"])
        .args(["--max-pause", "20ms", "--give-up", "120s"])
        .arg(bench.path("findings.ndjson"))
        .env("ROOTTRAIL_SHIP_SECRET", TOKEN);
    command
}

fn run(mut command: Command) -> (Option<i32>, String) {
    let output = command.output().unwrap();
    let text = String::from_utf8(output.stderr).unwrap();
    assert!(output.stdout.is_empty());
    assert!(!text.contains(TOKEN), "{text}");
    (output.status.code(), text)
}

#[test]
fn exit_codes_tell_delivered_refused_and_undelivered_apart() {
    let bench = Bench::new(20);
    let server = Server::start(Peer::Elastic, TOKEN, &[Fault::Items(400)], false);
    let (code, text) = run(ship(&bench, &server, "elastic"));
    assert_eq!(code, Some(3), "{text}");
    assert!(text.contains("refused by the test"), "{text}");
    assert!(bench.path("findings.ndjson.elastic.dead").exists());
    let (code, text) = run(ship(&bench, &server, "elastic"));
    assert_eq!(code, Some(0), "{text}");
    assert!(text.contains("nothing new"), "{text}");

    let splunk = Server::start(Peer::Splunk, "another", &[], false);
    let (code, text) = run(ship(&bench, &splunk, "splunk"));
    assert_eq!(code, Some(1), "{text}");
    assert!(text.contains("Invalid token"), "{text}");
}

#[test]
fn the_secret_is_taken_from_a_file_and_not_from_the_url() {
    let bench = Bench::new(2);
    let server = Server::start(Peer::Splunk, TOKEN, &[], false);
    fs::write(bench.path("token"), format!("{TOKEN}\n")).unwrap();
    let mut command = ship(&bench, &server, "splunk");
    command.env_remove("ROOTTRAIL_SHIP_SECRET").arg("--secret-file").arg(bench.path("token"));
    assert_eq!(run(command).0, Some(0));
    let mut command = Command::new(env!("CARGO_BIN_EXE_roottrail"));
    command.args(["ship", "--to", "splunk", "--url", "https://me:0f1e2d3c@localhost:1"]).arg("x");
    let (code, text) = run(command);
    assert_eq!(code, Some(2));
    assert!(!text.contains("0f1e2d3c"), "{text}");
}

#[test]
fn killed_at_any_moment_and_started_again_it_delivers_everything_once() {
    // Before the first request, and while an answer to the first, second, third is due that does not come.
    for batches in 0..4 {
        let bench = Bench::new(120);
        let mut faults = vec![Fault::Ok; batches];
        if let Some(last) = faults.last_mut() {
            *last = Fault::Slow;
        }
        let server = Server::start(Peer::Elastic, TOKEN, &faults, false);
        let mut command = ship(&bench, &server, "elastic");
        let mut child = command.stderr(Stdio::null()).spawn().unwrap();
        until_running(&mut child, "requests", || server.batches() >= batches);
        child.kill().unwrap();
        child.wait().unwrap();
        assert!(server.stored().len() < 120, "killed too late to show anything");
        let (code, text) = run(ship(&bench, &server, "elastic"));
        assert_eq!(code, Some(0), "{text}");
        bench.check_complete(&server, Peer::Elastic);
    }
}

#[test]
fn findings_go_through_the_proxy_that_the_environment_names() {
    for (tls, variable, start) in [
        (true, "HTTPS_PROXY", Proxy::start as fn(&str, &str) -> Proxy),
        (true, "HTTPS_PROXY", Proxy::on_tls),
        (false, "http_proxy", Proxy::start),
    ] {
        let bench = Bench::new(5);
        let server = Server::start(Peer::Elastic, TOKEN, &[], false);
        let proxy = start("siem.corp.example", server.url().trim_start_matches("http://"));
        fs::write(bench.path("ca.pem"), &proxy.certificate).unwrap();
        let url = if tls { "https://siem.corp.example" } else { "http://siem.corp.example" };
        let mut command = Command::new(env!("CARGO_BIN_EXE_roottrail"));
        command.args(["ship", "--to", "elastic", "--url", url, "--timeout", "120s", "--give-up", "120s"]);
        command.arg("--ca-file").arg(bench.path("ca.pem")).arg(bench.path("findings.ndjson"));
        command.env("ROOTTRAIL_SHIP_SECRET", TOKEN).env(variable, proxy.url());
        let (code, text) = run(command);
        assert_eq!(code, Some(0), "{text}");
        assert!(!text.contains("sesame"), "{text}");
        bench.check_complete(&server, Peer::Elastic);
        let asked = proxy.asked();
        let expected = if tls { "CONNECT siem.corp.example:443 " } else { "POST http://siem.corp.example/" };
        assert!(!asked.is_empty() && asked.iter().all(|line| line.starts_with(expected)), "{asked:?}");
    }
}
