//! What a GET comes back with, from the SDK or without it: the head in one shape, the body piece by piece.
//!
//! The head keeps what later steps need: length, range, ETag, encryption, checksum and metadata. The body is a stream
//! of pieces whichever client asked. The SDK compares the checksums that it knows while the body is read; of a GET
//! without the SDK the checksum is compared when the body is there. A checksum of checksums proves nothing of the
//! whole body and is passed over.

use crate::error::{chain, links};
use crate::source::Metadata;
use aws_sdk_s3::operation::get_object::GetObjectOutput;
use aws_sdk_s3::primitives::ByteStream;
use aws_sdk_s3::types::ServerSideEncryption;
use aws_smithy_checksums::body::validate::Error as ChecksumError;
use bytes::Bytes;
use crc_fast::CrcAlgorithm;
use http::HeaderName;
use http::header::{CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_RANGE, ETAG};
use http_body_util::BodyExt;
use hyper::Response;
use hyper::body::Incoming;
use std::error::Error as StdError;

/// What to ask for.
#[derive(Debug)]
pub(super) struct Wanted<'a> {
    pub(super) key: &'a str,
    pub(super) version: Option<&'a str>,
    /// Quoted: the object must still be the listed one.
    pub(super) etag: Option<String>,
    /// `bytes=100-`
    pub(super) range: Option<String>,
}

/// What the headers tell.
#[derive(Debug)]
pub(super) struct Head {
    pub(super) length: Option<u64>,
    /// `bytes 100-199/200`
    pub(super) range: Option<String>,
    /// As sent, in quotes.
    pub(super) etag: Option<String>,
    /// The ETag is no MD5 of the content.
    pub(super) kms: bool,
    /// Whether the headers say that the body is gzip.
    pub(super) gzip: bool,
    pub(super) checksum: Checksum,
    pub(super) metadata: Metadata,
}

/// What proves that a body is the one stored.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Checksum {
    /// Nothing.
    None,
    /// The SDK compares while the body is read.
    BySdk,
    /// To compare when the body is there.
    Crc(CrcAlgorithm, u64),
}

/// A body on its way.
pub(super) enum Stream {
    Sdk(ByteStream),
    Direct(Incoming),
}

/// Why a body ended early.
#[derive(Debug)]
pub(super) struct BrokenBody {
    pub(super) reason: String,
    /// All of it came, and the SDK found that it is not what its checksum says.
    pub(super) wrong_checksum: bool,
}

fn is_mismatch(error: &(dyn StdError + 'static)) -> bool {
    links(error).any(|link| matches!(link.downcast_ref(), Some(ChecksumError::ChecksumMismatch { .. })))
}

impl Stream {
    /// Returns the next piece; `None` at the end.
    pub(super) async fn next(&mut self) -> Option<Result<Bytes, BrokenBody>> {
        match self {
            Stream::Sdk(body) => {
                Some(body.next().await?.map_err(|error| BrokenBody {
                    reason: chain(&error),
                    wrong_checksum: is_mismatch(&error),
                }))
            }
            Stream::Direct(body) => loop {
                match body.frame().await? {
                    Ok(frame) => {
                        // Anything but data would be trailers.
                        if let Ok(data) = frame.into_data() {
                            return Some(Ok(data));
                        }
                    }
                    Err(error) => {
                        return Some(Err(BrokenBody { reason: chain(&error), wrong_checksum: false }));
                    }
                }
            },
        }
    }
}

/// Takes apart an answer of the SDK.
pub(super) fn of_sdk(answer: GetObjectOutput) -> (Head, Stream) {
    let checksums = [
        answer.checksum_crc64_nvme(),
        answer.checksum_crc32(),
        answer.checksum_crc32_c(),
        answer.checksum_sha1(),
        answer.checksum_sha256(),
    ];
    // `…-3` is a checksum of the checksums of three parts, which the SDK does not verify.
    let whole = checksums.into_iter().flatten().any(|checksum| !checksum.contains('-'));
    let head = Head {
        length: answer.content_length().and_then(|length| u64::try_from(length).ok()),
        range: answer.content_range().map(str::to_owned),
        etag: answer.e_tag().map(str::to_owned),
        kms: !matches!(answer.server_side_encryption(), None | Some(ServerSideEncryption::Aes256)),
        gzip: answer.content_encoding().is_some_and(|encoding| encoding.contains("gzip")),
        checksum: if whole { Checksum::BySdk } else { Checksum::None },
        metadata: Metadata::of(|name| answer.metadata()?.get(name.strip_prefix("x-amz-meta-")?).cloned()),
    };
    (head, Stream::Sdk(answer.body))
}

static ENCRYPTION: HeaderName = HeaderName::from_static("x-amz-server-side-encryption");
static CRC64NVME: HeaderName = HeaderName::from_static("x-amz-checksum-crc64nvme");
static CRC32: HeaderName = HeaderName::from_static("x-amz-checksum-crc32");
static CRC32C: HeaderName = HeaderName::from_static("x-amz-checksum-crc32c");

/// Takes apart an answer that came without the SDK.
pub(super) fn of_response(response: Response<Incoming>) -> (Head, Stream) {
    let (parts, body) = response.into_parts();
    let header = |name: &HeaderName| parts.headers.get(name).and_then(|value| value.to_str().ok());
    let encryption = header(&ENCRYPTION);
    let whole = parts.status.as_u16() == 200;
    let checksum = [
        (&CRC64NVME, CrcAlgorithm::Crc64Nvme, 8),
        (&CRC32, CrcAlgorithm::Crc32IsoHdlc, 4),
        (&CRC32C, CrcAlgorithm::Crc32Iscsi, 4),
    ]
    .into_iter()
    .filter(|_| whole)
    .find_map(|(name, algorithm, length)| Some(Checksum::Crc(algorithm, crc_of(header(name)?, length)?)));
    let head = Head {
        length: header(&CONTENT_LENGTH).and_then(|length| length.parse().ok()),
        range: header(&CONTENT_RANGE).map(str::to_owned),
        etag: header(&ETAG).map(str::to_owned),
        kms: !matches!(encryption, None | Some("AES256")),
        gzip: header(&CONTENT_ENCODING).is_some_and(|encoding| encoding.contains("gzip")),
        checksum: checksum.unwrap_or(Checksum::None),
        metadata: Metadata::of(|name| Some(parts.headers.get(name)?.to_str().ok()?.to_owned())),
    };
    (head, Stream::Direct(body))
}

/// Reads a checksum: base64 of the big-endian sum. `None` for a checksum of checksums, which ends in a number of parts.
fn crc_of(text: &str, length: usize) -> Option<u64> {
    if text.contains('-') {
        return None;
    }
    let bytes = aws_smithy_types::base64::decode(text).ok().filter(|bytes| bytes.len() == length)?;
    Some(bytes.iter().fold(0, |sum, byte| sum << 8 | u64::from(*byte)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn checksums_are_those_that_s3_sends() {
        // `aws s3api get-object-attributes` of an object that holds "123456789".
        assert_eq!(crc_of("y/Q5Jg==", 4), Some(0xcbf4_3926));
        assert_eq!(crc_fast::checksum(CrcAlgorithm::Crc32IsoHdlc, b"123456789"), 0xcbf4_3926);
        assert_eq!(crc_fast::checksum(CrcAlgorithm::Crc32Iscsi, b"123456789"), 0xe306_9283);
        assert_eq!(crc_fast::checksum(CrcAlgorithm::Crc64Nvme, b"123456789"), 0xae8b_1486_0a79_9888);
        assert_eq!(crc_of("y/Q5Jg==-3", 4), None);
    }
}
