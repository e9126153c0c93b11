//! The way to a host: straight, or through the proxy that the environment names.
//!
//! aws-cli heeds `HTTPS_PROXY`, `HTTP_PROXY` and `NO_PROXY`, in capitals or not, and no `ALL_PROXY`; so does this.
//! A request over TLS passes the proxy by CONNECT, so that the proxy sees a host's name and nothing else. A request
//! without TLS names the whole URL to the proxy. A proxy on `https://` is itself spoken to over TLS, within which a request
//! over TLS has its own.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use http::{HeaderValue, Uri};
use hyper::rt::{Read, ReadBufCursor, Write};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder, MaybeHttpsStream};
use hyper_util::client::legacy::connect::proxy::Tunnel;
use hyper_util::client::legacy::connect::{Connected, Connection, HttpConnector};
use hyper_util::client::proxy::matcher::Matcher;
use tower_service::Service;

/// Returns the host and port of a URL. A name and a password before them are nobody's but the server's.
#[cfg(feature = "s3")]
pub(crate) fn host_of(url: &Uri) -> Option<&str> {
    url.authority()?.as_str().rsplit('@').next()
}

type Refusal = Box<dyn std::error::Error + Send + Sync>;

/// The way to hosts: which of them are reached through which proxy.
#[derive(Clone)]
pub(crate) struct Route {
    straight: HttpConnector,
    /// The way to a proxy, which may speak TLS.
    to_proxy: HttpsConnector<HttpConnector>,
    proxies: Arc<Matcher>,
}

/// A connection to a host, or to a proxy that passes on what it is asked for.
pub(crate) struct Way {
    /// In a box: hyper moves the future of a connection, with room for it, several times for each request.
    stream: Box<MaybeHttpsStream<<HttpConnector as Service<Uri>>::Response>>,
    /// Requests on it must name the whole URL.
    to_proxy: bool,
}

impl Route {
    /// Returns the ways of this connector. Proxies are trusted as `tls` says.
    pub(crate) fn new(straight: HttpConnector, proxies: Matcher, tls: rustls::ClientConfig) -> Self {
        let to_proxy = HttpsConnectorBuilder::new()
            .with_tls_config(tls)
            .https_or_http()
            .enable_http1()
            .wrap_connector(straight.clone());
        Self { straight, to_proxy, proxies: Arc::new(proxies) }
    }
}

impl Service<Uri> for Route {
    type Response = Way;
    type Error = Refusal;
    type Future = Pin<Box<dyn Future<Output = Result<Way, Refusal>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Refusal>> {
        self.straight.poll_ready(context).map_err(Into::into)
    }

    fn call(&mut self, to: Uri) -> Self::Future {
        let Some(proxy) = self.proxies.intercept(&to) else {
            let connecting = self.straight.call(to);
            return Box::pin(async {
                let stream = Box::new(MaybeHttpsStream::Http(connecting.await?));
                Ok(Way { stream, to_proxy: false })
            });
        };
        if to.scheme_str() != Some("https") {
            let connecting = self.to_proxy.call(proxy.uri().clone());
            return Box::pin(async { Ok(Way { stream: Box::new(connecting.await?), to_proxy: true }) });
        }
        let mut tunnel = Tunnel::new(proxy.uri().clone(), self.to_proxy.clone());
        if let Some(password) = proxy.basic_auth() {
            tunnel = tunnel.with_auth(password.clone());
        }
        let connecting = tunnel.call(to);
        Box::pin(async { Ok(Way { stream: Box::new(connecting.await?), to_proxy: false }) })
    }
}

impl Connection for Way {
    fn connected(&self) -> Connected {
        self.stream.connected().proxy(self.to_proxy)
    }
}

impl Read for Way {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        to: ReadBufCursor<'_>,
    ) -> Poll<std::io::Result<()>> {
        Pin::new(&mut *self.stream).poll_read(context, to)
    }
}

impl Write for Way {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<std::io::Result<usize>> {
        Pin::new(&mut *self.stream).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Pin::new(&mut *self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Pin::new(&mut *self.stream).poll_shutdown(context)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[std::io::IoSlice<'_>],
    ) -> Poll<std::io::Result<usize>> {
        Pin::new(&mut *self.stream).poll_write_vectored(context, bytes)
    }
}

/// Returns the proxies that the environment names.
pub(crate) fn proxies() -> Matcher {
    Matcher::builder()
        .http(proxy_variable("HTTP_PROXY"))
        .https(proxy_variable("HTTPS_PROXY"))
        .no(proxy_variable("NO_PROXY"))
        .build()
}

/// Returns the value of a variable, of which the spelling in small letters stands above the one in capitals; empty
/// where neither is set.
pub(crate) fn proxy_variable(name: &str) -> String {
    let read = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
    read(&name.to_ascii_lowercase()).or_else(|| read(name)).unwrap_or_default()
}

/// Returns name and password for the proxy of a host, as a request without TLS carries them.
pub(crate) fn proxy_password(proxies: &Matcher, to: &Uri) -> Option<HeaderValue> {
    let proxy = proxies.intercept(to).filter(|_| to.scheme_str() != Some("https"))?;
    let mut value = proxy.basic_auth()?.clone();
    value.set_sensitive(true);
    Some(value)
}
