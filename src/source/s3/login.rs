//! Profiles that `aws login` made: their credentials lie in a cache, good for a quarter of an hour, where aws-cli keeps
//! them fresh as long as the session lasts.
//!
//! The SDK could renew them itself (its feature `credentials-login`), at the price of two dozen crates for one elliptic
//! curve. Here they are read; what has ended is said, and read again as soon as aws-cli, or the next `aws login`, has
//! renewed it.

use std::path::PathBuf;
use std::time::SystemTime;

use aws_credential_types::Credentials;
use aws_credential_types::provider::error::CredentialsError;
use aws_credential_types::provider::{self, ProvideCredentials, future};
use jiff::Timestamp;
use serde::Deserialize;
use sha2::{Digest as _, Sha256};

use crate::hex::push_hex;

/// The login of a profile.
#[derive(Debug)]
pub(super) struct Login {
    pub(super) profile: String,
    /// `login_session`: whose session it is.
    pub(super) session: String,
    pub(super) cache: Option<PathBuf>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Cached {
    access_token: Token,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Token {
    access_key_id: String,
    secret_access_key: String,
    session_token: String,
    expires_at: Timestamp,
}

/// Returns the folder of the cache: `AWS_LOGIN_CACHE_DIRECTORY`, else below the home directory.
pub(super) fn cache() -> Option<PathBuf> {
    let variable = |name| std::env::var_os(name).filter(|path| !path.is_empty()).map(PathBuf::from);
    let home = || variable("HOME").or_else(|| variable("USERPROFILE"));
    variable("AWS_LOGIN_CACHE_DIRECTORY").or_else(|| Some(home()?.join(".aws/login/cache")))
}

impl Login {
    fn read(&self) -> provider::Result {
        let Self { profile, session, .. } = self;
        let again = |what: String| {
            let text = format!("{what}: `aws login --profile {profile}` renews it");
            CredentialsError::provider_error(text)
        };
        let mut name = String::new();
        push_hex(&mut name, &Sha256::digest(session.trim().as_bytes()));
        let path = self.cache.clone().unwrap_or_default().join(name + ".json");
        let text = std::fs::read(&path).map_err(|error| {
            again(format!("the login of profile {profile:?} cannot be read ({}: {error})", path.display()))
        })?;
        // What cannot be read may be a secret: the parser's words would quote it.
        let Cached { access_token: token } = serde_json::from_slice(&text)
            .map_err(|_quotes| again(format!("{} is no cached login", path.display())))?;
        let end = SystemTime::from(token.expires_at);
        if end <= SystemTime::now() {
            return Err(again(format!("the login of profile {profile:?} ended at {}", token.expires_at)));
        }
        let Token { access_key_id, secret_access_key, session_token, .. } = token;
        Ok(Credentials::new(access_key_id, secret_access_key, Some(session_token), Some(end), "Login"))
    }
}

impl ProvideCredentials for Login {
    fn provide_credentials<'a>(&'a self) -> future::ProvideCredentials<'a>
    where
        Self: 'a,
    {
        future::ProvideCredentials::ready(self.read())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_login_is_read_until_it_ends() {
        let folder = tempfile::tempdir().unwrap();
        let login = Login {
            profile: "dev".into(),
            session: "arn:aws:iam::111122223333:user/me".into(),
            cache: Some(folder.path().to_owned()),
        };
        let missing = login.read().unwrap_err();
        assert!(crate::error::chain(&missing).contains("`aws login --profile dev`"), "{missing:?}");
        // `printf arn:aws:iam::111122223333:user/me | sha256sum`
        let mut name = String::new();
        push_hex(&mut name, &Sha256::digest(b"arn:aws:iam::111122223333:user/me"));
        let put = |end: &str| {
            let text = format!(
                r#"{{"accessToken":{{"accessKeyId":"ASIAX","secretAccessKey":"s","sessionToken":"t","accountId":"1","expiresAt":"{end}"}},"tokenType":"aws_sigv4","refreshToken":"r"}}"#
            );
            std::fs::write(folder.path().join(format!("{name}.json")), text).unwrap();
        };
        put("2999-01-01T00:00:00Z");
        let credentials = login.read().unwrap();
        assert_eq!((credentials.access_key_id(), credentials.session_token()), ("ASIAX", Some("t")));
        put("2020-01-01T00:00:00Z");
        let ended = login.read().unwrap_err();
        assert!(crate::error::chain(&ended).contains("ended at 2020-01-01T00:00:00Z"), "{ended:?}");
        std::fs::write(folder.path().join(format!("{name}.json")), "secret").unwrap();
        assert!(!crate::error::chain(&login.read().unwrap_err()).contains("secret"));
    }
}
