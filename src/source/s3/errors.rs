//! What an answer of S3, or the lack of one, means.
//!
//! A failure has a class for reports, a remedy for the next try, and one line of text with the server's own code,
//! message and request id. S3's error code decides before the HTTP status does, and a status alone decides where a
//! server sends no code. What happened on the way, such as a refused connection, keeps its cause; the text leaves out
//! the names that the layers of the SDK give themselves. Texts of servers are made harmless on the way in. No code
//! decides by the text.

use super::whole::{Doubtful, NotS3};
use crate::error::{ErrorKind, ObjectError, Stage, chain, links};
use crate::text::one_line;
use aws_credential_types::provider::error::CredentialsError;
use aws_sdk_s3::error::{ProvideErrorMetadata, SdkError};
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use std::error::Error as StdError;
use std::fmt;
use std::sync::Arc;

/// Whether another try can help.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Remedy {
    /// The answer will not change.
    Final,
    /// A fault of the moment.
    Retry,
    /// The server asks for fewer requests.
    SlowDown,
    /// The credentials have expired or been revoked: get new ones first.
    Credentials,
    /// The bucket is in another region.
    Elsewhere,
}

/// One request that failed.
#[derive(Clone, Debug)]
pub(super) struct RequestError {
    pub(super) kind: ErrorKind,
    pub(super) remedy: Remedy,
    /// S3's error code, such as `NoSuchBucket`.
    pub(super) code: Option<String>,
    pub(super) status: Option<u16>,
    /// Where S3 says the bucket is.
    pub(super) region: Option<String>,
    /// An answer came that cannot be believed.
    pub(super) doubtful: bool,
    /// All that the failure says, causes included: S3's code, message and request id, or what happened on the way.
    text: String,
    cause: Option<Arc<dyn StdError + Send + Sync>>,
}

impl fmt::Display for RequestError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl StdError for RequestError {
    /// Returns the first cause whose text, and those of all causes behind it, the failure's own text repeats. The layers
    /// of the SDK in front of that cause say only their own names.
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        links(self.cause.as_deref()?).find(|cause| links(*cause).all(|link| self.repeats(link)))
    }
}

impl RequestError {
    pub(super) fn new(kind: ErrorKind, remedy: Remedy, text: impl AsRef<str>) -> Self {
        let text = one_line(text.as_ref());
        Self { kind, remedy, code: None, status: None, region: None, doubtful: false, text, cause: None }
    }

    /// Returns a failure with the text of its cause, and of the causes behind that one.
    pub(super) fn of(
        kind: ErrorKind,
        remedy: Remedy,
        cause: impl Into<Box<dyn StdError + Send + Sync>>,
    ) -> Self {
        let cause: Arc<dyn StdError + Send + Sync> = Arc::from(cause.into());
        Self { cause: Some(cause.clone()), ..Self::new(kind, remedy, chain(&*cause)) }
    }

    /// Reads an error of the SDK.
    pub(super) fn from_sdk<E>(error: SdkError<E, HttpResponse>) -> Self
    where
        E: ProvideErrorMetadata + StdError + Send + Sync + 'static,
    {
        let failure = Self::read(&error);
        Self { cause: error.into_source().ok().map(Arc::from), ..failure }
    }

    fn read<E>(error: &SdkError<E, HttpResponse>) -> Self
    where
        E: ProvideErrorMetadata + StdError + 'static,
    {
        if let Some(raw) = error.raw_response() {
            let status = Some(raw.status().as_u16());
            let other = |what: &NotS3| Self {
                status,
                ..Self::new(ErrorKind::Other, Remedy::Final, what.to_string())
            };
            let body = raw.body().bytes().unwrap_or_default();
            if let Some(what) =
                find::<NotS3>(error).map(other).or_else(|| NotS3::of(body).as_ref().map(other))
            {
                return what;
            }
        }
        match error {
            // The request went well, and its answer cannot be read.
            SdkError::ServiceError(context) if context.raw().status().is_success() => {
                Self { status: Some(context.raw().status().as_u16()), ..doubtful(causes(error)) }
            }
            SdkError::ServiceError(context) => Self::from_answer(context.err(), context.raw()),
            SdkError::ResponseError(context) if !context.raw().status().is_success() => {
                let status = context.raw().status().as_u16();
                let (kind, remedy) = classify(None, status);
                let text = format!("HTTP {status} with an unreadable body: {}", causes(error));
                Self { status: Some(status), ..Self::new(kind, remedy, text) }
            }
            SdkError::ResponseError(context) => Self {
                status: Some(context.raw().status().as_u16()),
                doubtful: find::<Doubtful>(error).is_some(),
                ..Self::new(ErrorKind::Connection, Remedy::Retry, causes(error))
            },
            SdkError::TimeoutError(_) => Self::new(ErrorKind::Timeout, Remedy::Retry, causes(error)),
            SdkError::DispatchFailure(failure) => {
                if find::<CredentialsError>(error).is_some() {
                    Self::new(ErrorKind::AccessDenied, Remedy::Credentials, causes(error))
                } else if failure.is_timeout() {
                    Self::new(ErrorKind::Timeout, Remedy::Retry, causes(error))
                } else if failure.is_user() {
                    Self::new(ErrorKind::Other, Remedy::Final, causes(error))
                } else {
                    Self::new(ErrorKind::Connection, Remedy::Retry, causes(error))
                }
            }
            _ => Self::new(ErrorKind::Other, Remedy::Final, causes(error)),
        }
    }

    fn from_answer<E: ProvideErrorMetadata>(error: &E, raw: &HttpResponse) -> Self {
        let id = raw.headers().get("x-amz-request-id");
        Self::from_parts(raw.status().as_u16(), error.code(), error.message(), id, region_of(raw))
    }

    /// Returns what an error answer says.
    pub(super) fn from_parts(
        status: u16,
        code: Option<&str>,
        message: Option<&str>,
        request_id: Option<&str>,
        region: Option<String>,
    ) -> Self {
        let (kind, mut remedy) = classify(code, status);
        let region = region.filter(|region| is_region(region));
        let redirected = matches!(status, 301 | 307 | 308)
            || matches!(code, Some("AuthorizationHeaderMalformed" | "IllegalLocationConstraintException"));
        if redirected && region.is_some() {
            remedy = Remedy::Elsewhere;
        }
        let mut text = match (code, message) {
            (Some(code), Some(message)) => format!("{code}: {message} (HTTP {status}"),
            (Some(code), None) => format!("{code} (HTTP {status}"),
            (None, _) => format!("HTTP {status} (no error code"),
        };
        if let Some(id) = request_id {
            text.push_str(", request id ");
            text.push_str(id);
        }
        text.push(')');
        Self { code: code.map(str::to_owned), status: Some(status), region, ..Self::new(kind, remedy, text) }
    }

    fn repeats(&self, cause: &(dyn StdError + 'static)) -> bool {
        self.text.contains(&cause.to_string())
    }

    /// Returns the failure with `note` in front of its text.
    pub(super) fn context(mut self, note: impl fmt::Display) -> Self {
        self.text = one_line(&format!("{note}: {}", self.text));
        self
    }

    /// Returns the failure as one that another try can mend, because that try asks for something else.
    pub(super) fn retryable(self) -> Self {
        Self { remedy: Remedy::Retry, ..self }
    }

    /// Returns the failure as an item of a run.
    pub(super) fn into_error(self, uri: impl Into<String>, stage: Stage) -> ObjectError {
        ObjectError::new(uri, stage, self.kind, self)
    }
}

/// Returns an answer that cannot be believed. Another one may be.
pub(super) fn doubtful(text: String) -> RequestError {
    RequestError { doubtful: true, ..RequestError::new(ErrorKind::Other, Remedy::Retry, text) }
}

/// Classifies S3's error code, or HTTP's status where a server sends no code.
fn classify(code: Option<&str>, status: u16) -> (ErrorKind, Remedy) {
    use ErrorKind::{AccessDenied, Archived, NotFound, Other, Throttled, Timeout};
    match code {
        Some("SlowDown" | "Throttling" | "ThrottlingException" | "ThrottledException")
        | Some("RequestLimitExceeded" | "TooManyRequests" | "TooManyRequestsException")
        | Some("ServiceUnavailable" | "BandwidthLimitExceeded" | "RequestThrottled")
        | Some("KMS.ThrottlingException") => (Throttled, Remedy::SlowDown),
        Some("RequestTimeout" | "RequestTimeoutException") => (Timeout, Remedy::Retry),
        // The SDK learns the clock's offset from the answer, so the next try can succeed.
        Some("RequestTimeTooSkewed") => (AccessDenied, Remedy::Retry),
        Some("ExpiredToken" | "ExpiredTokenException" | "TokenRefreshRequired" | "RequestExpired")
        | Some("InvalidToken" | "InvalidAccessKeyId") => (AccessDenied, Remedy::Credentials),
        Some("InvalidObjectState") => (Archived, Remedy::Final),
        Some("NoSuchKey" | "NoSuchVersion" | "NoSuchBucket" | "NotFound") => (NotFound, Remedy::Final),
        Some("AccessDenied" | "SignatureDoesNotMatch") => (AccessDenied, Remedy::Final),
        Some("AllAccessDisabled" | "AccountProblem" | "InvalidPayer" | "NotSignedUp" | "Forbidden") => {
            (AccessDenied, Remedy::Final)
        }
        Some(code) if code.starts_with("KMS.") => (AccessDenied, Remedy::Final),
        Some("InternalError") => (Other, Remedy::Retry),
        _ => match status {
            401 | 403 => (AccessDenied, Remedy::Final),
            404 | 410 => (NotFound, Remedy::Final),
            408 | 504 => (Timeout, Remedy::Retry),
            429 | 503 => (Throttled, Remedy::SlowDown),
            // What a server does not know it will not know at the next try either.
            501 | 505 | 510 => (Other, Remedy::Final),
            500..=599 => (Other, Remedy::Retry),
            _ => (Other, Remedy::Final),
        },
    }
}

/// Returns an error of the SDK with its causes, but for the names of its own layers.
fn causes(error: &(dyn StdError + 'static)) -> String {
    let text = chain(error);
    ["dispatch failure: ", "other: ", "io error: ", "client error (Connect): "]
        .iter()
        .fold(text, |text, layer| text.replace(layer, ""))
}

/// Returns `x-amz-bucket-region`, or the region in the error's XML, which some refusals carry instead.
fn region_of(raw: &HttpResponse) -> Option<String> {
    if let Some(region) = raw.headers().get("x-amz-bucket-region") {
        return Some(region.to_owned());
    }
    let body = std::str::from_utf8(raw.body().bytes()?).ok()?;
    let (_, rest) = body.split_once("<Region>")?;
    let (region, _) = rest.split_once("</Region>")?;
    Some(region.to_owned())
}

fn is_region(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
}

fn find<'a, T: StdError + 'static>(error: &'a (dyn StdError + 'static)) -> Option<&'a T> {
    links(error).find_map(|link| link.downcast_ref())
}

#[cfg(test)]
mod tests {
    use super::*;
    use aws_sdk_s3::operation::get_object::GetObjectError;
    use aws_smithy_runtime_api::client::result::ConnectorError;

    #[test]
    fn codes_decide_before_the_status_does() {
        for (code, status, kind, remedy) in [
            (Some("SlowDown"), 503, ErrorKind::Throttled, Remedy::SlowDown),
            (None, 503, ErrorKind::Throttled, Remedy::SlowDown),
            (Some("InternalError"), 500, ErrorKind::Other, Remedy::Retry),
            (None, 502, ErrorKind::Other, Remedy::Retry),
            (Some("AccessDenied"), 403, ErrorKind::AccessDenied, Remedy::Final),
            (Some("InvalidObjectState"), 403, ErrorKind::Archived, Remedy::Final),
            (Some("KMS.DisabledException"), 400, ErrorKind::AccessDenied, Remedy::Final),
            (Some("ExpiredToken"), 400, ErrorKind::AccessDenied, Remedy::Credentials),
            (Some("InvalidToken"), 400, ErrorKind::AccessDenied, Remedy::Credentials),
            (Some("NoSuchKey"), 404, ErrorKind::NotFound, Remedy::Final),
            (Some("PreconditionFailed"), 412, ErrorKind::Other, Remedy::Final),
            (Some("RequestTimeout"), 400, ErrorKind::Timeout, Remedy::Retry),
        ] {
            assert_eq!(classify(code, status), (kind, remedy), "{code:?} {status}");
        }
    }

    #[test]
    fn a_failure_on_the_way_keeps_its_cause_and_says_it_once() {
        let reset = std::io::Error::new(std::io::ErrorKind::ConnectionReset, "the peer went away");
        let error: SdkError<GetObjectError, HttpResponse> =
            SdkError::dispatch_failure(ConnectorError::io(reset.into()));
        let failure = RequestError::from_sdk(error).context("after 3 tries");
        assert_eq!(failure.to_string(), "after 3 tries: the peer went away");
        assert_eq!(chain(&failure), failure.to_string());
        let cause = failure.source().and_then(|cause| cause.downcast_ref::<std::io::Error>());
        assert_eq!(cause.map(std::io::Error::kind), Some(std::io::ErrorKind::ConnectionReset));
    }
}
