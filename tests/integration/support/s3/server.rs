//! The server: connections, signatures, the fault layer, and a count of what was asked for.

use super::fault::{Asked, Fault, Faulty, Op};
use super::store::{Bucket, Store};
use super::uploads::Uploads;
use crate::support::cli::CERTIFICATE;
use crate::support::wait::LAST_RESORT;
use bytes::Bytes;
use http_body_util::BodyExt;
use hyper::body::Incoming;
use hyper::header::{CONTENT_LENGTH, RANGE};
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use percent_encoding::percent_decode_str;
use roottrail::source::s3::{S3Keys, S3Options};
use s3s::access::{S3Access, S3AccessContext};
use s3s::auth::{S3Auth, SecretKey};
use s3s::host::{S3Host, VirtualHost};
use s3s::service::{S3Service, S3ServiceBuilder};
use s3s::{S3Result, s3_error};
use std::collections::HashMap;
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, RwLock};
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};

pub(crate) const ACCESS_KEY: &str = "AKIAROOTTRAILTEST000";
pub(crate) const SECRET_KEY: &str = "roottrail-secret";
/// Well signed, but S3 calls it expired.
pub(crate) const EXPIRED_KEY: &str = "ASIAROOTTRAILEXPIRED";

type Plan = Box<dyn Fn(&Asked) -> Option<Fault> + Send + Sync>;

/// A running server; it stops when dropped.
pub(crate) struct Server {
    address: SocketAddr,
    state: Arc<State>,
    _runtime: Background,
}

struct Background(Option<tokio::runtime::Runtime>);

impl Drop for Background {
    fn drop(&mut self) {
        if let Some(runtime) = self.0.take() {
            runtime.shutdown_background();
        }
    }
}

struct State {
    buckets: Arc<RwLock<HashMap<String, Bucket>>>,
    uploads: Arc<Uploads>,
    service: S3Service,
    plan: RwLock<Plan>,
    asked: Mutex<Vec<Asked>>,
    attempts: Mutex<HashMap<(Op, String), u32>>,
    agents: Mutex<Vec<String>>,
}

struct Auth;

#[async_trait::async_trait]
impl S3Auth for Auth {
    async fn get_secret_key(&self, access_key: &str) -> S3Result<SecretKey> {
        match access_key {
            ACCESS_KEY => Ok(SECRET_KEY.into()),
            EXPIRED_KEY => Err(s3_error!(ExpiredToken, "The provided token has expired.")),
            _ => Err(s3_error!(
                InvalidAccessKeyId,
                "The AWS Access Key Id you provided does not exist in our records."
            )),
        }
    }
}

struct Everyone;

#[async_trait::async_trait]
impl S3Access for Everyone {
    // The store decides per bucket.
    async fn check(&self, _: &mut S3AccessContext<'_>) -> S3Result<()> {
        Ok(())
    }
}

/// An access point is the bucket of its host's first part: `ap-111122223333.s3-accesspoint.eu-west-1.amazonaws.com`.
/// Every other host names its buckets in paths.
struct AccessPoints;

impl S3Host for AccessPoints {
    fn parse_host_header<'a>(&'a self, host: &'a str) -> S3Result<VirtualHost<'a>> {
        let whole = VirtualHost::new(host);
        Ok(match host.split_once(".s3-accesspoint.") {
            Some((bucket, _)) => whole.with_bucket(bucket),
            None => whole,
        })
    }
}

impl Server {
    pub(crate) fn start() -> Self {
        let buckets: Arc<RwLock<HashMap<String, Bucket>>> = Arc::default();
        let uploads: Arc<Uploads> = Arc::default();
        let store = Store { buckets: buckets.clone(), uploads: uploads.clone() };
        let mut builder = S3ServiceBuilder::new(store);
        builder.set_auth(Auth);
        builder.set_access(Everyone);
        builder.set_host(AccessPoints);
        let state = Arc::new(State {
            buckets,
            uploads,
            service: builder.build(),
            plan: RwLock::new(Box::new(|_| None)),
            asked: Mutex::default(),
            attempts: Mutex::default(),
            agents: Mutex::default(),
        });
        let runtime =
            tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0")).unwrap();
        let address = listener.local_addr().unwrap();
        let shared = state.clone();
        runtime.spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(serve(stream, shared.clone()));
            }
        });
        Self { address, state, _runtime: Background(Some(runtime)) }
    }

    /// Adds a bucket, or replaces it.
    pub(crate) fn put(&self, name: &str, bucket: Bucket) {
        self.state.buckets.write().unwrap().insert(name.to_owned(), bucket);
    }

    /// Changes a bucket.
    pub(crate) fn change(&self, name: &str, change: impl FnOnce(&mut Bucket)) {
        change(self.state.buckets.write().unwrap().get_mut(name).unwrap());
    }

    /// From now on, faults come as `plan` says.
    pub(crate) fn faults(&self, plan: impl Fn(&Asked) -> Option<Fault> + Send + Sync + 'static) {
        *self.state.plan.write().unwrap() = Box::new(plan);
    }

    /// Returns the requests so far, and forgets them and the counts of attempts.
    pub(crate) fn take_asked(&self) -> Vec<Asked> {
        self.state.attempts.lock().unwrap().clear();
        std::mem::take(&mut self.state.asked.lock().unwrap())
    }

    /// How often this was asked for so far.
    pub(crate) fn asked(&self, op: Op) -> usize {
        self.state.asked.lock().unwrap().iter().filter(|asked| asked.op == op).count()
    }

    /// The `User-Agent` of every request so far.
    pub(crate) fn take_agents(&self) -> Vec<String> {
        std::mem::take(&mut self.state.agents.lock().unwrap())
    }

    /// The uploads in pieces.
    pub(crate) fn uploads(&self) -> Arc<Uploads> {
        self.state.uploads.clone()
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Options that reach this server, with short waits between tries, and none that gives up an answer only
    /// because the machine is busy.
    pub(crate) fn options(&self) -> S3Options {
        S3Options {
            endpoint_url: Some(self.url()),
            region: Some("us-east-1".into()),
            keys: Some(keys(ACCESS_KEY, SECRET_KEY)),
            retry_base: Duration::from_millis(2),
            read_timeout: LAST_RESORT,
            ca_bundle: Some(CERTIFICATE.into()),
            ..S3Options::default()
        }
    }
}

/// An access key.
pub(crate) fn keys(id: &str, secret: &str) -> S3Keys {
    S3Keys { access_key_id: id.into(), secret_access_key: secret.into(), session_token: None }
}

async fn serve(stream: TcpStream, state: Arc<State>) {
    stream.set_nodelay(true).unwrap();
    let service = hyper::service::service_fn(move |request| answer(request, state.clone()));
    // A connection that a fault broke ends in an error, as it should.
    let _ = hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
}

async fn answer(request: Request<Incoming>, state: Arc<State>) -> Result<Response<Faulty>, io::Error> {
    let asked = note(&request, &state);
    let plan = || (state.plan.read().unwrap())(&asked);
    let mut fault = plan();
    while fault == Some(Fault::Held) {
        tokio::time::sleep(Duration::from_millis(5)).await;
        fault = plan();
    }
    match fault {
        Some(Fault::Refuse) => return Err(io::ErrorKind::ConnectionReset.into()),
        Some(Fault::SlowDown) => return Ok(refusal(503, "SlowDown", "Please reduce your request rate.")),
        Some(Fault::InternalError) => {
            return Ok(refusal(500, "InternalError", "We encountered an internal error."));
        }
        Some(Fault::Forbidden) => return Ok(refusal(403, "AccessDenied", "Access Denied")),
        Some(Fault::NotFound) => return Ok(refusal(404, "NoSuchKey", "The specified key does not exist.")),
        Some(Fault::ExpiredToken) => {
            return Ok(refusal(400, "ExpiredToken", "The provided token has expired."));
        }
        Some(Fault::Late(delay)) => tokio::time::sleep(delay).await,
        _ => {}
    }
    let response = hyper::service::Service::call(&state.service, request)
        .await
        .map_err(|e| io::Error::other(format!("{e:?}")))?;
    let (mut head, body) = response.into_parts();
    let body = body.collect().await.map_err(io::Error::other)?.to_bytes();
    let half = body.slice(..body.len() / 2);
    let body = match fault {
        Some(Fault::Cut) => Faulty::Cut(Some(half), Box::pin(tokio::time::sleep(Duration::from_millis(10)))),
        Some(Fault::Stall) => Faulty::Stall(Some(half)),
        Some(Fault::Shorten) => {
            head.headers.insert(CONTENT_LENGTH, half.len().into());
            Faulty::Sound(Some(half))
        }
        Some(Fault::BitFlip) => Faulty::Sound(Some(flip(&body, body.len() / 2))),
        Some(Fault::FirstByte) => Faulty::Sound(Some(flip(&body, 0))),
        _ => Faulty::Sound(Some(body)),
    };
    Ok(Response::from_parts(head, body))
}

fn flip(body: &Bytes, at: usize) -> Bytes {
    let mut copy = body.to_vec();
    if let Some(byte) = copy.get_mut(at) {
        *byte ^= 4;
    }
    copy.into()
}

fn refusal(status: u16, code: &str, message: &str) -> Response<Faulty> {
    let xml =
        format!("<?xml version=\"1.0\"?><Error><Code>{code}</Code><Message>{message}</Message></Error>");
    let mut response = Response::new(Faulty::Sound(Some(xml.into())));
    *response.status_mut() = StatusCode::from_u16(status).unwrap();
    response.headers_mut().insert("x-amz-request-id", "REQ42".parse().unwrap());
    response
}

fn note(request: &Request<Incoming>, state: &State) -> Asked {
    let path = percent_decode_str(request.uri().path()).decode_utf8_lossy().into_owned();
    let key = path.trim_start_matches('/').split_once('/').map_or("", |(_, key)| key);
    let query = request.uri().query().unwrap_or("");
    let parameter = |name: &str| {
        let pair = query.split('&').filter_map(|pair| pair.split_once('=')).find(|(key, _)| *key == name);
        pair.map(|(_, value)| percent_decode_str(&value.replace('+', " ")).decode_utf8_lossy().into_owned())
    };
    let (op, key) = if query.contains("list-type=2") || query.contains("versions") {
        (Op::List, parameter("prefix").unwrap_or_default())
    } else if request.method() == hyper::Method::GET && !key.is_empty() {
        (Op::Get, key.to_owned())
    } else {
        (Op::Other, path.clone())
    };
    // Each page of a listing is a thing of its own.
    let piece = parameter("partNumber").and_then(|number| number.parse().ok());
    let thing = match (op, piece) {
        (Op::List, _) => query.to_owned(),
        (_, Some(_)) => format!("{key}?{query}"),
        _ => key.clone(),
    };
    let completes = request.method() == hyper::Method::POST && parameter("uploadId").is_some();
    let mut attempts = state.attempts.lock().unwrap();
    let attempt = attempts.entry((op, thing)).and_modify(|n| *n += 1).or_insert(1);
    let range = request.headers().contains_key(RANGE);
    let asked = Asked { op, key, attempt: *attempt, range, piece, completes };
    let agent = request.headers().get(hyper::header::USER_AGENT).and_then(|agent| agent.to_str().ok());
    state.agents.lock().unwrap().push(agent.unwrap_or_default().to_owned());
    state.asked.lock().unwrap().push(asked.clone());
    asked
}
