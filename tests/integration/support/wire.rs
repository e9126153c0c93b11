//! A server whose answers are written byte by byte: what no sound S3 server would send.

use std::collections::BTreeMap;
use std::io::{BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use super::http::HttpRequest;

/// One request.
#[derive(Clone, Debug)]
pub(crate) struct Request {
    /// Without the bucket; empty for a list.
    pub(crate) key: String,
    pub(crate) query: BTreeMap<String, String>,
}

impl Request {
    pub(crate) fn of(&self, name: &str) -> &str {
        self.query.get(name).map_or("", String::as_str)
    }
}

/// What is sent after the head.
pub(crate) enum Reply {
    /// A body with its length, and headers.
    Sized(Vec<u8>, Vec<(&'static str, String)>),
    /// Another status, such as `404 Not Found`, with a body.
    Refusal(&'static str, Vec<u8>),
    /// A body that ends with the connection.
    Until(Vec<u8>),
    /// This, and then so many times that.
    Endless(Vec<u8>, Vec<u8>, usize),
    /// A byte at a time, with a pause before each.
    Drip(Vec<u8>, Duration),
}

/// Serves until the test's process ends. Returns the address.
pub(crate) fn serve(answer: impl Fn(&Request) -> Reply + Send + Sync + 'static) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    let answer = Arc::new(answer);
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let answer = answer.clone();
            thread::spawn(move || {
                // A client that has seen enough goes; that is what is tested.
                let _gone = talk(stream, &*answer);
            });
        }
    });
    address
}

fn talk(stream: TcpStream, answer: &dyn Fn(&Request) -> Reply) -> std::io::Result<()> {
    let Some(asked) = HttpRequest::read(&mut BufReader::new(stream.try_clone()?)) else { return Ok(()) };
    let (path, query) = asked.path.split_once('?').unwrap_or((&asked.path, ""));
    let key = path.trim_start_matches('/').split_once('/').map_or("", |(_, key)| key);
    let plain = |text: &str| percent_encoding::percent_decode_str(text).decode_utf8_lossy().into_owned();
    let query = query
        .split('&')
        .map(|pair| pair.split_once('=').unwrap_or((pair, "")))
        .map(|(name, value)| (plain(name), plain(value)))
        .collect();
    let request = Request { key: plain(key), query };
    let mut out = stream;
    let head = "HTTP/1.1 200 OK\r\nConnection: close\r\n";
    match answer(&request) {
        Reply::Sized(body, headers) => {
            write!(out, "{head}Content-Length: {}\r\n", body.len())?;
            for (name, value) in headers {
                write!(out, "{name}: {value}\r\n")?;
            }
            out.write_all(b"\r\n")?;
            out.write_all(&body)
        }
        Reply::Refusal(status, body) => {
            write!(out, "HTTP/1.1 {status}\r\nConnection: close\r\nContent-Length: {}\r\n\r\n", body.len())?;
            out.write_all(&body)
        }
        Reply::Until(body) => {
            write!(out, "{head}\r\n")?;
            out.write_all(&body)
        }
        Reply::Endless(begin, again, times) => {
            write!(out, "{head}\r\n")?;
            out.write_all(&begin)?;
            (0..times).try_for_each(|_| out.write_all(&again))
        }
        Reply::Drip(body, pause) => {
            write!(out, "{head}Content-Length: {}\r\n\r\n", body.len())?;
            body.iter().try_for_each(|byte| {
                thread::sleep(pause);
                out.write_all(&[*byte])
            })
        }
    }
}
