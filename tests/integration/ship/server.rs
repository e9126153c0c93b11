//! A small HTTP server that answers as Elasticsearch or Splunk do, strictly, and fails on demand.

use std::collections::{BTreeMap, HashSet, VecDeque};
use std::io::{BufReader, Read, Write};
use std::net::TcpListener;
use std::sync::{Arc, Mutex};
use std::thread;

use flate2::read::GzDecoder;
use roottrail::ship::Peer;
use rustls::{ServerConfig, ServerConnection, StreamOwned};
use serde_json::{Value, json};

use crate::support::http::HttpRequest;

/// What goes wrong with one request that carries items.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    Ok,
    /// The whole request is answered with this status.
    Status(u16),
    /// Every tenth item, from the third, is answered with this status.
    Items(u16),
    /// Every item is answered with this status.
    AllItems(u16),
    /// Stored, then the connection breaks.
    LostAnswer,
    /// The connection breaks before anything is stored.
    Reset,
    /// 413 without a body.
    TooLarge,
    /// Stored, but the answer comes only when the client has lost its patience.
    Slow,
    /// Splunk: taken, but never acknowledged and never stored.
    NeverAck,
    /// 200 with a page that some proxy made.
    Nonsense,
    /// Nothing is stored; the answer is 200 with this text.
    Says(&'static str),
    /// Nothing is stored, and the answer never ends.
    Endless,
    /// Splunk: every batch has the same acknowledgement number, and only the first one is stored.
    OneNumber,
    /// Splunk: what is acknowledged is what nobody asked for.
    AcksOfOthers,
}

struct State {
    peer: Peer,
    token: String,
    faults: VecDeque<Fault>,
    acknowledge: bool,
    stored: Vec<String>,
    /// Requests with items that were dealt with.
    batches: usize,
    /// Splunk: acknowledgements by channel and number.
    acks: BTreeMap<(String, u64), bool>,
    /// See [`Fault::AcksOfOthers`].
    others_only: bool,
}

pub(crate) struct Server {
    url: String,
    state: Arc<Mutex<State>>,
}

enum Answer {
    Json(u16, Value),
    Text(u16, &'static str),
    Break,
    Endless,
}

impl Server {
    pub(crate) fn start(peer: Peer, token: &str, faults: &[Fault], acknowledge: bool) -> Self {
        Self::start_with(peer, token, faults, acknowledge, None)
    }

    /// With TLS, where a configuration is given.
    pub(crate) fn start_with(
        peer: Peer,
        token: &str,
        faults: &[Fault],
        acknowledge: bool,
        tls: Option<Arc<ServerConfig>>,
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let url = match tls {
            Some(_) => format!("https://localhost:{}", address.port()),
            None => format!("http://{address}"),
        };
        let state = Arc::new(Mutex::new(State {
            peer,
            token: token.into(),
            faults: faults.iter().copied().collect(),
            acknowledge,
            stored: Vec::new(),
            batches: 0,
            acks: BTreeMap::new(),
            others_only: faults.contains(&Fault::AcksOfOthers),
        }));
        let shared = Arc::clone(&state);
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let state = Arc::clone(&shared);
                let tls = tls.clone();
                thread::spawn(move || match tls {
                    Some(config) => {
                        let connection = ServerConnection::new(config).unwrap();
                        serve(StreamOwned::new(connection, stream), &state);
                    }
                    None => serve(stream, &state),
                });
            }
        });
        Self { url, state }
    }

    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    /// Requests with items so far.
    pub(crate) fn batches(&self) -> usize {
        self.state.lock().unwrap().batches
    }

    /// The part and the id of everything stored, in order.
    pub(crate) fn stored(&self) -> Vec<String> {
        self.state.lock().unwrap().stored.clone()
    }
}

fn serve<S: Read + Write>(stream: S, state: &Mutex<State>) {
    let mut reader = BufReader::new(stream);
    while let Some(request) = read_request(&mut reader) {
        let (answer, slow) = {
            let mut state = state.lock().unwrap();
            let is_batch = !request.path.ends_with("/ack");
            let fault = if is_batch { state.faults.pop_front().unwrap_or(Fault::Ok) } else { Fault::Ok };
            let answer = state.answer(&request, fault);
            state.batches += usize::from(is_batch);
            (answer, fault == Fault::Slow)
        };
        if slow {
            // Nothing more comes from a client that waits: this ends as it closes the connection.
            let _gone = reader.read(&mut [0]);
            return;
        }
        let (status, kind, body) = match answer {
            Answer::Break => return,
            Answer::Endless => {
                let head = b"HTTP/1.1 200 x\r\nContent-Type: application/json\r\n\r\n{";
                let blanks = vec![b' '; 1 << 20];
                let writer = reader.get_mut();
                let mut written = writer.write_all(head);
                while written.is_ok() {
                    written = writer.write_all(&blanks);
                }
                return;
            }
            Answer::Json(status, value) => (status, "application/json", value.to_string()),
            Answer::Text(status, text) => (status, "text/html", text.to_owned()),
        };
        let length = body.len();
        let head = format!("HTTP/1.1 {status} x\r\nContent-Type: {kind}\r\nContent-Length: {length}\r\n\r\n");
        let writer = reader.get_mut();
        let text = head + &body;
        if writer.write_all(text.as_bytes()).and_then(|()| writer.flush()).is_err() {
            return;
        }
    }
}

/// Returns a request with its body as it was before gzip.
fn read_request(reader: &mut BufReader<impl Read>) -> Option<HttpRequest> {
    let mut request = HttpRequest::read(reader)?;
    if request.headers.get("content-encoding").is_some_and(|encoding| encoding == "gzip") {
        let mut plain = Vec::new();
        GzDecoder::new(request.body.as_slice()).read_to_end(&mut plain).unwrap();
        request.body = plain;
    }
    Some(request)
}

impl State {
    fn answer(&mut self, request: &HttpRequest, fault: Fault) -> Answer {
        match fault {
            Fault::Reset => return Answer::Break,
            Fault::Status(status) => return Answer::Json(status, json!({"error": "refused by the test"})),
            Fault::TooLarge => return Answer::Text(413, ""),
            Fault::Nonsense => return Answer::Text(200, "<html>please log in</html>"),
            Fault::Says(text) => return Answer::Text(200, text),
            Fault::Endless => return Answer::Endless,
            Fault::OneNumber if self.batches > 0 => {
                return Answer::Text(200, r#"{"text":"Success","code":0,"ackId":0}"#);
            }
            _ => {}
        }
        let answer = match self.peer {
            Peer::Elastic | Peer::OpenSearch => self.bulk(request, fault),
            Peer::Splunk if request.path.ends_with("/ack") => self.ack(request),
            Peer::Splunk => self.events(request, fault),
        };
        if fault == Fault::LostAnswer { Answer::Break } else { answer }
    }

    fn bulk(&mut self, request: &HttpRequest, fault: Fault) -> Answer {
        if request.headers.get("authorization") != Some(&format!("ApiKey {}", self.token)) {
            return Answer::Json(401, json!({"error": {"type": "security_exception"}}));
        }
        assert!(request.path.starts_with("/_bulk?"), "{}", request.path);
        assert_eq!(request.headers["content-type"], "application/x-ndjson");
        let text = String::from_utf8(request.body.clone()).unwrap();
        assert!(text.ends_with('\n'));
        let lines: Vec<&str> = text.lines().collect();
        let mut items = Vec::new();
        for (index, pair) in lines.chunks(2).enumerate() {
            let action: Value = serde_json::from_str(pair[0]).unwrap();
            let document: Value = serde_json::from_str(pair[1]).unwrap();
            let id = action["create"]["_id"].as_str().unwrap().to_owned();
            assert_eq!(document["roottrail"]["finding_id"], id);
            assert_eq!(action["create"]["_index"], "logs-roottrail.finding-default");
            items.push(match fault {
                Fault::AllItems(status) => {
                    json!({"create": {"status": status, "error": {"type": "test", "reason": "no such pipeline"}}})
                }
                Fault::Items(status) if index % 10 == 2 => {
                    json!({"create": {"status": status, "error": {"type": "test", "reason": "refused by the test"}}})
                }
                _ if self.stored.contains(&id) => {
                    json!({"create": {"status": 409, "error": {"type": "version_conflict_engine_exception"}}})
                }
                _ => {
                    self.stored.push(id);
                    json!({"create": {"status": 201}})
                }
            });
        }
        let errors = items.iter().any(|item| item["create"]["status"] != 201);
        Answer::Json(200, json!({"errors": errors, "items": items}))
    }

    fn events(&mut self, request: &HttpRequest, fault: Fault) -> Answer {
        if request.headers.get("authorization") != Some(&format!("Splunk {}", self.token)) {
            return Answer::Json(403, json!({"text": "Invalid token", "code": 4}));
        }
        assert_eq!(request.path, "/services/collector/event");
        let channel = request.headers["x-splunk-request-channel"].clone();
        let text = String::from_utf8(request.body.clone()).unwrap();
        let mut names = Vec::new();
        for (index, line) in text.lines().enumerate() {
            let envelope: Value = serde_json::from_str(line).unwrap();
            match fault {
                Fault::Items(status @ 400) if index == 2 => {
                    // Splunk keeps what stands before; one cannot rely on it, so that the test does not.
                    let text = "refused by the test";
                    return Answer::Json(
                        status,
                        json!({"text": text, "code": 6, "invalid-event-number": index}),
                    );
                }
                Fault::Items(status) if index == 2 => {
                    return Answer::Json(status, json!({"text": "Server is busy", "code": 9}));
                }
                _ => {}
            }
            let part = envelope["sourcetype"].as_str().unwrap();
            names.push(format!("{part}{}", envelope["fields"]["finding_id"].as_str().unwrap()));
        }
        if !self.acknowledge {
            self.stored.extend(names);
            return Answer::Json(200, json!({"text": "Success", "code": 0}));
        }
        let numbers: HashSet<u64> =
            self.acks.keys().filter(|(of, _)| *of == channel).map(|(_, number)| *number).collect();
        let number = numbers.len() as u64;
        let never = fault == Fault::NeverAck;
        if !never {
            self.stored.extend(names);
        }
        self.acks.insert((channel, number), !never);
        Answer::Json(200, json!({"text": "Success", "code": 0, "ackId": number}))
    }

    fn ack(&mut self, request: &HttpRequest) -> Answer {
        let channel = &request.headers["x-splunk-request-channel"];
        if self.others_only {
            return Answer::Text(200, r#"{"acks":{"4294967296":true}}"#);
        }
        let asked: Value = serde_json::from_slice(&request.body).unwrap();
        let answers: serde_json::Map<String, Value> = asked["acks"]
            .as_array()
            .unwrap()
            .iter()
            .map(|number| {
                let known = self.acks.get_mut(&(channel.clone(), number.as_u64().unwrap()));
                // True is said once, then forgotten.
                (number.to_string(), known.map(std::mem::take).unwrap_or_default().into())
            })
            .collect();
        Answer::Json(200, json!({ "acks": answers }))
    }
}
