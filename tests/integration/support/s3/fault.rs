//! Faults on the wire, chosen per request by a function of the test.

use bytes::Bytes;
use http_body::Frame;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

/// What a request asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Op {
    List,
    Get,
    Other,
}

/// One request, as a plan of faults sees it.
#[derive(Clone, Debug)]
pub(crate) struct Asked {
    pub(crate) op: Op,
    /// The key, or the listed prefix.
    pub(crate) key: String,
    /// How often this very thing was asked for, this time included.
    pub(crate) attempt: u32,
    /// Asked for a part only.
    pub(crate) range: bool,
    /// The number of the piece of an upload that it sends.
    pub(crate) piece: Option<u32>,
    /// It completes an upload.
    pub(crate) completes: bool,
}

/// What goes wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    SlowDown,
    InternalError,
    Forbidden,
    NotFound,
    ExpiredToken,
    /// The connection ends before an answer.
    Refuse,
    /// The connection breaks half-way through the body.
    Cut,
    /// Half of the body, with a length that says so.
    Shorten,
    /// One bit in the middle is wrong.
    BitFlip,
    /// The first byte is wrong: gzip no longer looks like gzip.
    FirstByte,
    /// Half of the body, and then nothing more.
    Stall,
    /// The answer comes late.
    Late(Duration),
    /// No answer while the plan says so. It is asked again and again.
    Held,
}

/// A body that may break.
pub(crate) enum Faulty {
    Sound(Option<Bytes>),
    /// Then the connection is closed, once the wait is over: an error at once would overtake the bytes.
    Cut(Option<Bytes>, Pin<Box<tokio::time::Sleep>>),
    /// Then silence.
    Stall(Option<Bytes>),
}

impl http_body::Body for Faulty {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, io::Error>>> {
        let (Faulty::Sound(data) | Faulty::Cut(data, _) | Faulty::Stall(data)) = &mut *self;
        if let Some(data) = data.take() {
            return Poll::Ready(Some(Ok(Frame::data(data))));
        }
        match &mut *self {
            Faulty::Sound(_) => Poll::Ready(None),
            Faulty::Cut(_, wait) => {
                wait.as_mut().poll(context).map(|()| Some(Err(io::ErrorKind::ConnectionReset.into())))
            }
            Faulty::Stall(_) => Poll::Pending,
        }
    }
}
