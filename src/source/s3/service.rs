//! Other services of AWS than S3, asked with the session's credentials, trust and proxy.
//!
//! IAM and AWS Organizations are small questions with small answers, and their SDKs are the two largest there are:
//! what is asked of them here is four XML answers and a dozen JSON ones. A question is one signed POST at a time. The
//! endpoint is the configured one, or follows from the partition of the session's region. A service that is busy or
//! out of reach is asked again, with the pauses of S3; any other answer goes to the caller with its status.

use std::time::Duration;

use bytes::Bytes;
use http::{HeaderValue, Method, Request, Uri};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use jiff::Timestamp;
use sha2::{Digest as _, Sha256};

use super::session::S3Session;
use super::sign::hmac;
use crate::error::{Fatal, chain, start};
use crate::hex::push_hex;
use crate::net::backoff::backoff;
use crate::net::route::{Route, host_of, proxies, proxy_password};
use crate::net::tls::{ca_bundle, tls_config};

/// An answer takes no longer than this.
const PATIENCE: Duration = Duration::from_secs(60);
/// A credential report of five thousand users takes a few megabytes.
const LONGEST_ANSWER: usize = 64 << 20;

/// One service at its endpoint.
#[derive(Debug)]
pub struct Service {
    session: S3Session,
    name: &'static str,
    url: Uri,
    region: String,
    http: Client<HttpsConnector<Route>, Full<Bytes>>,
    proxy_password: Option<HeaderValue>,
}

/// A question.
#[derive(Clone, Copy, Debug)]
pub struct Question<'q> {
    /// `Content-Type`.
    pub content_type: &'q str,
    /// `X-Amz-Target`, for services that speak JSON.
    pub target: Option<&'q str>,
    /// The body.
    pub body: &'q str,
}

/// What a service answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reply {
    /// The HTTP status.
    pub status: u16,
    /// The body.
    pub body: String,
}

impl S3Session {
    /// Returns a service of AWS that has one endpoint for all regions: `iam` or `organizations`.
    ///
    /// # Errors
    ///
    /// Where the endpoint that is configured is no URL, or there are no credentials.
    pub fn service(&self, name: &'static str) -> Result<Service, Fatal> {
        let region = self.region().map_or("", |region| region.as_ref());
        let (own_url, region) = endpoint(name, region);
        self.service_in(name, own_url, region)
    }

    /// Returns a service in one region, at this URL where none is configured.
    ///
    /// # Errors
    ///
    /// Where the endpoint that is configured is no URL, or there are no credentials.
    pub(super) fn service_in(
        &self,
        name: &'static str,
        own_url: &str,
        region: &str,
    ) -> Result<Service, Fatal> {
        let variable = format!("AWS_ENDPOINT_URL_{}", name.to_ascii_uppercase());
        let configured = self
            .options()
            .endpoint_url
            .clone()
            .or_else(|| std::env::var(&variable).ok().filter(|url| !url.is_empty()))
            .or_else(|| self.credentials()?.base().endpoint_url().map(str::to_owned));
        let url: Uri = configured
            .as_deref()
            .unwrap_or(own_url)
            .parse()
            .map_err(|error| start(format!("the endpoint of {name} is no URL: {error}")))?;
        if self.credentials().is_none() {
            return Err(start(format!(
                "{name} answers only to signed requests: leave --no-sign-request away"
            )));
        }
        let pem = ca_bundle(self.options().ca_bundle.clone())?;
        let tls = tls_config(pem.as_deref())?;
        let mut connector = HttpConnector::new();
        connector.set_nodelay(true);
        connector.set_connect_timeout(Some(self.options().connect_timeout));
        connector.enforce_http(false);
        let proxies = proxies();
        let proxy_password = proxy_password(&proxies, &url);
        let route = Route::new(connector, proxies, tls.clone());
        let https = HttpsConnectorBuilder::new().with_tls_config(tls).https_or_http().enable_http1();
        let http = Client::builder(TokioExecutor::new()).build(https.wrap_connector(route));
        Ok(Service { session: self.clone(), name, url, region: region.to_owned(), http, proxy_password })
    }
}

/// The partitions by the start of their regions' names: IAM's endpoint and region, and AWS Organizations'. As the
/// SDKs have them; a partition that is not known is taken for the public one.
const PARTITIONS: [(&str, Place, Place); 7] = [
    (
        "cn-",
        ("https://iam.cn-north-1.amazonaws.com.cn", "cn-north-1"),
        ("https://organizations.cn-northwest-1.amazonaws.com.cn", "cn-northwest-1"),
    ),
    (
        "us-gov-",
        ("https://iam.us-gov.amazonaws.com", "us-gov-west-1"),
        ("https://organizations.us-gov-west-1.amazonaws.com", "us-gov-west-1"),
    ),
    (
        "eusc-",
        ("https://iam.eusc-de-east-1.amazonaws.eu", "eusc-de-east-1"),
        ("https://organizations.eusc-de-east-1.amazonaws.eu", "eusc-de-east-1"),
    ),
    (
        "us-iso-",
        ("https://iam.us-iso-east-1.c2s.ic.gov", "us-iso-east-1"),
        ("https://organizations.us-iso-east-1.c2s.ic.gov", "us-iso-east-1"),
    ),
    (
        "us-isob-",
        ("https://iam.us-isob-east-1.sc2s.sgov.gov", "us-isob-east-1"),
        ("https://organizations.us-isob-east-1.sc2s.sgov.gov", "us-isob-east-1"),
    ),
    (
        "us-isof-",
        ("https://iam.us-isof-south-1.csp.hci.ic.gov", "us-isof-south-1"),
        ("https://organizations.us-isof-south-1.csp.hci.ic.gov", "us-isof-south-1"),
    ),
    (
        "",
        ("https://iam.amazonaws.com", "us-east-1"),
        ("https://organizations.us-east-1.amazonaws.com", "us-east-1"),
    ),
];

/// A URL, and the region that requests to it are signed for.
type Place = (&'static str, &'static str);

/// Returns where a service is that has one endpoint in each partition.
fn endpoint(name: &str, region: &str) -> Place {
    let partition = PARTITIONS.iter().find(|(start, ..)| region.starts_with(start));
    let (_, iam, organizations) = partition.unwrap_or(&PARTITIONS[PARTITIONS.len() - 1]);
    if name == "iam" { *iam } else { *organizations }
}

impl Service {
    /// Asks, and asks again where the service is busy or cannot be reached.
    ///
    /// # Errors
    ///
    /// Where there is no answer after as many tries as objects get.
    pub fn ask(&self, question: Question<'_>) -> Result<Reply, String> {
        let options = self.session.options();
        self.session.handle().block_on(async {
            let mut tries = 0;
            loop {
                tries += 1;
                let answer = match tokio::time::timeout(PATIENCE, self.once(question)).await {
                    Ok(answer) => answer,
                    Err(_) => Err(format!("no answer within {} s", PATIENCE.as_secs())),
                };
                match answer {
                    Ok(reply) if !busy(&reply) || tries >= options.attempts => return Ok(reply),
                    Err(why) if tries >= options.attempts => return Err(why),
                    Ok(_) | Err(_) => tokio::time::sleep(backoff(options.retry_base, tries)).await,
                }
            }
        })
    }

    /// Asks once, for as long as `patience` says.
    ///
    /// # Errors
    ///
    /// Where there is no answer.
    pub(super) fn ask_once(&self, question: Question<'_>, patience: Duration) -> Result<Reply, String> {
        self.session.handle().block_on(async {
            match tokio::time::timeout(patience, self.once(question)).await {
                Ok(answer) => answer,
                Err(_) => Err(format!("no answer within {} s", patience.as_secs())),
            }
        })
    }

    /// Fetches new credentials in the place of those that the service refused. Returns whether they are others.
    pub(super) fn renew(&self) -> bool {
        let Some(credentials) = self.session.credentials() else { return false };
        self.session.handle().block_on(credentials.renew()).unwrap_or(false)
    }

    async fn once(&self, question: Question<'_>) -> Result<Reply, String> {
        let Some(credentials) = self.session.credentials() else { return Err("no credentials".into()) };
        let credentials = credentials.current().await.map_err(|error| chain(&error))?;
        let time = Timestamp::now().strftime("%Y%m%dT%H%M%SZ").to_string();
        let host = host_of(&self.url).unwrap_or_default();
        let mut headers =
            vec![("content-type", question.content_type), ("host", host), ("x-amz-date", &time)];
        headers.extend(credentials.session_token().map(|token| ("x-amz-security-token", token)));
        headers.extend(question.target.map(|target| ("x-amz-target", target)));
        let signature = self.authorization(
            credentials.access_key_id(),
            credentials.secret_access_key(),
            &time,
            &headers,
            question.body,
        );
        let path = self.url.path_and_query().map_or("/", |path| path.as_str());
        let url = Uri::builder()
            .scheme(self.url.scheme_str().unwrap_or("https"))
            .authority(host)
            .path_and_query(path)
            .build()
            .map_err(|error| chain(&error))?;
        let mut request = Request::builder().method(Method::POST).uri(url).header("authorization", signature);
        for (name, value) in headers {
            let value = HeaderValue::from_str(value).map_err(|error| chain(&error))?;
            request = request.header(name, value);
        }
        if let Some(password) = &self.proxy_password {
            request = request.header("proxy-authorization", password);
        }
        let body = Full::new(Bytes::copy_from_slice(question.body.as_bytes()));
        let request = request.body(body).map_err(|error| chain(&error))?;
        let answer = self.http.request(request).await.map_err(|error| chain(&error))?;
        let status = answer.status().as_u16();
        let body = Limited::new(answer.into_body(), LONGEST_ANSWER).collect().await;
        let body = body.map_err(|error| error.to_string())?.to_bytes();
        Ok(Reply { status, body: String::from_utf8_lossy(&body).into_owned() })
    }

    /// Returns Signature Version 4 of a POST. The headers are in order, lower case.
    fn authorization(
        &self,
        key: &str,
        secret: &str,
        time: &str,
        headers: &[(&str, &str)],
        body: &str,
    ) -> String {
        let day = &time[..8];
        let names: Vec<&str> = headers.iter().map(|(name, _)| *name).collect();
        let names = names.join(";");
        let mut request = format!("POST\n{}\n\n", self.url.path());
        for (name, value) in headers {
            request.extend([name, ":", value.trim(), "\n"]);
        }
        request.extend(["\n", &names, "\n"]);
        push_hex(&mut request, &Sha256::digest(body.as_bytes()));
        let scope = format!("{day}/{}/{}/aws4_request", self.region, self.name);
        let mut text = format!("AWS4-HMAC-SHA256\n{time}\n{scope}\n");
        push_hex(&mut text, &Sha256::digest(request.as_bytes()));
        let parts = [day.as_bytes(), self.region.as_bytes(), self.name.as_bytes(), b"aws4_request"];
        let mut signing = format!("AWS4{secret}").into_bytes();
        for part in parts {
            signing = hmac(&signing, part).to_vec();
        }
        let mut value =
            format!("AWS4-HMAC-SHA256 Credential={key}/{scope}, SignedHeaders={names}, Signature=");
        push_hex(&mut value, &hmac(&signing, text.as_bytes()));
        value
    }
}

/// Returns whether another try can help.
pub(super) fn busy(reply: &Reply) -> bool {
    const CODES: [&str; 7] = [
        "Throttling",
        "ThrottlingException",
        "TooManyRequestsException",
        "RequestLimitExceeded",
        "RequestThrottled",
        "ServiceUnavailable",
        "InternalFailure",
    ];
    let named = |code: &&str| {
        reply.body.contains(&format!("<Code>{code}</Code>")) || reply.body.contains(&format!("{code}\""))
    };
    matches!(reply.status, 429 | 500..=599) || (reply.status == 400 && CODES.iter().any(named))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn services_are_found_in_each_partition() {
        assert_eq!(endpoint("iam", "eu-west-1"), ("https://iam.amazonaws.com", "us-east-1"));
        assert_eq!(endpoint("iam", "us-gov-east-1").1, "us-gov-west-1");
        assert_eq!(endpoint("organizations", "cn-north-1").1, "cn-northwest-1");
        assert_eq!(
            endpoint("organizations", ""),
            ("https://organizations.us-east-1.amazonaws.com", "us-east-1")
        );
        assert_eq!(endpoint("iam", "eusc-de-east-1").0, "https://iam.eusc-de-east-1.amazonaws.eu");
        assert_eq!(endpoint("iam", "us-isob-west-1").1, "us-isob-east-1");
        assert_eq!(endpoint("organizations", "us-iso-west-1").1, "us-iso-east-1");
    }

    #[test]
    fn another_try_helps_where_a_service_is_busy() {
        let reply = |status, body: &str| Reply { status, body: body.into() };
        assert!(busy(&reply(400, "<Error><Code>Throttling</Code></Error>")));
        assert!(busy(&reply(400, r#"{"__type":"com.amazonaws#TooManyRequestsException"}"#)));
        assert!(busy(&reply(503, "")));
        assert!(!busy(&reply(403, "<Code>AccessDenied</Code>")));
        assert!(!busy(&reply(200, "<Code>Throttling</Code>")));
    }
}
