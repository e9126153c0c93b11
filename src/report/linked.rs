//! What a listed finding's session says of it: the credential, and the MFA of the sign-in.
//!
//! A finding is listed before its session is closed. Sessions of listed findings are waited for by their ids;
//! those of findings that others have pushed off the list are forgotten from time to time.

use std::collections::{HashMap, HashSet};

use super::model::Listed;
use super::session::{RootSession, SessionKind};
use crate::finding::{CredentialType, IdentityKind, MfaDevice, MfaStatus};

/// Sessions that are remembered before the forgotten ones are looked for.
const MOST: usize = 10_000;

#[derive(Debug)]
struct Link {
    kind: SessionKind,
    mfa: Option<MfaStatus>,
    device: Option<MfaDevice>,
    /// Whether the calls have the MFA of what opened the session.
    inherits: bool,
}

/// Sessions of listed findings, by id; `None`: still open.
#[derive(Debug, Default)]
pub(super) struct Linked {
    sessions: HashMap<String, Option<Link>>,
}

impl Linked {
    /// Waits for a session. `listed`: all findings that are listed now.
    pub(super) fn wait_for<'l>(&mut self, id: &str, listed: impl Iterator<Item = &'l Listed>) {
        if self.sessions.contains_key(id) {
            return;
        }
        if self.sessions.len() >= MOST {
            let wanted: HashSet<&str> = listed.filter_map(|one| one.session.as_deref()).collect();
            self.sessions.retain(|id, _| wanted.contains(id.as_str()));
        }
        self.sessions.insert(id.to_owned(), None);
    }

    /// Takes in a session that is closed.
    pub(super) fn closed(&mut self, session: &RootSession) {
        if let Some(waiting) = self.sessions.get_mut(&session.id) {
            *waiting = Some(Link {
                kind: session.kind,
                mfa: session.mfa,
                device: session.device,
                inherits: session.sign_in.is_some() || session.kind == SessionKind::AssumeRoot,
            });
        }
    }

    /// Gives a finding what its session knows.
    pub(super) fn upgrade(&self, one: &mut Listed) {
        let Some(Some(link)) = one.session.as_deref().and_then(|id| self.sessions.get(id)) else { return };
        let vague = matches!(
            one.credential,
            None | Some(CredentialType::TemporaryCredentials | CredentialType::Unknown)
        );
        match link.kind {
            SessionKind::ConsoleSession if vague => one.credential = Some(CredentialType::ConsoleSession),
            SessionKind::StsSessionToken if vague => one.credential = Some(CredentialType::StsSessionToken),
            SessionKind::AssumeRoot if vague => {
                one.credential = Some(CredentialType::AssumeRoot);
                one.identity = IdentityKind::RootAssumeRootSession;
            }
            _ => {}
        }
        // What a service did by itself needs no MFA, whatever session it acts for.
        if link.inherits && one.mfa != Some(MfaStatus::NotApplicable) {
            one.mfa = link.mfa;
            one.device = link.device;
        }
    }
}
