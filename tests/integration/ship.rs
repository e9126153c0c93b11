//! `ship` against servers of our own on real sockets, with every fault that was seen to lose documents.

use std::collections::BTreeSet;
use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use roottrail::ship::{
    self, Auth, Endpoint, Event, Peer, Secret, ShipError, ShipOptions, ShipSummary, ShipWatch, Timing,
};
use tempfile::TempDir;

use crate::support::wait::LAST_RESORT;

mod answers;
mod command;
pub(crate) mod server;

use server::{Fault, Server};

const TOKEN: &str = "0f1e2d3c-secret-token";

/// A folder with findings, and what a delivery from it needs.
struct Bench {
    folder: TempDir,
    ids: BTreeSet<String>,
}

impl Bench {
    fn new(count: usize) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let template = fs::read_to_string(crate::formats::golden("findings.ndjson")).unwrap();
        let template = template.lines().next().unwrap();
        let id = "390e54f2f6238b01368013696e64f4dd";
        assert!(template.contains(id));
        let mut ids = BTreeSet::new();
        let mut text = String::new();
        for number in 0..count {
            let own = format!("{number:032x}");
            text.push_str(&template.replace(id, &own));
            text.push('\n');
            ids.insert(own);
        }
        fs::write(folder.path().join("findings.ndjson"), text).unwrap();
        Self { folder, ids }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn options(&self, server: &Server, peer: Peer) -> ShipOptions {
        let millis = Duration::from_millis;
        ShipOptions {
            files: vec![self.path("findings.ndjson")],
            peer,
            endpoint: Endpoint {
                url: server.url().parse().unwrap(),
                secret: Some((
                    if peer == Peer::Splunk { Auth::Splunk } else { Auth::ApiKey },
                    Secret::new(TOKEN),
                )),
                ca_file: None,
            },
            dataset: Default::default(),
            index: None,
            pipeline: None,
            without_ids: false,
            hec_index: None,
            batch_bytes: 100_000,
            gzip: true,
            cursor: self.path("cursor"),
            dead_letters: self.path("dead"),
            dry_run: false,
            timing: Timing {
                first_pause: millis(1),
                longest_pause: millis(5),
                // None of these is over only because the machine is busy.
                give_up: LAST_RESORT,
                request: LAST_RESORT,
                acknowledgement: LAST_RESORT,
                poll: millis(5),
            },
        }
    }

    fn dead_letters(&self) -> Vec<serde_json::Value> {
        let text = fs::read_to_string(self.path("dead")).unwrap_or_default();
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    /// What was stored and what was refused is what was read, for each part that a finding is sent in.
    fn check_complete(&self, server: &Server, peer: Peer) {
        let parts: &[&str] =
            if peer == Peer::Splunk { &["aws:cloudtrail", "roottrail:finding"] } else { &[""] };
        let refused: BTreeSet<String> = self
            .dead_letters()
            .iter()
            .map(|letter| {
                format!("{}{}", letter["part"].as_str().unwrap_or(""), letter["finding_id"].as_str().unwrap())
            })
            .collect();
        let stored: BTreeSet<String> = server.stored().into_iter().collect();
        let expected: BTreeSet<String> =
            parts.iter().flat_map(|part| self.ids.iter().map(move |id| format!("{part}{id}"))).collect();
        assert_eq!(stored.intersection(&refused).next(), None);
        assert_eq!(stored.union(&refused).cloned().collect::<BTreeSet<_>>(), expected);
        if peer != Peer::Splunk {
            assert_eq!(server.stored().len(), stored.len(), "no document twice");
        }
    }
}

#[derive(Default)]
struct Heard(Vec<String>);

impl ShipWatch for Heard {
    fn event(&mut self, event: Event) {
        self.0.push(format!("{event:?}"));
    }
}

fn deliver(options: &ShipOptions) -> Result<ShipSummary, ShipError> {
    let mut heard = Heard::default();
    let result = ship::run(options, &mut heard);
    for text in heard.0.iter().cloned().chain(result.iter().map(|s| format!("{s:?}"))) {
        assert!(!text.contains(TOKEN), "{text}");
    }
    if let Err(error) = &result {
        assert!(!format!("{error} {error:?}").contains(TOKEN));
    }
    result
}

const FAULTS: &[(&str, &[Fault])] = &[
    ("429", &[Fault::Status(429), Fault::Status(429)]),
    ("503", &[Fault::Ok, Fault::Status(503)]),
    ("per-item 429", &[Fault::Items(429), Fault::Items(429), Fault::Ok, Fault::Items(503)]),
    ("per-item 400", &[Fault::Ok, Fault::Items(400)]),
    ("lost acknowledgement", &[Fault::LostAnswer, Fault::Ok, Fault::LostAnswer]),
    ("connection reset", &[Fault::Reset, Fault::Ok, Fault::Reset, Fault::Reset]),
    ("413", &[Fault::TooLarge, Fault::Ok, Fault::TooLarge, Fault::TooLarge]),
    ("slow server", &[Fault::Slow, Fault::Ok]),
    ("ack never", &[Fault::NeverAck, Fault::Ok, Fault::NeverAck]),
    ("nonsense answer", &[Fault::Nonsense]),
    (
        "everything",
        &[
            Fault::Items(400),
            Fault::Status(429),
            Fault::Items(429),
            Fault::LostAnswer,
            Fault::Reset,
            Fault::TooLarge,
            Fault::Slow,
            Fault::Status(503),
            Fault::NeverAck,
        ],
    ),
];

fn fault_matrix(peer: Peer, acknowledge: bool) {
    for (name, faults) in FAULTS {
        let bench = Bench::new(200);
        let server = Server::start(peer, TOKEN, faults, acknowledge);
        let mut options = bench.options(&server, peer);
        // What never comes is given up soon. Something else that is given up is sent once more.
        if faults.contains(&Fault::Slow) {
            options.timing.request = Duration::from_secs(3);
        }
        if acknowledge && faults.contains(&Fault::NeverAck) {
            options.timing.acknowledgement = Duration::from_secs(1);
        }
        let summary = deliver(&options).unwrap_or_else(|error| panic!("{name}: {error}"));
        bench.check_complete(&server, peer);
        assert_eq!(summary.findings, 200, "{name}");
        assert_eq!(summary.dead_letters, bench.dead_letters().len() as u64, "{name}");
        let refused = faults.contains(&Fault::Items(400));
        assert_eq!(summary.dead_letters > 0, refused, "{name}");
        for letter in bench.dead_letters() {
            assert_eq!(letter["schema"], "roottrail.dead-letter/1");
            assert_eq!(letter["status"], 400);
            assert!(letter["reason"].as_str().unwrap().contains("refused by the test"), "{letter}");
            assert_eq!(letter["finding"]["id"], letter["finding_id"]);
        }
        let again = deliver(&bench.options(&server, peer)).unwrap();
        assert_eq!((again.findings, again.requests), (0, 0), "{name}: nothing is left to do");
    }
}

#[test]
fn elastic_stores_each_finding_once_whatever_fails() {
    fault_matrix(Peer::Elastic, false);
}

#[test]
#[ignore = "takes long: .ci/checks/45-kills"]
fn opensearch_stores_each_finding_once_whatever_fails() {
    fault_matrix(Peer::OpenSearch, false);
}

#[test]
#[ignore = "takes long: .ci/checks/45-kills"]
fn splunk_gets_every_finding_whatever_fails() {
    fault_matrix(Peer::Splunk, false);
}

#[test]
#[ignore = "takes long: .ci/checks/45-kills"]
fn splunk_with_acknowledgement_gets_every_finding_whatever_fails() {
    fault_matrix(Peer::Splunk, true);
}

#[test]
fn a_shipper_that_stops_goes_on_where_the_server_had_acknowledged() {
    for peer in [Peer::Elastic, Peer::Splunk] {
        let bench = Bench::new(200);
        let server = Server::start(peer, TOKEN, &[Fault::Ok, Fault::Ok, Fault::Status(403)], false);
        let first = deliver(&bench.options(&server, peer));
        assert!(matches!(first, Err(ShipError::Refused(_))));
        let before = server.stored().len();
        assert!(before > 0);
        let second = deliver(&bench.options(&server, peer)).unwrap();
        assert!(second.settled_before > 0);
        assert_eq!(second.already_there, 0, "nothing acknowledged is sent again");
        assert_eq!(server.stored().len() - before, usize::try_from(second.delivered).unwrap());
        bench.check_complete(&server, peer);
    }
}

#[test]
fn a_lost_answer_at_the_very_end_of_a_run_leaves_no_double() {
    let bench = Bench::new(3);
    let server = Server::start(Peer::Elastic, TOKEN, &[Fault::LostAnswer], false);
    let mut options = bench.options(&server, Peer::Elastic);
    options.timing.give_up = Duration::ZERO;
    assert!(matches!(deliver(&options), Err(ShipError::GaveUp { .. })));
    assert!(!bench.path("cursor").exists());
    let summary = deliver(&bench.options(&server, Peer::Elastic)).unwrap();
    assert_eq!(summary.already_there, 3);
    bench.check_complete(&server, Peer::Elastic);
}

#[test]
fn a_file_that_grows_is_gone_on_with_and_one_that_changed_is_refused() {
    let bench = Bench::new(10);
    let server = Server::start(Peer::Elastic, TOKEN, &[], false);
    let path = bench.path("findings.ndjson");
    let whole = fs::read_to_string(&path).unwrap();
    let half = whole.lines().take(5).map(|line| format!("{line}\n")).collect::<String>();
    fs::write(&path, &half).unwrap();
    assert_eq!(deliver(&bench.options(&server, Peer::Elastic)).unwrap().findings, 5);
    fs::write(&path, &whole[..whole.len() - 10]).unwrap();
    assert!(matches!(deliver(&bench.options(&server, Peer::Elastic)), Err(ShipError::CutLine { .. })));
    assert_eq!(server.stored().len(), 9, "what stands before a cut line is delivered");
    fs::write(&path, &whole).unwrap();
    assert_eq!(deliver(&bench.options(&server, Peer::Elastic)).unwrap().findings, 1);
    fs::write(&path, whole.replace("critical", "high")).unwrap();
    assert!(matches!(deliver(&bench.options(&server, Peer::Elastic)), Err(ShipError::OtherCursor { .. })));
    let mut elsewhere = bench.options(&server, Peer::Elastic);
    elsewhere.index = Some("other".parse().unwrap());
    assert!(matches!(deliver(&elsewhere), Err(ShipError::OtherCursor { .. })));
}

#[test]
fn lines_that_are_no_findings_are_dead_letters_and_files_of_them_are_errors() {
    let bench = Bench::new(2);
    let server = Server::start(Peer::Elastic, TOKEN, &[], false);
    let path = bench.path("findings.ndjson");
    let mut text = fs::read_to_string(&path).unwrap();
    let bare: serde_json::Value = serde_json::from_str(text.lines().next().unwrap()).unwrap();
    let mut bare = bare.as_object().unwrap().clone();
    bare.remove("cloudtrail");
    bare["id"] = "f".repeat(32).into();
    text.push_str(&format!(
        "{{\"not\":\"a finding\"}}\nnot json\n{}\n",
        serde_json::to_string(&bare).unwrap()
    ));
    fs::write(&path, text).unwrap();
    let summary = deliver(&bench.options(&server, Peer::Elastic)).unwrap();
    assert_eq!((summary.delivered, summary.dead_letters), (2, 3));
    let letters = bench.dead_letters();
    assert_eq!(letters[1]["line"], "not json");
    assert!(letters[2]["reason"].as_str().unwrap().contains("--no-raw"));
    fs::write(&path, "{\"not\":\"a finding\"}\n").unwrap();
    fs::remove_file(bench.path("cursor")).unwrap();
    assert!(matches!(deliver(&bench.options(&server, Peer::Elastic)), Err(ShipError::Input { .. })));
}

#[test]
fn a_wrong_secret_and_a_wrong_index_stop_the_run_and_settle_nothing() {
    let bench = Bench::new(5);
    for peer in [Peer::Elastic, Peer::Splunk] {
        let server = Server::start(peer, "another", &[], false);
        let result = deliver(&bench.options(&server, peer));
        assert!(matches!(result, Err(ShipError::Refused(_))), "{result:?}");
        for fault in [Fault::Items(404), Fault::AllItems(400)] {
            let server = Server::start(peer, TOKEN, &[fault], false);
            if peer == Peer::Elastic {
                assert!(matches!(deliver(&bench.options(&server, peer)), Err(ShipError::Refused(_))));
            }
        }
        assert!(!bench.path("cursor").exists());
        assert!(bench.dead_letters().is_empty());
    }
}

#[test]
fn a_dry_run_sends_and_writes_nothing() {
    let bench = Bench::new(50);
    let server = Server::start(Peer::Splunk, TOKEN, &[], false);
    let mut options = bench.options(&server, Peer::Splunk);
    options.dry_run = true;
    let summary = deliver(&options).unwrap();
    assert_eq!((summary.findings, summary.delivered), (50, 100));
    assert!(summary.requests > 1);
    assert!(server.stored().is_empty());
    assert!(!bench.path("cursor").exists() && !bench.path("dead").exists());
}

#[test]
fn batches_keep_to_their_size() {
    let bench = Bench::new(100);
    let server = Server::start(Peer::Elastic, TOKEN, &[], false);
    let mut options = bench.options(&server, Peer::Elastic);
    options.gzip = false;
    options.batch_bytes = 20_000;
    let summary = deliver(&options).unwrap();
    let average = summary.bytes / summary.requests;
    assert!((15_000..26_000).contains(&average), "{summary:?}");
    bench.check_complete(&server, Peer::Elastic);
}

#[test]
fn tls_trusts_the_named_authority_and_nobody_else() {
    let key = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let provider = std::sync::Arc::new(rustls::crypto::ring::default_provider());
    let private = rustls::pki_types::PrivateKeyDer::Pkcs8(key.signing_key.serialize_der().into());
    let config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![key.cert.der().clone()], private)
        .unwrap();
    let bench = Bench::new(5);
    let server = Server::start_with(Peer::Elastic, TOKEN, &[Fault::Reset], false, Some(config.into()));
    let mut options = bench.options(&server, Peer::Elastic);

    let stranger = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    options.endpoint.ca_file = Some(bench.path("ca.pem"));
    fs::write(bench.path("ca.pem"), stranger.cert.pem()).unwrap();
    let refused = deliver(&options);
    assert!(matches!(refused, Err(ShipError::Refused(_))), "{refused:?}");
    assert!(server.stored().is_empty());

    fs::write(bench.path("ca.pem"), key.cert.pem()).unwrap();
    deliver(&options).unwrap();
    bench.check_complete(&server, Peer::Elastic);

    fs::write(bench.path("ca.pem"), "nothing").unwrap();
    assert!(matches!(deliver(&options), Err(ShipError::Setup(_))));
}
