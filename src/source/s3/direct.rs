//! GETs without the SDK: hyper, and a signature of roottrail's own.
//!
//! The SDK spends several times what an object of a few KB costs to inflate and judge, so that the GET, the one
//! request that is sent for each object, is made by hand: `benches/s3-gets` counts 42 µs of CPU for an object of 2
//! KB, with everything from listing to writing. Region, endpoint and credentials still come from the SDK:
//! [`Direct::of`] lets the SDK sign one request and takes address and headers from that. Where the SDK's way is
//! anything but plain, or where a server refuses the signature, GETs go back to the SDK. A server that knows nothing
//! of checksums is asked without them from then on.

use super::answer::Wanted;
use super::errors::RequestError;
use super::session::{S3Session, SOON};
use super::sign::{EMPTY, Signer, push_path};
use crate::error::ErrorKind;
use crate::net::client::Http;
use crate::net::route::{host_of, proxies, proxy_password};
use crate::source::s3::errors::Remedy;
use aws_sdk_s3::Client;
use aws_sdk_s3::presigning::PresigningConfig;
use bytes::Bytes;
use http_body_util::{BodyExt, Empty, Limited};
use hyper::body::Incoming;
use hyper::header::{
    AUTHORIZATION, DATE, HeaderMap, HeaderName, HeaderValue, IF_MATCH, PROXY_AUTHORIZATION, USER_AGENT,
};
use hyper::{Request, Response, Uri};
use jiff::Timestamp;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::time::Duration;

/// What is read of an error's XML.
const ERROR_BODY: usize = 64 << 10;

/// The way to one bucket.
#[derive(Debug)]
pub(super) struct Direct {
    http: Http,
    /// `https://bucket.s3.eu-west-1.amazonaws.com`
    origin: String,
    host: String,
    /// `/` or `/bucket/`, encoded.
    path: String,
    signer: Signer,
    /// For the proxy, where requests go to it as they are.
    proxy_password: Option<HeaderValue>,
    /// Seconds that the server's clock is ahead.
    skew: AtomicI64,
    /// The server would not have our signature: leave it to the SDK.
    refused: AtomicBool,
    /// Whether `x-amz-checksum-mode` is left out, for the user or the server.
    no_checksum: AtomicBool,
}

impl Direct {
    /// Asks the SDK how it would address and sign a GET. `None`: not in the plain way.
    pub(super) async fn of(
        client: &Client,
        bucket: &str,
        http: &Http,
        no_checksum: bool,
    ) -> Option<Arc<Self>> {
        let hour = PresigningConfig::expires_in(Duration::from_secs(3600)).ok()?;
        let presigned = client.get_object().bucket(bucket).key("k").presigned(hour).await.ok()?;
        let uri: Uri = presigned.uri().parse().ok()?;
        let host = host_of(&uri)?.to_owned();
        let path = uri.path().strip_suffix('k')?.to_owned();
        let query = uri.query()?;
        let parameter = |name: &str| {
            query
                .split('&')
                .filter_map(|pair| pair.split_once('='))
                .find(|(key, _)| *key == name)
                .map(|(_, v)| v)
        };
        if parameter("X-Amz-Algorithm")? != "AWS4-HMAC-SHA256" {
            return None;
        }
        // `AKIA…/20240501/eu-west-1/s3/aws4_request`
        let scope = parameter("X-Amz-Credential")?.replace("%2F", "/");
        let mut scope = scope.rsplit('/');
        let (_, service, region) = (scope.next()?, scope.next()?, scope.next()?);
        if service != "s3" {
            return None;
        }
        Some(Arc::new(Self {
            http: http.clone(),
            origin: format!("{}://{host}", uri.scheme_str()?),
            host,
            path,
            signer: Signer::new(region.to_owned()),
            proxy_password: proxy_password(&proxies(), &uri),
            skew: AtomicI64::new(0),
            refused: AtomicBool::new(false),
            no_checksum: AtomicBool::new(no_checksum),
        }))
    }

    /// Returns whether to leave GETs to the SDK from now on.
    pub(super) fn is_refused(&self) -> bool {
        self.refused.load(Ordering::Relaxed)
    }

    /// Sends the request and waits for the head of the answer.
    pub(super) async fn get(
        &self,
        session: &S3Session,
        wanted: &Wanted<'_>,
    ) -> Result<Response<Incoming>, RequestError> {
        let request = self.request(session, wanted).await?;
        let patience = session.options().read_timeout + session.options().connect_timeout;
        let mut answer = std::pin::pin!(self.http.request(request));
        let mut answered = tokio::time::timeout(patience.min(SOON), &mut answer).await;
        if answered.is_err() && patience > SOON {
            session.say_slow(&self.host);
            answered = tokio::time::timeout(patience - SOON, answer).await;
        }
        let response = match answered {
            Ok(Ok(response)) => response,
            Ok(Err(error)) => {
                return Err(RequestError::of(ErrorKind::Connection, Remedy::Retry, error));
            }
            Err(_) => {
                let text = format!("no answer within {} s", patience.as_secs_f32());
                return Err(RequestError::new(ErrorKind::Timeout, Remedy::Retry, text));
            }
        };
        if matches!(response.status().as_u16(), 200 | 206) {
            return Ok(response);
        }
        Err(self.refusal(response, patience).await)
    }

    async fn request(
        &self,
        session: &S3Session,
        wanted: &Wanted<'_>,
    ) -> Result<Request<Empty<Bytes>>, RequestError> {
        let options = session.options();
        let unusable = |what: &dyn std::fmt::Display| {
            RequestError::new(ErrorKind::Other, Remedy::Final, format!("cannot ask for it: {what}"))
        };
        let Some(credentials) = session.credentials() else {
            return Err(unusable(&"no credentials"));
        };
        let refused = |error| RequestError::of(ErrorKind::AccessDenied, Remedy::Credentials, error);
        let credentials = credentials.current().await.map_err(refused)?;
        let mut path = self.path.clone();
        push_path(&mut path, wanted.key);
        let mut query = String::new();
        if let Some(version) = wanted.version {
            query.push_str("versionId=");
            push_path(&mut query, version);
        }
        let now = Timestamp::now().as_second() + self.skew.load(Ordering::Relaxed);
        let time = Timestamp::from_second(now).map_err(|error| unusable(&error))?;
        let time = time.strftime("%Y%m%dT%H%M%SZ").to_string();
        // In the order that the signature wants them in.
        let mut headers: Vec<(&'static str, &str)> = vec![("host", &self.host)];
        if let Some(range) = wanted.range.as_deref() {
            headers.push(("range", range));
        } else if !self.no_checksum.load(Ordering::Relaxed) {
            headers.push(("x-amz-checksum-mode", "ENABLED"));
        }
        headers.push(("x-amz-content-sha256", EMPTY));
        headers.push(("x-amz-date", &time));
        if let Some(owner) = options.expected_bucket_owner.as_deref() {
            headers.push(("x-amz-expected-bucket-owner", owner));
        }
        if options.request_payer {
            headers.push(("x-amz-request-payer", "requester"));
        }
        if let Some(token) = credentials.session_token() {
            headers.push(("x-amz-security-token", token));
        }
        let authorization = self.signer.authorization(
            credentials.access_key_id(),
            credentials.secret_access_key(),
            &time,
            &path,
            &query,
            &headers,
        );
        let mut uri = String::with_capacity(self.origin.len() + path.len() + query.len() + 1);
        uri.push_str(&self.origin);
        uri.push_str(&path);
        if !query.is_empty() {
            uri.push('?');
            uri.push_str(&query);
        }
        let mut request = Request::get(uri).body(Empty::new()).map_err(|error| unusable(&error))?;
        let value = |text: &str| HeaderValue::from_str(text).map_err(|error| unusable(&error));
        let map = request.headers_mut();
        map.reserve(headers.len() + 3);
        for (name, text) in headers {
            map.insert(HeaderName::from_static(name), value(text)?);
        }
        if let Some(etag) = wanted.etag.as_deref() {
            map.insert(IF_MATCH, value(etag)?);
        }
        map.insert(USER_AGENT, HeaderValue::from_static(concat!("roottrail/", env!("CARGO_PKG_VERSION"))));
        map.insert(AUTHORIZATION, value(&authorization)?);
        if let Some(password) = &self.proxy_password {
            map.insert(PROXY_AUTHORIZATION, password.clone());
        }
        Ok(request)
    }

    /// Reads an error answer.
    async fn refusal(&self, response: Response<Incoming>, patience: Duration) -> RequestError {
        let (head, body) = response.into_parts();
        let body = tokio::time::timeout(patience, Limited::new(body, ERROR_BODY).collect()).await;
        // What cannot be read of the body leaves the status to go by.
        let body = body.ok().and_then(Result::ok).map(|body| body.to_bytes()).unwrap_or_default();
        let xml = String::from_utf8_lossy(&body);
        let header = |name: &str| head.headers.get(name).and_then(|value| value.to_str().ok());
        let code = element(&xml, "Code");
        if code.as_deref() == Some("RequestTimeTooSkewed") {
            self.learn_clock(&head.headers);
        }
        if matches!(code.as_deref(), Some("SignatureDoesNotMatch" | "AuthorizationHeaderMalformed")) {
            self.refused.store(true, Ordering::Relaxed);
        }
        let message = element(&xml, "Message");
        // Some servers that are almost S3 know nothing of checksums: ask them without, from now on.
        let about_checksums = xml.to_ascii_lowercase().contains("x-amz-checksum-mode");
        let dropped =
            head.status == 400 && about_checksums && !self.no_checksum.swap(true, Ordering::Relaxed);
        let refusal = RequestError::from_parts(
            head.status.as_u16(),
            code.as_deref(),
            message.as_deref(),
            header("x-amz-request-id"),
            header("x-amz-bucket-region").map(str::to_owned).or_else(|| element(&xml, "Region")),
        );
        if dropped { refusal.retryable() } else { refusal }
    }

    fn learn_clock(&self, headers: &HeaderMap) {
        let date = headers.get(DATE).and_then(|date| date.to_str().ok());
        if let Some(theirs) = date.and_then(|date| jiff::fmt::rfc2822::parse(date).ok()) {
            let ahead = theirs.timestamp().as_second() - Timestamp::now().as_second();
            self.skew.store(ahead, Ordering::Relaxed);
        }
    }
}

/// Returns the text of an element of S3's error XML, which has no nesting and no attributes worth a parser.
fn element(xml: &str, name: &str) -> Option<String> {
    let (_, rest) = xml.split_once(&format!("<{name}>"))?;
    let (text, _) = rest.split_once(&format!("</{name}>"))?;
    let mut plain = text.to_owned();
    for (entity, char) in
        [("&lt;", "<"), ("&gt;", ">"), ("&quot;", "\""), ("&apos;", "'"), ("&#39;", "'"), ("&amp;", "&")]
    {
        if plain.contains('&') {
            plain = plain.replace(entity, char);
        }
    }
    Some(plain)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_are_read_from_xml() {
        let xml = "<Error><Code>NoSuchKey</Code><Message>not &lt;here&gt; &amp;amp;</Message></Error>";
        assert_eq!(element(xml, "Code").as_deref(), Some("NoSuchKey"));
        assert_eq!(element(xml, "Message").as_deref(), Some("not <here> &amp;"));
        assert_eq!(element(xml, "Region"), None);
    }
}
