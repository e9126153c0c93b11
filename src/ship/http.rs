//! The HTTP client of the servers: hyper with rustls, the environment's proxy, a time limit on everything, no secret
//! in any text.
//!
//! Connections are made as those of S3's GETs are, through `net::route`, so that one reading of the proxy variables
//! and one TLS stack serve the whole program. `reqwest` (0.12, rustls with ring) would add five crates to the 218 of
//! the program and a second reading of those variables, one that heeds `ALL_PROXY`, which aws-cli and S3's clients do
//! not. A request is one POST with its body in memory, and its answer is read whole up to [`LONGEST_ANSWER`] within
//! the time limit. Failures are sorted into those that another try can mend and those that need somebody to act, such
//! as a certificate that is not trusted. Some proxies echo what they were sent, so the secret is cut out of each
//! answer, in every form in which it was sent, before any text of the answer is used.

use std::error::Error as StdError;
use std::fmt;
use std::io::Write as _;
use std::path::PathBuf;
use std::time::Duration;

use bytes::Bytes;
use flate2::Compression;
use flate2::write::GzEncoder;
use http::header::{
    AUTHORIZATION, CONTENT_ENCODING, CONTENT_TYPE, COOKIE, PROXY_AUTHORIZATION, RETRY_AFTER, SET_COOKIE,
    USER_AGENT,
};
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Uri};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper_rustls::HttpsConnector;
use hyper_util::client::legacy::Client as HyperClient;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use rustls::{ClientConfig, RootCertStore};

use super::ShipError;
use crate::bounded;
use crate::error::{chain, links};
use crate::net::route::{Route, proxies, proxy_password};
use crate::net::tls;
use crate::text::one_line;

/// An answer to a batch is shorter than the batch; a longer one is no answer of these servers.
const LONGEST_ANSWER: usize = 64 << 20;

/// A password, token or key. It has no readable form.
#[derive(Clone)]
pub struct Secret(String);

impl Secret {
    /// Returns the secret in `text`, without the line break that files end with.
    pub fn new(text: &str) -> Self {
        Self(text.trim().to_owned())
    }

    /// Returns whether there is nothing in it.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret")
    }
}

/// How the secret is presented.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Auth {
    /// `Authorization: ApiKey`, of Elasticsearch. `id:key` is encoded; what has no colon is encoded already.
    ApiKey,
    /// `Authorization: Basic`; the secret is `user:password`.
    Basic,
    /// `Authorization: Bearer`.
    Bearer,
    /// `Authorization: Splunk`.
    Splunk,
}

/// A server and how to reach it.
#[derive(Clone, Debug)]
pub struct Endpoint {
    /// `https://host:port[/prefix]`.
    pub url: Uri,
    /// The secret, where the server wants one.
    pub secret: Option<(Auth, Secret)>,
    /// Trust these certificates (PEM) instead of the system's.
    pub ca_file: Option<PathBuf>,
}

/// What goes out.
#[derive(Clone, Debug)]
pub(super) struct Body {
    content_type: &'static str,
    bytes: Bytes,
    gzip: bool,
}

impl Body {
    /// Returns a short JSON text, sent as it is.
    pub(super) fn json(text: String) -> Self {
        Self { content_type: "application/json", bytes: text.into(), gzip: false }
    }

    /// Bytes on the wire.
    pub(super) fn len(&self) -> usize {
        self.bytes.len()
    }
}

/// An answer.
#[derive(Debug)]
pub(super) struct Reply {
    pub(super) status: u16,
    pub(super) retry_after: Option<Duration>,
    pub(super) body: Bytes,
}

/// Why there is no answer.
#[derive(Debug)]
pub(super) enum Broken {
    /// Try again: refused, reset, timed out.
    Connection(String),
    /// Nothing changes with the next try: a certificate that is not trusted, an impossible request.
    Final(String),
}

/// The client of one server.
pub(super) struct Client {
    hyper: HyperClient<HttpsConnector<Route>, Full<Bytes>>,
    base: String,
    headers: HeaderMap,
    /// The secret as it may stand in an answer: as it is, and as it is sent.
    masked: Vec<String>,
    cookie: Option<HeaderValue>,
    timeout: Duration,
    gzip: bool,
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client").field("base", &self.base).finish_non_exhaustive()
    }
}

impl Client {
    pub(super) fn new(endpoint: &Endpoint, timeout: Duration, gzip: bool) -> Result<Self, ShipError> {
        let mut headers = HeaderMap::new();
        headers
            .insert(USER_AGENT, HeaderValue::from_static(concat!("roottrail/", env!("CARGO_PKG_VERSION"))));
        let mut masked = Vec::new();
        if let Some((auth, secret)) = &endpoint.secret {
            let value = authorization(*auth, secret)?;
            masked = masks(secret, &value);
            headers.insert(AUTHORIZATION, value);
        }
        let proxies = proxies();
        if let Some(password) = proxy_password(&proxies, &endpoint.url) {
            headers.insert(PROXY_AUTHORIZATION, password);
        }
        let mut straight = HttpConnector::new();
        straight.enforce_http(false);
        let tls = trust(endpoint)?;
        let route = Route::new(straight, proxies, tls.clone());
        let connector = hyper_rustls::HttpsConnectorBuilder::new()
            .with_tls_config(tls)
            .https_or_http()
            .enable_http1()
            .wrap_connector(route);
        Ok(Self {
            hyper: HyperClient::builder(TokioExecutor::new()).build(connector),
            base: endpoint.url.to_string().trim_end_matches('/').to_owned(),
            headers,
            masked,
            cookie: None,
            timeout,
            gzip,
        })
    }

    /// Adds a header to every request.
    pub(super) fn add_header(&mut self, name: &'static str, value: &str) -> Result<(), ShipError> {
        let value = HeaderValue::from_str(value).map_err(|error| ShipError::Setup(error.to_string()))?;
        self.headers.insert(HeaderName::from_static(name), value);
        Ok(())
    }

    /// Returns a batch as it goes out.
    pub(super) fn encode(&self, content_type: &'static str, batch: Vec<u8>) -> Result<Body, ShipError> {
        if !self.gzip {
            return Ok(Body { content_type, bytes: batch.into(), gzip: false });
        }
        let mut encoder = GzEncoder::new(Vec::with_capacity(batch.len() / 8), Compression::default());
        let bytes = encoder
            .write_all(&batch)
            .and_then(|()| encoder.finish())
            .map_err(|error| ShipError::Setup(format!("cannot compress a request: {error}")))?;
        Ok(Body { content_type, bytes: bytes.into(), gzip: true })
    }

    /// Posts a body and reads the whole answer.
    pub(super) async fn post(&mut self, path: &str, body: Body) -> Result<Reply, Broken> {
        let request = self.request(path, body).map_err(|error| Broken::Final(error.to_string()))?;
        let exchange = async {
            let response =
                self.hyper.request(request).await.map_err(|error| broken(&error, certificate(&error)))?;
            let (head, body) = response.into_parts();
            let body = Limited::new(body, LONGEST_ANSWER)
                .collect()
                .await
                .map_err(|error| broken(&*error, false))?
                .to_bytes();
            Ok((head, body))
        };
        let (head, body) = match tokio::time::timeout(self.timeout, exchange).await {
            Ok(result) => result?,
            Err(_elapsed) => {
                return Err(Broken::Connection(format!("no answer within {} s", self.timeout.as_secs_f32())));
            }
        };
        self.keep_cookie(&head.headers);
        let retry_after = head
            .headers
            .get(RETRY_AFTER)
            .and_then(|value| value.to_str().ok()?.trim().parse().ok())
            .map(|seconds: u64| Duration::from_secs(seconds.min(600)));
        Ok(Reply { status: head.status.as_u16(), retry_after, body: self.without_secret(body) })
    }

    /// Returns an answer without the secret, which some proxies echo: its texts go into messages and dead letters. What
    /// is too short to be a secret may be a part of any word.
    fn without_secret(&self, body: Bytes) -> Bytes {
        const SHORTEST: usize = 8;
        let mut body = body;
        for mask in self.masked.iter().filter(|mask| mask.len() >= SHORTEST) {
            if memchr::memmem::find(&body, mask.as_bytes()).is_some() {
                let mut plain = Vec::with_capacity(body.len());
                let mut rest = &body[..];
                while let Some(at) = memchr::memmem::find(rest, mask.as_bytes()) {
                    plain.extend_from_slice(&rest[..at]);
                    plain.extend_from_slice(b"***");
                    rest = &rest[at + mask.len()..];
                }
                plain.extend_from_slice(rest);
                body = plain.into();
            }
        }
        body
    }

    /// Returns a short form of an answer for messages, without the secret.
    pub(super) fn excerpt(&self, reply: &Reply) -> String {
        let mut text = String::from_utf8_lossy(&reply.body[..reply.body.len().min(2000)]).into_owned();
        for mask in &self.masked {
            text = text.replace(mask, "***");
        }
        let text: String = one_line(&text).chars().take(500).collect();
        format!("HTTP {} {text}", reply.status)
    }

    fn request(&self, path: &str, body: Body) -> Result<Request<Full<Bytes>>, http::Error> {
        let uri = format!("{}{path}", self.base);
        let mut request = Request::builder().method(Method::POST).uri(uri).body(Full::new(body.bytes))?;
        let headers = request.headers_mut();
        headers.extend(self.headers.clone());
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(body.content_type));
        if body.gzip {
            headers.insert(CONTENT_ENCODING, HeaderValue::from_static("gzip"));
        }
        if let Some(cookie) = &self.cookie {
            headers.insert(COOKIE, cookie.clone());
        }
        Ok(request)
    }

    /// Keeps the cookies: load balancers pin a client to a node by one, and Splunk's acknowledgements live on one node.
    fn keep_cookie(&mut self, headers: &HeaderMap) {
        let pairs: Vec<&str> = headers
            .get_all(SET_COOKIE)
            .iter()
            .filter_map(|value| value.to_str().ok()?.split(';').next())
            .collect();
        if !pairs.is_empty()
            && let Ok(mut cookie) = HeaderValue::from_str(&pairs.join("; "))
        {
            cookie.set_sensitive(true);
            self.cookie = Some(cookie);
        }
    }
}

fn authorization(auth: Auth, secret: &Secret) -> Result<HeaderValue, ShipError> {
    let text = match auth {
        Auth::ApiKey if secret.0.contains(':') => format!("ApiKey {}", base64(secret.0.as_bytes())),
        Auth::ApiKey => format!("ApiKey {}", secret.0),
        Auth::Basic => format!("Basic {}", base64(secret.0.as_bytes())),
        Auth::Bearer => format!("Bearer {}", secret.0),
        Auth::Splunk => format!("Splunk {}", secret.0),
    };
    let mut value = HeaderValue::from_str(&text)
        .map_err(|_| ShipError::Setup("the secret holds characters that no HTTP header may hold".into()))?;
    value.set_sensitive(true);
    Ok(value)
}

/// Returns all that gives the secret away: itself, the value of the header, and what the scheme stands before; also
/// with slashes as JSON may escape them. The longest first.
fn masks(secret: &Secret, header: &HeaderValue) -> Vec<String> {
    let value = header.to_str().unwrap_or_default();
    let sent = value.split_once(' ').map_or(value, |(_scheme, sent)| sent);
    let mut parts: Vec<&str> = vec![&secret.0, sent];
    // Either half of `user:password` or `id:key` is the server's to know; the second one is secret.
    parts.extend(secret.0.split_once(':').map(|(_, key)| key));
    let mut masks: Vec<String> = parts.iter().map(|part| (*part).to_owned()).collect();
    masks.extend(parts.iter().filter(|part| part.contains('/')).map(|part| part.replace('/', "\\/")));
    masks.retain(|mask| !mask.is_empty());
    masks.sort_by_key(|mask| std::cmp::Reverse(mask.len()));
    masks.dedup();
    masks
}

fn base64(bytes: &[u8]) -> String {
    use base64::Engine as _;
    base64::engine::general_purpose::STANDARD.encode(bytes)
}

fn trust(endpoint: &Endpoint) -> Result<ClientConfig, ShipError> {
    let mut roots = RootCertStore::empty();
    match &endpoint.ca_file {
        Some(path) => {
            let fail = |why: &dyn fmt::Display| ShipError::Setup(format!("{}: {why}", path.display()));
            let text = bounded::file(path, tls::BUNDLE).map_err(|error| fail(&error))?;
            for certificate in CertificateDer::pem_slice_iter(&text) {
                let certificate = certificate.map_err(|error| fail(&error))?;
                roots.add(certificate).map_err(|error| fail(&error))?;
            }
            if roots.is_empty() {
                return Err(fail(&"holds no certificate"));
            }
        }
        None => {
            roots = tls::system_roots();
            if roots.is_empty() && endpoint.url.scheme_str() == Some("https") {
                return Err(ShipError::Setup(
                    "the system has no trusted certificates; name some with --ca-file".into(),
                ));
            }
        }
    }
    tls::config(roots).map_err(|error| ShipError::Setup(error.to_string()))
}

fn broken(error: &(dyn StdError + 'static), certificate: bool) -> Broken {
    let text = chain(error);
    if certificate { Broken::Final(text) } else { Broken::Connection(text) }
}

/// Returns whether a certificate was refused, which no second try changes.
fn certificate(error: &(dyn StdError + 'static)) -> bool {
    links(error).any(|link| {
        let inside = link.downcast_ref::<std::io::Error>().and_then(std::io::Error::get_ref);
        matches!(link.downcast_ref(), Some(rustls::Error::InvalidCertificate(_)))
            || inside.is_some_and(|inner| certificate(inner))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_presented_but_never_shown() {
        for (auth, secret, expected) in [
            (Auth::ApiKey, "id:key", "ApiKey aWQ6a2V5"),
            (Auth::ApiKey, "aWQ6a2V5\n", "ApiKey aWQ6a2V5"),
            (Auth::Basic, "user:pass", "Basic dXNlcjpwYXNz"),
            (Auth::Splunk, "0000-1", "Splunk 0000-1"),
        ] {
            let secret = Secret::new(secret);
            let value = authorization(auth, &secret).unwrap();
            assert_eq!(value.to_str().unwrap(), expected);
            assert_eq!(format!("{secret:?} {value:?}"), "Secret Sensitive");
        }
        let error = authorization(Auth::Bearer, &Secret::new("se\ncret")).unwrap_err();
        assert!(!error.to_string().contains("cret\""), "{error}");
    }
}
