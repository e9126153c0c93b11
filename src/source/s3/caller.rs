//! Who reads: `sts get-caller-identity`.

use std::time::Duration;

use super::credentials::CredentialsHandle;
use super::session::S3Session;
use crate::error::chain;

/// STS answers within this, or the manifest does without.
const PATIENCE: Duration = Duration::from_secs(10);

/// What STS says of the caller.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Caller {
    /// The account.
    pub account: Option<String>,
    /// The user, or the role's session.
    pub arn: Option<String>,
    /// The unique id of the user or role.
    pub user_id: Option<String>,
}

impl S3Session {
    /// Asks STS who the caller is. `None` for a caller without credentials, and for other services than AWS,
    /// which have no STS or one of their own.
    pub fn caller(&self) -> Option<Result<Caller, String>> {
        let credentials = self.credentials()?;
        let has_own = std::env::var_os("AWS_ENDPOINT_URL_STS").is_some_and(|url| !url.is_empty());
        if self.options().endpoint_url.is_some() && !has_own {
            return None;
        }
        let config = aws_sdk_sts::config::Builder::from(credentials.base())
            .credentials_provider(CredentialsHandle(credentials.clone()))
            .build();
        let request = aws_sdk_sts::Client::from_conf(config).get_caller_identity();
        Some(self.handle().block_on(async {
            match tokio::time::timeout(PATIENCE, request.send()).await {
                Ok(Ok(identity)) => {
                    Ok(Caller { account: identity.account, arn: identity.arn, user_id: identity.user_id })
                }
                Ok(Err(error)) => Err(chain(&error)),
                Err(_) => Err(format!("no answer within {} s", PATIENCE.as_secs())),
            }
        }))
    }
}
