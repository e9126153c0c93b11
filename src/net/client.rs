//! The HTTP client of GETs: hyper with rustls, through the proxy that the environment names.

use std::time::Duration;

use bytes::Bytes;
use http_body_util::Empty;
use hyper_rustls::HttpsConnector;
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;

use super::route::{Route, proxies};

/// Connections, shared by all buckets of a session.
pub(crate) type Http = Client<HttpsConnector<Route>, Empty<Bytes>>;

/// Returns a client of the same trust as the SDK's.
pub(crate) fn http(config: rustls::ClientConfig, connect_timeout: Duration) -> Http {
    let mut straight = HttpConnector::new();
    straight.set_nodelay(true);
    straight.set_connect_timeout(Some(connect_timeout));
    straight.enforce_http(false);
    let route = Route::new(straight, proxies(), config.clone());
    let connector = hyper_rustls::HttpsConnectorBuilder::new()
        .with_tls_config(config)
        .https_or_http()
        .enable_http1()
        .wrap_connector(route);
    Client::builder(hyper_util::rt::TokioExecutor::new())
        .pool_timer(hyper_util::rt::TokioTimer::new())
        .pool_idle_timeout(Duration::from_secs(20))
        .build(connector)
}
