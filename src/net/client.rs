//! The HTTP client: hyper with rustls, through the proxy that the environment names.
//!
//! aws-cli heeds `HTTPS_PROXY`, `HTTP_PROXY` and `NO_PROXY`, in capitals or not, and no `ALL_PROXY`; so does this.
//! A request over TLS passes the proxy by CONNECT, so that the proxy sees a host's name and nothing else. A request
//! without TLS would have to name the whole URL to the proxy; that is left to whoever can.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http::Uri;
use http_body_util::Empty;
use hyper_rustls::HttpsConnector;
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::client::legacy::connect::proxy::Tunnel;
use hyper_util::client::proxy::matcher::Matcher;
use tower_service::Service;

/// Connections, shared by all buckets of a session.
pub(crate) type Http = Client<HttpsConnector<Route>, Empty<Bytes>>;

type Stream = <HttpConnector as Service<Uri>>::Response;
type Refusal = Box<dyn std::error::Error + Send + Sync>;

/// The way to a host: straight, or through a proxy.
#[derive(Clone)]
pub(crate) struct Route {
    straight: HttpConnector,
    proxies: Arc<Matcher>,
}

impl Service<Uri> for Route {
    type Response = Stream;
    type Error = Refusal;
    type Future = Pin<Box<dyn Future<Output = Result<Stream, Refusal>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Refusal>> {
        self.straight.poll_ready(context).map_err(Into::into)
    }

    fn call(&mut self, to: Uri) -> Self::Future {
        let Some(proxy) = self.proxies.intercept(&to) else {
            let connecting = self.straight.call(to);
            return Box::pin(async { connecting.await.map_err(Into::into) });
        };
        let mut tunnel = Tunnel::new(proxy.uri().clone(), self.straight.clone());
        if let Some(password) = proxy.basic_auth() {
            tunnel = tunnel.with_auth(password.clone());
        }
        let connecting = tunnel.call(to);
        Box::pin(async { connecting.await.map_err(Into::into) })
    }
}

/// The proxies that the environment names.
pub(crate) fn proxies() -> Matcher {
    let variable = |name: &str| {
        let read = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
        read(&name.to_ascii_lowercase()).or_else(|| read(name)).unwrap_or_default()
    };
    Matcher::builder()
        .http(variable("HTTP_PROXY"))
        .https(variable("HTTPS_PROXY"))
        .no(variable("NO_PROXY"))
        .build()
}

/// Whether a request can pass the proxies, if any stands before the host, as one of our own.
pub(crate) fn can_pass(proxies: &Matcher, to: &Uri) -> bool {
    match proxies.intercept(to) {
        None => true,
        Some(proxy) => to.scheme_str() == Some("https") && proxy.uri().scheme_str() == Some("http"),
    }
}

/// A client of the same trust as the SDK's.
pub(crate) fn http(config: rustls::ClientConfig, connect_timeout: Duration) -> Http {
    let mut straight = HttpConnector::new();
    straight.set_nodelay(true);
    straight.set_connect_timeout(Some(connect_timeout));
    straight.enforce_http(false);
    let connector = hyper_rustls::HttpsConnectorBuilder::new()
        .with_tls_config(config)
        .https_or_http()
        .enable_http1()
        .wrap_connector(Route { straight, proxies: Arc::new(proxies()) });
    Client::builder(hyper_util::rt::TokioExecutor::new())
        .pool_timer(hyper_util::rt::TokioTimer::new())
        .pool_idle_timeout(Duration::from_secs(20))
        .build(connector)
}
