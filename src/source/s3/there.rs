//! What lies below a prefix of which a run listed nothing.

use super::bucket::payer;
use super::session::S3Session;
use super::uri::S3Uri;

/// What a look shows; what could not be looked at is `false`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct There {
    /// The place holds objects.
    pub objects: bool,
    /// The place holds no objects, but did: delete markers or older versions.
    pub deleted: bool,
}

impl S3Session {
    /// Looks below a prefix, whatever is in scope: two requests for one key each.
    pub fn look(&self, uri: &S3Uri) -> There {
        let Ok(bucket) = self.locate(uri) else { return There::default() };
        self.handle().block_on(async {
            let page = bucket.list().max_keys(1).prefix(&uri.prefix).send().await;
            if page.is_ok_and(|page| !page.contents().is_empty()) {
                return There { objects: true, deleted: false };
            }
            let options = self.options();
            let page = bucket
                .client
                .list_object_versions()
                .bucket(&uri.bucket)
                .prefix(&uri.prefix)
                .max_keys(1)
                .set_request_payer(payer(options))
                .set_expected_bucket_owner(options.expected_bucket_owner.clone())
                .send()
                .await;
            let deleted =
                page.is_ok_and(|page| !page.delete_markers().is_empty() || !page.versions().is_empty());
            There { objects: false, deleted }
        })
    }
}
