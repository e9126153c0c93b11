//! CloudTrail's public keys, from CloudTrail: `ListPublicKeys`.

use jiff::Timestamp;
use serde::Deserialize;
use serde_json::json;

use super::service::Question;
use super::session::S3Session;
use crate::error::chain;

/// A list with more pages is no list of keys.
const PAGES: usize = 1000;
/// Bytes of all pages. A key has a few hundred, and there is one a month.
const BYTES: usize = 64 << 20;
/// What an error text shows of an answer.
const SHOWN: usize = 500;

const TARGET: &str = "com.amazonaws.cloudtrail.v20131101.CloudTrail_20131101.ListPublicKeys";

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Page {
    #[serde(default)]
    next_token: Option<String>,
}

impl S3Session {
    /// Asks CloudTrail for the public keys of a region that signed between two times: all pages, as they came.
    ///
    /// # Errors
    ///
    /// Fails where there are no credentials, and where CloudTrail refuses or does not answer.
    pub fn public_keys(&self, region: &str, from: Timestamp, to: Timestamp) -> Result<Vec<String>, String> {
        let china = if region.starts_with("cn-") { ".cn" } else { "" };
        let url = format!("https://cloudtrail.{region}.amazonaws.com{china}");
        let service = self.service_in("cloudtrail", &url, region).map_err(|error| chain(&error))?;
        let (mut pages, mut token, mut bytes) = (Vec::new(), None::<String>, 0);
        while pages.len() < PAGES && bytes < BYTES {
            let mut ask = json!({"StartTime": from.as_second(), "EndTime": to.as_second()});
            if let Some(token) = &token {
                ask["NextToken"] = token.as_str().into();
            }
            let reply = service.ask(Question {
                content_type: "application/x-amz-json-1.1",
                target: Some(TARGET),
                body: &ask.to_string(),
            })?;
            if reply.status != 200 {
                let text: String = reply.body.chars().take(SHOWN).collect();
                return Err(format!("HTTP {}: {}", reply.status, crate::text::one_line(&text)));
            }
            let page: Page = serde_json::from_str(&reply.body).map_err(|error| chain(&error))?;
            bytes += reply.body.len();
            pages.push(reply.body);
            token = page.next_token.filter(|token| !token.is_empty());
            if token.is_none() {
                return Ok(pages);
            }
        }
        Err(format!("the list of public keys has more than {PAGES} pages or {BYTES} bytes"))
    }
}
