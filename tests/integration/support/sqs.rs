//! A server in this process that answers as SQS does: messages that are taken for a time, come back, are deleted, or go
//! to a dead-letter queue; with signatures asked for, and faults on demand.

use std::collections::BTreeMap;
use std::io::{BufReader, ErrorKind, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::http::HttpRequest;
use super::s3::ACCESS_KEY;

/// What goes wrong with one request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum SqsFault {
    /// Status 503.
    Busy,
    /// The caller may not.
    Denied,
    /// There is no such queue.
    Missing,
    /// Every second entry of a batch fails on the side of SQS, and nothing is done to it.
    HalfFails,
    /// No answer while the plan says so; asked again and again.
    Held,
}

#[derive(Clone, Debug)]
struct Message {
    body: String,
    received: u32,
    visible: Instant,
    /// The receipt of the last taking.
    receipt: String,
}

type Plan = Box<dyn Fn(&str, usize) -> Option<SqsFault> + Send + Sync>;

struct State {
    messages: BTreeMap<u64, Message>,
    dead: Vec<String>,
    /// Takings after which a message goes to the dead-letter queue; `None`: there is none.
    most: Option<u32>,
    next: u64,
    asked: BTreeMap<String, usize>,
    plan: Arc<Plan>,
    /// Messages that can be extended, by receipt: how often each was.
    held: BTreeMap<String, Vec<u64>>,
}

/// A running server with one queue.
pub(crate) struct SqsServer {
    url: String,
    state: Arc<Mutex<State>>,
}

impl SqsServer {
    /// Starts with a queue whose messages go to a dead-letter queue after so many takings.
    pub(crate) fn start(most: Option<u32>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}/111122223333/trail", listener.local_addr().unwrap());
        let state = Arc::new(Mutex::new(State {
            messages: BTreeMap::new(),
            dead: Vec::new(),
            most,
            next: 0,
            asked: BTreeMap::new(),
            plan: Arc::new(Box::new(|_, _| None)),
            held: BTreeMap::new(),
        }));
        let shared = Arc::clone(&state);
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let state = Arc::clone(&shared);
                thread::spawn(move || serve(stream, &state));
            }
        });
        Self { url, state }
    }

    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    pub(crate) fn send(&self, body: impl Into<String>) {
        let mut state = self.state.lock().unwrap();
        let number = state.next;
        state.next += 1;
        let body = body.into();
        let message = Message { body, received: 0, visible: Instant::now(), receipt: String::new() };
        state.messages.insert(number, message);
    }

    /// From now on, faults come as `plan` says, by the action and how often it was asked for.
    pub(crate) fn faults(&self, plan: impl Fn(&str, usize) -> Option<SqsFault> + Send + Sync + 'static) {
        self.state.lock().unwrap().plan = Arc::new(Box::new(plan));
    }

    /// How often an action was asked for.
    pub(crate) fn asked(&self, action: &str) -> usize {
        self.state.lock().unwrap().asked.get(action).copied().unwrap_or(0)
    }

    /// Messages in the queue, in hands or not.
    pub(crate) fn len(&self) -> usize {
        self.state.lock().unwrap().messages.len()
    }

    /// The bodies of the dead-letter queue.
    pub(crate) fn dead(&self) -> Vec<String> {
        self.state.lock().unwrap().dead.clone()
    }

    /// The times for which messages were to stay away, in the order of the requests.
    pub(crate) fn held(&self) -> Vec<u64> {
        self.state.lock().unwrap().held.values().flatten().copied().collect()
    }

    /// Ends all leases: what a process that was killed had in hand comes back.
    pub(crate) fn end_leases(&self) {
        let mut state = self.state.lock().unwrap();
        state.messages.values_mut().for_each(|message| message.visible = Instant::now());
    }
}

/// Answers, with a status and JSON.
type Answer = (u16, Value);

fn error(status: u16, code: &str) -> Answer {
    (
        status,
        json!({"__type": format!("com.amazonaws.sqs#{code}"), "message": format!("{code}, says the test")}),
    )
}

fn serve(stream: TcpStream, state: &Mutex<State>) {
    let mut reader = BufReader::new(stream);
    while let Some(HttpRequest { headers, body, .. }) = HttpRequest::read(&mut reader) {
        let action = headers.get("x-amz-target").and_then(|target| target.strip_prefix("AmazonSQS."));
        let action = action.expect("a target").to_owned();
        let signed = headers.get("authorization").is_some_and(|value| value.contains(ACCESS_KEY));
        assert!(signed, "{headers:?}");
        assert_eq!(headers["content-type"], "application/x-amz-json-1.0");
        let asker = reader.get_ref().try_clone().unwrap();
        let question = serde_json::from_slice(&body).unwrap();
        let Some((status, json)) = answer(&action, &question, state, || gone(&asker)) else { return };
        let text = json.to_string();
        let head = format!("HTTP/1.1 {status} x\r\nContent-Length: {}\r\n\r\n", text.len());
        let writer = reader.get_mut();
        if writer.write_all((head + &text).as_bytes()).is_err() {
            return;
        }
    }
}

/// Whether the other end of a connection is closed: a process that was killed takes nothing any more, so that what is
/// in its hands when it is dead is all that [`SqsServer::end_leases`] has to end.
fn gone(stream: &TcpStream) -> bool {
    stream.set_nonblocking(true).unwrap();
    let seen = stream.peek(&mut [0]);
    stream.set_nonblocking(false).unwrap();
    !seen.is_err_and(|error| error.kind() == ErrorKind::WouldBlock)
}

/// Returns `None` where nobody waits for an answer.
fn answer(action: &str, question: &Value, state: &Mutex<State>, gone: impl Fn() -> bool) -> Option<Answer> {
    let (mut fault, nth, plan) = {
        let mut state = state.lock().unwrap();
        let nth = state.asked.entry(action.to_owned()).and_modify(|n| *n += 1).or_insert(1);
        let (nth, plan) = (*nth, Arc::clone(&state.plan));
        (plan(action, nth), nth, plan)
    };
    while fault == Some(SqsFault::Held) {
        thread::sleep(Duration::from_millis(5));
        let latest = Arc::clone(&state.lock().unwrap().plan);
        fault = if Arc::ptr_eq(&latest, &plan) { plan(action, nth) } else { latest(action, nth) };
    }
    match fault {
        Some(SqsFault::Busy) => return Some(error(503, "ServiceUnavailable")),
        Some(SqsFault::Denied) => return Some(error(403, "AccessDeniedException")),
        Some(SqsFault::Missing) => return Some(error(400, "QueueDoesNotExist")),
        _ => {}
    }
    if action == "ReceiveMessage" {
        return receive(question, state, gone);
    }
    let mut state = state.lock().unwrap();
    match action {
        _ if gone() => None,
        "GetQueueAttributes" => Some((200, json!({"Attributes": attributes(&state)}))),
        _ => Some(change(action, question, fault, &mut state)),
    }
}

fn attributes(state: &State) -> Value {
    let waiting = state.messages.values().filter(|message| message.visible <= Instant::now()).count();
    let held = state.messages.len() - waiting;
    let mut attributes = json!({
        "ApproximateNumberOfMessages": waiting.to_string(),
        "ApproximateNumberOfMessagesNotVisible": held.to_string(),
        "ApproximateNumberOfMessagesDelayed": "0",
    });
    if let Some(most) = state.most {
        let policy = json!({"deadLetterTargetArn": "arn:aws:sqs:us-east-1:1:dead", "maxReceiveCount": most});
        attributes["RedrivePolicy"] = policy.to_string().into();
    }
    attributes
}

fn receive(question: &Value, state: &Mutex<State>, gone: impl Fn() -> bool) -> Option<Answer> {
    let begun = Instant::now();
    // SQS waits as long as it is asked to, and tests need not.
    let wait = Duration::from_secs(question["WaitTimeSeconds"].as_u64().unwrap()) / 10;
    let visibility = Duration::from_secs(question["VisibilityTimeout"].as_u64().unwrap());
    loop {
        let mut locked = state.lock().unwrap();
        if gone() {
            return None;
        }
        let taken = take(visibility, &mut locked);
        if !taken.is_empty() || begun.elapsed() >= wait {
            return Some((200, json!({ "Messages": taken })));
        }
        drop(locked);
        thread::sleep(Duration::from_millis(5));
    }
}

fn take(visibility: Duration, state: &mut State) -> Vec<Value> {
    let now = Instant::now();
    let visible = state.messages.iter().filter(|(_, message)| message.visible <= now);
    let numbers: Vec<u64> = visible.map(|(number, _)| *number).take(10).collect();
    let mut taken = Vec::new();
    for number in numbers {
        let message = state.messages.get_mut(&number).unwrap();
        if state.most.is_some_and(|most| message.received >= most) {
            let message = state.messages.remove(&number).unwrap();
            state.dead.push(message.body);
            continue;
        }
        message.received += 1;
        message.visible = now + visibility;
        message.receipt = format!("{number}.{}", message.received);
        taken.push(json!({
            "MessageId": format!("message-{number}"), "ReceiptHandle": message.receipt, "Body": message.body,
            "Attributes": {"ApproximateReceiveCount": message.received.to_string(), "SentTimestamp": "1767225600000"},
        }));
    }
    taken
}

fn change(action: &str, question: &Value, fault: Option<SqsFault>, state: &mut State) -> Answer {
    let entries = question["Entries"].as_array().unwrap();
    assert!((1..=10).contains(&entries.len()), "{entries:?}");
    let (mut successful, mut failed) = (Vec::new(), Vec::new());
    for (at, entry) in entries.iter().enumerate() {
        let id = entry["Id"].clone();
        let receipt = entry["ReceiptHandle"].as_str().unwrap();
        let number: u64 = receipt.split('.').next().unwrap().parse().unwrap();
        if fault == Some(SqsFault::HalfFails) && at % 2 == 0 {
            failed.push(json!({"Id": id, "SenderFault": false, "Code": "InternalError"}));
            continue;
        }
        match state.messages.get_mut(&number) {
            None => failed.push(json!({"Id": id, "SenderFault": true, "Code": "ReceiptHandleIsInvalid"})),
            Some(message) => {
                if action == "DeleteMessageBatch" {
                    state.messages.remove(&number);
                } else if message.receipt == receipt {
                    let seconds = entry["VisibilityTimeout"].as_u64().unwrap();
                    message.visible = Instant::now() + Duration::from_secs(seconds);
                    state.held.entry(receipt.to_owned()).or_default().push(seconds);
                }
                successful.push(json!({"Id": id}));
            }
        }
    }
    (200, json!({"Successful": successful, "Failed": failed}))
}
