//! Buckets and what S3 says of them: listing, GET, HEAD.

use super::objects::{Keys, Meta, etag_of};
use super::uploads::Uploads;
use super::versions::{list_versions, version_body};
use bytes::Bytes;
use futures_util::StreamExt as _;
use s3s::dto::{
    AbortMultipartUploadInput, AbortMultipartUploadOutput, CommonPrefix, CompleteMultipartUploadInput,
    CompleteMultipartUploadOutput, CreateMultipartUploadInput, CreateMultipartUploadOutput, ETag,
    ETagCondition, EncodingType, GetObjectInput, GetObjectOutput, HeadBucketInput, HeadBucketOutput,
    ListObjectVersionsInput, ListObjectVersionsOutput, ListObjectsV2Input, ListObjectsV2Output, Object,
    ObjectStorageClass, PutObjectInput, PutObjectOutput, RestoreStatus, ServerSideEncryption, StreamingBlob,
    Timestamp, UploadPartInput, UploadPartOutput,
};
use s3s::{Body, S3, S3Error, S3ErrorCode, S3Request, S3Response, S3Result, s3_error};
use std::collections::{HashMap, HashSet};
use std::fmt::Write;
use std::sync::{Arc, RwLock};
use std::time::{Duration, SystemTime};

/// A bucket and how it treats callers.
pub(crate) struct Bucket {
    pub(crate) keys: Arc<dyn Keys>,
    pub(crate) region: String,
    /// Anonymous callers may read.
    pub(crate) public: bool,
    /// Listed, but gone when asked for.
    pub(crate) vanished: HashSet<String>,
    /// Key prefixes that may be listed but not read.
    pub(crate) unreadable: Vec<String>,
    /// Where set, only requests for prefixes that start with one of these may list.
    pub(crate) listable: Option<Vec<String>>,
    /// Where set, only requests for this very prefix may list.
    pub(crate) exactly_listable: Option<String>,
    /// The answer to a GET says SSE-KMS: the ETag is then no MD5.
    pub(crate) kms: bool,
    /// Keys in a page, at most.
    pub(crate) page: usize,
    /// `x-amz-meta-…` of each key that has some.
    pub(crate) metadata: HashMap<String, HashMap<String, String>>,
}

impl Bucket {
    pub(crate) fn new(keys: impl Keys) -> Self {
        Self {
            keys: Arc::new(keys),
            region: "us-east-1".into(),
            public: false,
            vanished: HashSet::new(),
            unreadable: Vec::new(),
            listable: None,
            exactly_listable: None,
            kms: false,
            page: 1000,
            metadata: HashMap::new(),
        }
    }
}

/// All buckets of a server.
pub(super) struct Store {
    pub(super) buckets: Arc<RwLock<HashMap<String, Bucket>>>,
    pub(super) uploads: Arc<Uploads>,
}

impl Store {
    /// Runs `answer` on the bucket, or refuses as S3 does.
    fn in_bucket<I, T>(
        &self,
        request: &S3Request<I>,
        name: &str,
        answer: impl FnOnce(&Bucket) -> S3Result<T>,
    ) -> S3Result<T> {
        let buckets = self.buckets.read().unwrap();
        let bucket = buckets
            .get(name)
            .ok_or_else(|| s3_error!(NoSuchBucket, "The specified bucket does not exist"))?;
        if request.credentials.is_none() && !bucket.public {
            return Err(s3_error!(AccessDenied, "Access Denied"));
        }
        if let Some(region) = &request.region
            && region.as_str() != bucket.region
        {
            let mut error = S3Error::with_message(
                S3ErrorCode::PermanentRedirect,
                "The bucket you are attempting to access must be addressed using the specified endpoint.",
            );
            let mut headers = hyper::HeaderMap::new();
            headers.insert("x-amz-bucket-region", bucket.region.parse().unwrap());
            error.set_headers(headers);
            error.set_status_code(hyper::StatusCode::MOVED_PERMANENTLY);
            return Err(error);
        }
        // Every bucket here belongs to this account.
        let owner = request.headers.get("x-amz-expected-bucket-owner");
        if owner.is_some_and(|owner| owner != "111122223333") {
            return Err(s3_error!(AccessDenied, "Access Denied"));
        }
        answer(bucket)
    }
}

/// The first text after all that start with `prefix`.
pub(super) fn past(prefix: &str) -> String {
    let mut text = prefix.to_owned();
    let last = text.pop().expect("a common prefix ends in its delimiter");
    text.push(char::from_u32(last as u32 + 1).unwrap());
    text
}

pub(super) fn encode(text: &str, encoding: Option<&EncodingType>) -> String {
    if encoding.is_none() {
        return text.to_owned();
    }
    let mut out = String::new();
    for byte in text.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'/' => out.push(byte.into()),
            b' ' => out.push('+'),
            _ => write!(out, "%{byte:02X}").unwrap(),
        }
    }
    out
}

fn token_of(from: &str) -> String {
    from.bytes().fold(String::from("t"), |mut token, byte| {
        write!(token, "{byte:02x}").unwrap();
        token
    })
}

fn from_token(token: &str) -> Option<String> {
    let digits = token.strip_prefix('t')?.as_bytes();
    let bytes = digits.chunks(2).map(|pair| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok());
    String::from_utf8(bytes.collect::<Option<Vec<u8>>>()?).ok()
}

fn list(bucket: &Bucket, input: &ListObjectsV2Input) -> S3Result<ListObjectsV2Output> {
    let prefix = input.prefix.clone().unwrap_or_default();
    if bucket.listable.as_ref().is_some_and(|allowed| !allowed.iter().any(|head| prefix.starts_with(head))) {
        return Err(s3_error!(AccessDenied, "Access Denied"));
    }
    if bucket.exactly_listable.as_ref().is_some_and(|only| *only != prefix) {
        return Err(s3_error!(AccessDenied, "Access Denied"));
    }
    let most = usize::try_from(input.max_keys.unwrap_or(1000)).unwrap().min(bucket.page);
    let encoding = input.encoding_type.as_ref();
    let mut from = match (&input.continuation_token, &input.start_after) {
        (Some(token), _) => from_token(token).ok_or_else(|| s3_error!(InvalidArgument, "bad token"))?,
        (None, Some(after)) => format!("{after}\0"),
        (None, None) => String::new(),
    };
    if from < prefix {
        from.clone_from(&prefix);
    }
    let (mut contents, mut common, mut more) = (Vec::new(), Vec::new(), false);
    while let Some(meta) = bucket.keys.next(&from).filter(|meta| meta.key.starts_with(&prefix)) {
        if contents.len() + common.len() == most {
            more = true;
            break;
        }
        let rest = &meta.key[prefix.len()..];
        let cut =
            input.delimiter.as_deref().filter(|d| !d.is_empty()).and_then(|d| Some(rest.find(d)? + d.len()));
        if let Some(cut) = cut {
            let folder = &meta.key[..prefix.len() + cut];
            // A token inside of a folder must not bring the folder up again.
            from = past(folder);
            common.push(CommonPrefix { prefix: Some(encode(folder, encoding)) });
            continue;
        }
        from = format!("{}\0", meta.key);
        contents.push(object(&meta, encoding));
    }
    Ok(ListObjectsV2Output {
        key_count: Some(i32::try_from(contents.len() + common.len()).unwrap()),
        contents: Some(contents),
        common_prefixes: Some(common),
        is_truncated: Some(more),
        next_continuation_token: more.then(|| token_of(&from)),
        encoding_type: input.encoding_type.clone(),
        max_keys: Some(i32::try_from(most).unwrap()),
        name: Some(input.bucket.clone()),
        prefix: Some(encode(&prefix, encoding)),
        ..Default::default()
    })
}

fn object(meta: &Meta, encoding: Option<&EncodingType>) -> Object {
    let soon = Timestamp::from(SystemTime::now() + Duration::from_secs(86_400));
    let restored = RestoreStatus { is_restore_in_progress: Some(false), restore_expiry_date: Some(soon) };
    Object {
        key: Some(encode(&meta.key, encoding)),
        size: Some(i64::try_from(meta.size).unwrap()),
        e_tag: Some(ETag::Strong(meta.etag.clone())),
        last_modified: Some(Timestamp::from(SystemTime::UNIX_EPOCH)),
        storage_class: Some(ObjectStorageClass::from(meta.class.unwrap_or("STANDARD").to_owned())),
        restore_status: meta.restored.then_some(restored),
        ..Default::default()
    }
}

fn get(bucket: &Bucket, input: &GetObjectInput) -> S3Result<GetObjectOutput> {
    if bucket.unreadable.iter().any(|head| input.key.starts_with(head)) {
        return Err(s3_error!(AccessDenied, "Access Denied"));
    }
    let missing = || s3_error!(NoSuchKey, "The specified key does not exist.");
    if bucket.vanished.contains(&input.key) {
        return Err(missing());
    }
    if let Some(version) = &input.version_id {
        let body = version_body(bucket, &input.key, version).ok_or_else(missing)?;
        return Ok(GetObjectOutput {
            content_length: Some(i64::try_from(body.len()).unwrap()),
            e_tag: Some(ETag::Strong(etag_of(&body))),
            body: Some(Body::from(body).into()),
            version_id: Some(version.clone()),
            metadata: bucket.metadata.get(&input.key).cloned(),
            ..Default::default()
        });
    }
    let meta = bucket.keys.next(&input.key).filter(|meta| meta.key == input.key).ok_or_else(missing)?;
    if matches!(meta.class, Some("GLACIER" | "DEEP_ARCHIVE" | "INTELLIGENT_TIERING")) && !meta.restored {
        return Err(s3_error!(
            InvalidObjectState,
            "The operation is not valid for the object's storage class"
        ));
    }
    if let Some(ETagCondition::ETag(wanted)) = &input.if_match
        && wanted.value() != meta.etag
    {
        return Err(s3_error!(
            PreconditionFailed,
            "At least one of the pre-conditions you specified did not hold"
        ));
    }
    let body = bucket.keys.body(&input.key).ok_or_else(missing)?;
    let total = body.len() as u64;
    let (body, range) = match &input.range {
        Some(range) => {
            let range = range.check(total)?;
            let text = format!("bytes {}-{}/{total}", range.start, range.end - 1);
            let part = usize::try_from(range.start).unwrap()..usize::try_from(range.end).unwrap();
            (body.slice(part), Some(text))
        }
        None => (body, None),
    };
    Ok(GetObjectOutput {
        content_length: Some(i64::try_from(body.len()).unwrap()),
        body: Some(Body::from(body).into()),
        content_range: range,
        e_tag: Some(ETag::Strong(meta.etag)),
        metadata: bucket.metadata.get(&input.key).cloned(),
        server_side_encryption: bucket
            .kms
            .then(|| ServerSideEncryption::from_static(ServerSideEncryption::AWS_KMS)),
        ..Default::default()
    })
}

/// All that was sent.
async fn whole(body: Option<StreamingBlob>) -> S3Result<Bytes> {
    let mut whole = Vec::new();
    if let Some(mut sent) = body {
        while let Some(piece) = sent.next().await {
            whole.extend_from_slice(&piece.map_err(|error| s3_error!(IncompleteBody, "{error}"))?);
        }
    }
    Ok(whole.into())
}

/// Nothing is put here but on the condition that there is nothing of this key.
fn put_new(bucket: &Bucket, key: &str, conditional: bool, body: Bytes) -> S3Result<()> {
    if !conditional {
        return Err(s3_error!(NotImplemented, "Only what is not there is put"));
    }
    if !bucket.keys.put_new(key, body) {
        return Err(s3_error!(
            PreconditionFailed,
            "At least one of the pre-conditions you specified did not hold"
        ));
    }
    Ok(())
}

#[async_trait::async_trait]
impl S3 for Store {
    async fn list_objects_v2(
        &self,
        request: S3Request<ListObjectsV2Input>,
    ) -> S3Result<S3Response<ListObjectsV2Output>> {
        self.in_bucket(&request, &request.input.bucket, |bucket| list(bucket, &request.input))
            .map(S3Response::new)
    }

    async fn list_object_versions(
        &self,
        request: S3Request<ListObjectVersionsInput>,
    ) -> S3Result<S3Response<ListObjectVersionsOutput>> {
        let answer = |bucket: &Bucket| Ok(list_versions(bucket, &request.input));
        self.in_bucket(&request, &request.input.bucket, answer).map(S3Response::new)
    }

    async fn get_object(&self, request: S3Request<GetObjectInput>) -> S3Result<S3Response<GetObjectOutput>> {
        self.in_bucket(&request, &request.input.bucket, |bucket| get(bucket, &request.input))
            .map(S3Response::new)
    }

    async fn put_object(
        &self,
        mut request: S3Request<PutObjectInput>,
    ) -> S3Result<S3Response<PutObjectOutput>> {
        let body = whole(request.input.body.take()).await?;
        self.in_bucket(&request, &request.input.bucket, |bucket| {
            put_new(bucket, &request.input.key, request.input.if_none_match.is_some(), body)?;
            Ok(PutObjectOutput::default())
        })
        .map(S3Response::new)
    }

    async fn create_multipart_upload(
        &self,
        request: S3Request<CreateMultipartUploadInput>,
    ) -> S3Result<S3Response<CreateMultipartUploadOutput>> {
        let begun =
            || CreateMultipartUploadOutput { upload_id: Some(self.uploads.begin()), ..Default::default() };
        self.in_bucket(&request, &request.input.bucket, |_| Ok(begun())).map(S3Response::new)
    }

    async fn upload_part(
        &self,
        mut request: S3Request<UploadPartInput>,
    ) -> S3Result<S3Response<UploadPartOutput>> {
        let body = whole(request.input.body.take()).await?;
        self.in_bucket(&request, &request.input.bucket, |_| {
            let e_tag = Some(ETag::Strong(etag_of(&body)));
            self.uploads.piece(&request.input.upload_id, request.input.part_number, body)?;
            Ok(UploadPartOutput { e_tag, ..Default::default() })
        })
        .map(S3Response::new)
    }

    async fn complete_multipart_upload(
        &self,
        request: S3Request<CompleteMultipartUploadInput>,
    ) -> S3Result<S3Response<CompleteMultipartUploadOutput>> {
        self.in_bucket(&request, &request.input.bucket, |bucket| {
            let input = &request.input;
            let pieces = input.multipart_upload.iter().flat_map(|upload| upload.parts.iter().flatten());
            let numbers: Vec<i32> = pieces.filter_map(|piece| piece.part_number).collect();
            let body = self.uploads.whole(&input.upload_id, &numbers)?;
            put_new(bucket, &input.key, input.if_none_match.is_some(), body)?;
            self.uploads.close(&input.upload_id)?;
            Ok(CompleteMultipartUploadOutput::default())
        })
        .map(S3Response::new)
    }

    async fn abort_multipart_upload(
        &self,
        request: S3Request<AbortMultipartUploadInput>,
    ) -> S3Result<S3Response<AbortMultipartUploadOutput>> {
        let given_up = |_: &Bucket| self.uploads.close(&request.input.upload_id);
        self.in_bucket(&request, &request.input.bucket, given_up)
            .map(|()| S3Response::new(AbortMultipartUploadOutput::default()))
    }

    async fn head_bucket(
        &self,
        request: S3Request<HeadBucketInput>,
    ) -> S3Result<S3Response<HeadBucketOutput>> {
        self.in_bucket(&request, &request.input.bucket, |_| Ok(HeadBucketOutput::default()))
            .map(S3Response::new)
    }
}
