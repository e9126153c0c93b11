//! A proxy on the loopback that wants a password, passes CONNECT on by ending TLS itself, and plain requests as they are.
//! It may speak TLS on its own port, too.

use std::io::{BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;

use rustls::{ServerConfig, ServerConnection, StreamOwned};

/// `user:sesame`.
const PASSWORD: &str = "proxy-authorization: basic dXNlcjpzZXNhbWU=";

/// A running proxy.
pub(crate) struct Proxy {
    address: String,
    /// `https` where the proxy itself is spoken to over TLS.
    scheme: &'static str,
    /// The certificate of all hosts behind it, and of itself.
    pub(crate) certificate: String,
    asked: Arc<Mutex<Vec<String>>>,
}

impl Proxy {
    /// Whatever host is asked for, `upstream` (host:port) answers.
    pub(crate) fn start(host: &str, upstream: &str) -> Self {
        Self::speaking("http", host, upstream)
    }

    /// A proxy that is itself spoken to over TLS.
    pub(crate) fn on_tls(host: &str, upstream: &str) -> Self {
        Self::speaking("https", host, upstream)
    }

    fn speaking(scheme: &'static str, host: &str, upstream: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let (config, certificate) = tls(host);
        let asked = Arc::<Mutex<Vec<String>>>::default();
        let (shared, upstream) = (asked.clone(), upstream.to_owned());
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (shared, upstream, config) = (shared.clone(), upstream.clone(), config.clone());
                thread::spawn(move || match scheme {
                    "https" => {
                        let connection = ServerConnection::new(config.clone()).unwrap();
                        pass(StreamOwned::new(connection, stream), &shared, &upstream, config);
                    }
                    _ => pass(stream, &shared, &upstream, config),
                });
            }
        });
        Self { address, scheme, certificate, asked }
    }

    /// With its password, as the environment names it.
    pub(crate) fn url(&self) -> String {
        format!("{}://user:sesame@{}", self.scheme, self.address)
    }

    /// With another password.
    pub(crate) fn wrong_url(&self) -> String {
        format!("{}://user:open-up@{}", self.scheme, self.address)
    }

    /// The first lines of the requests that came with the right password.
    pub(crate) fn asked(&self) -> Vec<String> {
        self.asked.lock().unwrap().clone()
    }
}

fn tls(host: &str) -> (Arc<ServerConfig>, String) {
    let key = rcgen::generate_simple_self_signed([host.to_owned(), "127.0.0.1".to_owned()]).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let private = rustls::pki_types::PrivateKeyDer::Pkcs8(key.signing_key.serialize_der().into());
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![key.cert.der().clone()], private)
        .unwrap();
    (config.into(), key.cert.pem())
}

fn pass<S: Read + Write>(stream: S, asked: &Mutex<Vec<String>>, upstream: &str, config: Arc<ServerConfig>) {
    let mut reader = BufReader::new(stream);
    let Some(head) = head(&mut reader) else { return };
    let allowed = head.lines().any(|line| {
        line.len() == PASSWORD.len()
            && line[..26].eq_ignore_ascii_case(&PASSWORD[..26])
            && line[26..] == PASSWORD[26..]
    });
    if !allowed {
        let _gone = reader
            .get_mut()
            .write_all(b"HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n");
        return;
    }
    asked.lock().unwrap().push(head.lines().next().unwrap_or_default().to_owned());
    if head.starts_with("CONNECT ") {
        let mut stream = reader.into_inner();
        if stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n").is_ok() {
            let mut reader = BufReader::new(StreamOwned::new(ServerConnection::new(config).unwrap(), stream));
            while let Some(head) = self::head(&mut reader) {
                if !exchange(&head, &mut reader, upstream) {
                    return;
                }
            }
        }
        return;
    }
    // The whole URL: what stands behind the host goes on.
    let (method, rest) = head.split_once(' ').unwrap();
    let path = rest.split_once("://").and_then(|(_, rest)| rest.split_once('/')).map_or("", |(_, path)| path);
    exchange(&format!("{method} /{path}"), &mut reader, upstream);
}

fn head(reader: &mut impl std::io::BufRead) -> Option<String> {
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") {
        if reader.read_line(&mut head).ok()? == 0 {
            return None;
        }
    }
    Some(head)
}

/// One request, with its body, and its answer, after which the upstream closes.
fn exchange<S: Read + Write>(head: &str, reader: &mut BufReader<S>, upstream: &str) -> bool {
    let length = head.lines().find_map(|line| {
        let (name, value) = line.split_once(':')?;
        name.eq_ignore_ascii_case("content-length").then(|| value.trim().parse().unwrap())
    });
    let mut body = vec![0; length.unwrap_or(0)];
    if reader.read_exact(&mut body).is_err() {
        return false;
    }
    let mut server = TcpStream::connect(upstream).unwrap();
    let head = format!("{}\r\nConnection: close\r\n\r\n", head.trim_end());
    server.write_all(head.as_bytes()).and_then(|()| server.write_all(&body)).unwrap();
    // A server that keeps the connection is done when its answer has its length.
    let mut answer = BufReader::new(server);
    let Some(head) = self::head(&mut answer) else { return false };
    let length: Option<u64> = head.lines().find_map(|line| {
        let (name, value) = line.split_once(':')?;
        name.eq_ignore_ascii_case("content-length").then(|| value.trim().parse().unwrap())
    });
    let mut body = Vec::new();
    let read = match length {
        Some(length) => answer.take(length).read_to_end(&mut body),
        None => answer.read_to_end(&mut body),
    };
    let writer = reader.get_mut();
    let sent = read.and_then(|_| writer.write_all(head.as_bytes()));
    let sent = sent.and_then(|()| writer.write_all(&body)).and_then(|()| writer.flush());
    sent.is_ok() && length.is_some() && !head.to_ascii_lowercase().contains("connection: close")
}
