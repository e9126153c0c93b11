//! Objects of roottrail's own below a prefix of a bucket: put once, read whole, listed.
//!
//! An object is put with `If-None-Match: *`, so that of several writers exactly one wins. An answer that was lost
//! on its way makes the next try find the object there, which is as good: whoever asks wants it to be there. A
//! large object goes up in parts, and then the condition stands on the request that completes it.

use super::bucket::{Bucket, payer};
use super::errors::{Remedy, RequestError};
use super::regain::another_try;
use super::session::S3Session;
use super::uri::{S3Uri, decode_listed};
use crate::error::Fatal;
use crate::net::backoff::backoff;
use aws_sdk_s3::primitives::ByteStream;
use aws_sdk_s3::types::{CompletedMultipartUpload, CompletedPart};
use bytes::Bytes;
use std::fs::File;
use std::io::{self, Read as _, Seek as _, SeekFrom, Write as _};

/// Bytes of an object that is put in one request, and of a part of a larger one.
const PART: u64 = 64 << 20;

/// A prefix of a bucket that roottrail writes below.
#[derive(Debug)]
pub struct S3Store {
    bucket: Bucket,
    part: u64,
}

/// Whether an object was there before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Put {
    New,
    There,
}

impl S3Session {
    /// Opens a prefix to write below.
    ///
    /// # Errors
    ///
    /// Fails where there is no such bucket, and where it cannot be reached.
    pub fn store(&self, uri: &S3Uri) -> Result<S3Store, Fatal> {
        let mut uri = uri.clone();
        if !uri.prefix.is_empty() && !uri.prefix.ends_with('/') {
            uri.prefix.push('/');
        }
        Ok(S3Store { bucket: self.locate(&uri)?, part: PART })
    }
}

impl S3Store {
    /// Returns the store with parts of this size, in bytes.
    #[must_use]
    pub fn in_parts_of(self, part: u64) -> Self {
        Self { part: part.max(1), ..self }
    }

    /// Returns what an object is called.
    pub fn uri(&self, name: &str) -> String {
        self.bucket.uri.of_key(&self.key(name))
    }

    /// Returns the bucket and the prefix.
    pub fn place(&self) -> &S3Uri {
        &self.bucket.uri
    }

    fn key(&self, name: &str) -> String {
        format!("{}{name}", self.bucket.uri.prefix)
    }

    /// Puts the whole of a file, unless there is an object of this name. Returns whether it was put.
    ///
    /// # Errors
    ///
    /// Fails, in words, where S3 refuses the object or the file cannot be read.
    pub fn put_new(&self, name: &str, file: &mut File) -> Result<bool, String> {
        let key = self.key(name);
        let failed = |error: io::Error| error.to_string();
        let bytes =
            file.seek(SeekFrom::End(0)).and_then(|end| file.rewind().map(|()| end)).map_err(failed)?;
        let put = self.bucket.session.handle().block_on(async {
            if bytes <= self.part {
                let mut body = Vec::new();
                file.read_to_end(&mut body).map_err(failed)?;
                self.put(&key, body.into()).await
            } else {
                self.put_parts(&key, file).await
            }
        })?;
        Ok(put == Put::New)
    }

    async fn put(&self, key: &str, body: Bytes) -> Result<Put, String> {
        let put = self.tries(async || {
            let request = self
                .bucket
                .client
                .put_object()
                .bucket(&self.bucket.uri.bucket)
                .key(key)
                .if_none_match("*")
                .set_request_payer(payer(self.bucket.session.options()))
                .set_expected_bucket_owner(self.owner())
                .body(ByteStream::from(body.clone()));
            request.send().await.map(drop).map_err(RequestError::from_sdk)
        });
        there(put.await)
    }

    async fn put_parts(&self, key: &str, file: &mut File) -> Result<Put, String> {
        let Bucket { client, uri, .. } = &self.bucket;
        let begun = self.tries(async || {
            let request = client.create_multipart_upload().bucket(&uri.bucket).key(key);
            let request = request.set_expected_bucket_owner(self.owner());
            request.send().await.map_err(RequestError::from_sdk)
        });
        let begun = begun.await.map_err(|failure| failure.to_string())?;
        let upload = begun.upload_id().ok_or("S3 gives the upload no number")?.to_owned();
        let put = self.upload(key, &upload, file).await;
        if !matches!(put, Ok(Put::New)) {
            // What is left of an upload costs storage until the bucket's own rule removes it.
            let request = client.abort_multipart_upload().bucket(&uri.bucket).key(key).upload_id(&upload);
            let _left = request.send().await;
        }
        put
    }

    async fn upload(&self, key: &str, upload: &str, file: &mut File) -> Result<Put, String> {
        let Bucket { client, uri, .. } = &self.bucket;
        let mut parts = Vec::new();
        for number in 1.. {
            let mut body = Vec::new();
            io::Read::take(&mut *file, self.part)
                .read_to_end(&mut body)
                .map_err(|error| error.to_string())?;
            if body.is_empty() {
                break;
            }
            let body = Bytes::from(body);
            let sent = self.tries(async || {
                let request = client.upload_part().bucket(&uri.bucket).key(key).upload_id(upload);
                let request = request.part_number(number).set_expected_bucket_owner(self.owner());
                let request = request.body(ByteStream::from(body.clone()));
                request.send().await.map_err(RequestError::from_sdk)
            });
            let sent = sent.await.map_err(|failure| failure.to_string())?;
            parts.push(
                CompletedPart::builder()
                    .part_number(number)
                    .set_e_tag(sent.e_tag)
                    .set_checksum_crc32(sent.checksum_crc32)
                    .build(),
            );
        }
        let all = CompletedMultipartUpload::builder().set_parts(Some(parts)).build();
        let completed = self.tries(async || {
            let request = client.complete_multipart_upload().bucket(&uri.bucket).key(key).upload_id(upload);
            let request = request.if_none_match("*").set_expected_bucket_owner(self.owner());
            let request = request.multipart_upload(all.clone());
            request.send().await.map(drop).map_err(RequestError::from_sdk)
        });
        there(completed.await)
    }

    /// Fetches an object into an unnamed file. `None`: there is none of this name.
    ///
    /// # Errors
    ///
    /// Fails, in words, where S3 does not give the object whole, or there is no room for it.
    pub fn get(&self, name: &str) -> Result<Option<File>, String> {
        let key = self.key(name);
        let fetched = self.bucket.session.handle().block_on(self.tries(async || {
            let Bucket { client, uri, .. } = &self.bucket;
            let request = client.get_object().bucket(&uri.bucket).key(&key);
            let request = request.set_request_payer(payer(self.bucket.session.options()));
            let request = request.set_expected_bucket_owner(self.owner());
            let mut answer = request.send().await.map_err(RequestError::from_sdk)?;
            let broken =
                |text: String| RequestError::new(crate::error::ErrorKind::Connection, Remedy::Retry, text);
            let kept = |error: io::Error| {
                RequestError::new(crate::error::ErrorKind::Io, Remedy::Final, error.to_string())
            };
            let mut file = tempfile::tempfile().map_err(kept)?;
            let (mut bytes, wanted) = (0_u64, answer.content_length().and_then(|n| u64::try_from(n).ok()));
            loop {
                match answer.body.try_next().await {
                    Ok(Some(piece)) => {
                        bytes += piece.len() as u64;
                        file.write_all(&piece).map_err(kept)?;
                    }
                    Ok(None) => break,
                    Err(error) => return Err(broken(error.to_string())),
                }
            }
            if wanted.is_some_and(|wanted| wanted != bytes) {
                return Err(broken(format!("the body ends after {bytes} bytes")));
            }
            file.rewind().map_err(kept)?;
            Ok(file)
        }));
        match fetched {
            Ok(file) => Ok(Some(file)),
            Err(failure) if matches!(failure.code.as_deref(), Some("NoSuchKey")) => Ok(None),
            Err(failure) => Err(failure.to_string()),
        }
    }

    /// Returns the names of all objects that begin with `start`, and their sizes.
    ///
    /// # Errors
    ///
    /// Fails, in words, where S3 does not list them.
    pub fn names(&self, start: &str) -> Result<Vec<(String, u64)>, String> {
        let prefix = self.key(start);
        let mut names = Vec::new();
        let mut token: Option<String> = None;
        self.bucket.session.handle().block_on(async {
            loop {
                let page = self.tries(async || {
                    let request = self.bucket.list().prefix(&prefix).set_continuation_token(token.clone());
                    request.send().await.map_err(RequestError::from_sdk)
                });
                let page = page.await.map_err(|failure| failure.to_string())?;
                let encoded = page.encoding_type().is_some();
                for object in page.contents() {
                    let key = object.key().unwrap_or_default();
                    let key = if encoded { decode_listed(key) } else { Some(key.to_owned()) };
                    if let Some(name) =
                        key.as_deref().and_then(|key| key.strip_prefix(&self.bucket.uri.prefix))
                    {
                        let size = object.size().and_then(|size| u64::try_from(size).ok()).unwrap_or(0);
                        names.push((name.to_owned(), size));
                    }
                }
                match page.next_continuation_token().filter(|next| !next.is_empty()) {
                    Some(next) if token.as_deref() != Some(next) => token = Some(next.to_owned()),
                    _ => return Ok(names),
                }
            }
        })
    }

    fn owner(&self) -> Option<String> {
        self.bucket.session.options().expected_bucket_owner.clone()
    }

    /// Asks, with as many tries as an object gets.
    async fn tries<T>(
        &self,
        mut ask: impl AsyncFnMut() -> Result<T, RequestError>,
    ) -> Result<T, RequestError> {
        let options = self.bucket.session.options();
        let mut tries = 0;
        loop {
            tries += 1;
            let failure = match ask().await {
                Ok(answer) => return Ok(answer),
                Err(failure) => failure,
            };
            // Two writers at once: S3 asks one of them to come again.
            let again = failure.code.as_deref() == Some("ConditionalRequestConflict");
            if !again && !another_try(&self.bucket, &failure).await? {
                return Err(failure);
            }
            if tries >= options.attempts {
                return Err(failure.context(format_args!("after {tries} tries")));
            }
            tokio::time::sleep(backoff(options.retry_base, tries)).await;
        }
    }
}

/// An object that is there already is no failure.
fn there(put: Result<(), RequestError>) -> Result<Put, String> {
    match put {
        Ok(()) => Ok(Put::New),
        Err(failure) if failure.status == Some(412) => Ok(Put::There),
        Err(failure) => Err(failure.to_string()),
    }
}
