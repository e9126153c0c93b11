//! Brings the findings of one session together, with the sign-in or the call that opened it.
//!
//! A console session's calls have the sign-in's time as their `creationDate`, whatever access keys they use
//! (the console changes keys within a session), so that a session is an account and a creation time. The
//! calls of a long-term key have no session: they are one as long as the key does not rest for
//! [`KEY_RESTS`]. AWS lets no session last longer than [`LONGEST`], so that in order of time a session can
//! be closed when that has passed, and only those of a day and a half are held at once.

use std::collections::{BTreeSet, HashMap};

use super::event::{Issue, Issuer};
use super::row::Row;
use super::session::{BySeverity, Opening, RootSession, SessionChange, SessionKind, SignIn};
use super::tally::Tally;
use super::time::{instant, week};
use crate::finding::{CredentialType, FindingId, IdentityKind, MfaDevice, MfaStatus, Severity};

/// Longest life of a session: temporary credentials last 36 hours at most.
const LONGEST: i64 = 36 * 3600;
/// A key that rests so long has ended what is shown as one session.
const KEY_RESTS: i64 = 12 * 3600;
/// Sessions of one account that are held open; beyond it the older half is closed early.
const MOST_OPEN: usize = 10_000;
/// Different values of a session that are counted apart.
const MOST_VALUES: usize = 20;
/// Changes and notable findings of a session that are listed.
const MOST_LISTED: usize = 40;

/// A session that is closed, with what the study asks of it.
#[derive(Debug)]
pub(super) struct Closed {
    pub(super) session: RootSession,
    /// The weeks in which a credential was used in it.
    pub(super) weeks: BTreeSet<i64>,
    /// Whether a finding shows a use.
    pub(super) used: bool,
    /// The first finding's time, and the last one's.
    pub(super) span: (i64, i64),
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
enum Group {
    Created(i64),
    Key(String),
}

impl Group {
    /// Returns the session's id, and when it began.
    fn session(&self, account: &str, first: i64) -> (String, i64) {
        match self {
            Group::Created(created) => (format!("{account}/{}", instant(*created)), *created),
            Group::Key(key) => (format!("{account}/{key}/{}", instant(first)), first),
        }
    }
}

#[derive(Debug)]
struct Open {
    first: i64,
    last: i64,
    events: u64,
    severities: BySeverity,
    console: bool,
    used: bool,
    identities: BTreeSet<IdentityKind>,
    credentials: BTreeSet<CredentialType>,
    mfa: [u64; 4],
    device: Option<MfaDevice>,
    sign_in: Option<SignIn>,
    opened_by: Option<Opening>,
    keys: Tally,
    addresses: Tally,
    agents: Tally,
    regions: Tally,
    calls: Tally,
    rules: Tally,
    denied: Tally,
    changed: u64,
    changes: Vec<SessionChange>,
    notable: Vec<FindingId>,
    weeks: BTreeSet<i64>,
}

/// The open sessions of one account.
#[derive(Debug, Default)]
pub(super) struct OpenSessions {
    open: HashMap<Group, Open>,
    /// When the next session may have to be closed.
    next: i64,
    /// Sessions that were closed early, because too many were open.
    pub(super) early: u64,
}

impl OpenSessions {
    /// Takes in a finding. Sessions that have ended by its time go to `closed`.
    pub(super) fn add(&mut self, row: &Row<'_>, issued: &HashMap<String, Issue>, closed: &mut Vec<Closed>) {
        let Some(now) = row.time else { return };
        if now >= self.next {
            self.close(row.account, closed, |group, open| match group {
                Group::Created(created) => now > LONGEST + open.last.max(*created),
                Group::Key(_) => now > KEY_RESTS + open.last,
            });
            self.next = now + 3600;
        }
        let Some(group) = group_of(row) else { return };
        if let Group::Key(_) = group
            && self.open.get(&group).is_some_and(|open| now > KEY_RESTS + open.last)
            && let Some(open) = self.open.remove(&group)
        {
            closed.push(open.close(row.account, &group));
        }
        if !self.open.contains_key(&group) && self.open.len() >= MOST_OPEN {
            let mut ends: Vec<i64> = self.open.values().map(|open| open.last).collect();
            ends.sort_unstable();
            let middle = ends.get(ends.len() / 2).copied().unwrap_or(now);
            let before = closed.len();
            self.close(row.account, closed, |_, open| open.last <= middle);
            self.early += (closed.len() - before) as u64;
        }
        self.open.entry(group).or_insert_with(|| Open::new(now)).add(row, now, issued);
    }

    /// Returns the session that a finding was added to.
    pub(super) fn id_of(&self, row: &Row<'_>) -> Option<String> {
        let group = group_of(row)?;
        let open = self.open.get(&group)?;
        Some(group.session(row.account, open.first).0)
    }

    /// Closes all sessions.
    pub(super) fn finish(&mut self, account: &str, closed: &mut Vec<Closed>) {
        self.close(account, closed, |_, _| true);
        self.next = i64::MIN;
    }

    fn close(&mut self, account: &str, closed: &mut Vec<Closed>, ends: impl Fn(&Group, &Open) -> bool) {
        let mut ended: Vec<(Group, Open)> = self.open.extract_if(|group, open| ends(group, open)).collect();
        // The map has no order of its own.
        ended.sort_by(|a, b| (a.1.first, &a.0).cmp(&(b.1.first, &b.0)));
        closed.extend(ended.into_iter().map(|(group, open)| open.close(account, &group)));
    }
}

/// Returns the session that a finding belongs to. A refused sign-in opens none.
fn group_of(row: &Row<'_>) -> Option<Group> {
    if row.identity == IdentityKind::AssumeRootCaller || (row.service == "signin" && row.failed) {
        return None;
    }
    if row.access_key.starts_with("AKIA") {
        return Some(Group::Key(row.access_key.to_owned()));
    }
    match row.session {
        Some(created) => Some(Group::Created(created)),
        None if row.access_key.starts_with("ASIA") => Some(Group::Key(row.access_key.to_owned())),
        None => None,
    }
}

impl Open {
    fn new(first: i64) -> Self {
        let tally = || Tally::new(MOST_VALUES);
        Self {
            first,
            last: first,
            events: 0,
            severities: BySeverity::default(),
            console: false,
            used: false,
            identities: BTreeSet::new(),
            credentials: BTreeSet::new(),
            mfa: [0; 4],
            device: None,
            sign_in: None,
            opened_by: None,
            keys: tally(),
            addresses: tally(),
            agents: tally(),
            regions: tally(),
            calls: tally(),
            rules: tally(),
            denied: tally(),
            changed: 0,
            changes: Vec::new(),
            notable: Vec::new(),
            weeks: BTreeSet::new(),
        }
    }

    fn add(&mut self, row: &Row<'_>, now: i64, issued: &HashMap<String, Issue>) {
        self.last = self.last.max(now);
        self.events += 1;
        self.severities.add(row.severity);
        self.identities.insert(row.identity);
        self.credentials.extend(row.credential);
        if let Some(mfa) = row.mfa {
            self.mfa[mfa as usize] += 1;
        }
        self.device = self.device.or(row.device);
        for (tally, text) in [
            (&mut self.keys, row.access_key),
            (&mut self.addresses, row.address),
            (&mut self.agents, row.agent),
            (&mut self.regions, row.region),
            (&mut self.calls, &row.call()),
        ] {
            tally.add(text);
        }
        for rule in row.rules.split(' ') {
            self.rules.add(rule);
        }
        if row.is_use() {
            self.used = true;
            self.weeks.insert(week(now));
        }
        if row.failed {
            self.denied.add(&format!("{} {}", row.call(), row.error));
        } else if row.is_sign_in() {
            self.console = true;
            self.sign_in.get_or_insert_with(|| SignIn {
                time: instant(now),
                finding: row.id,
                mfa: row.mfa,
                device: row.device,
                address: row.address.to_owned(),
                user_agent: row.agent.to_owned(),
            });
        } else if row.read_only != Some(true) {
            self.changed += 1;
            if self.changes.len() < MOST_LISTED {
                self.changes.push(SessionChange {
                    time: instant(now),
                    event: row.call(),
                    request: row.request.to_owned(),
                    region: row.region.to_owned(),
                    severity: row.severity,
                    finding: row.id,
                });
            }
        }
        if row.severity >= Severity::High && self.notable.len() < MOST_LISTED {
            self.notable.push(row.id);
        }
        if self.opened_by.is_none()
            && let Some(issue) = issued.get(row.access_key)
            && (issue.by == Issuer::AssumeRoot || issue.account == row.account)
        {
            self.opened_by = Some(Opening::of(issue));
        }
    }

    fn kind(&self, group: &Group) -> SessionKind {
        let has = |credential| self.credentials.contains(&credential);
        let issued = self.opened_by.as_ref().map(|opening| opening.event);
        if self.identities.contains(&IdentityKind::RootAssumeRootSession) || issued == Some("AssumeRoot") {
            SessionKind::AssumeRoot
        } else if has(CredentialType::LongTermAccessKey)
            || matches!(group, Group::Key(key) if key.starts_with("AKIA"))
        {
            SessionKind::LongTermAccessKey
        } else if issued == Some("GetSessionToken") || has(CredentialType::StsSessionToken) {
            SessionKind::StsSessionToken
        } else if self.console || has(CredentialType::ConsoleSession) || has(CredentialType::ConsolePassword)
        {
            SessionKind::ConsoleSession
        } else if has(CredentialType::FederationToken) {
            SessionKind::FederationToken
        } else if has(CredentialType::TemporaryCredentials) {
            SessionKind::TemporaryCredentials
        } else if has(CredentialType::AwsService) {
            SessionKind::AwsService
        } else {
            SessionKind::Unknown
        }
    }

    fn close(self, account: &str, group: &Group) -> Closed {
        let kind = self.kind(group);
        let (id, start) = group.session(account, self.first);
        let seen = |status: MfaStatus| (self.mfa[status as usize] > 0).then_some(status);
        let of_calls = || {
            // One call without MFA is a session without it.
            let order = [MfaStatus::NotUsed, MfaStatus::Used, MfaStatus::NotApplicable, MfaStatus::Unknown];
            order.into_iter().find_map(seen)
        };
        let mfa = match (&self.sign_in, kind) {
            (_, SessionKind::AssumeRoot) => Some(MfaStatus::NotApplicable),
            (Some(SignIn { mfa: Some(mfa), .. }), _) => Some(*mfa),
            _ => of_calls(),
        };
        Closed {
            weeks: self.weeks,
            used: self.used && kind != SessionKind::AssumeRoot,
            span: (self.first, self.last),
            session: RootSession {
                id,
                kind,
                account_id: account.to_owned(),
                start: instant(start),
                first_event: instant(self.first),
                last_event: instant(self.last),
                events: self.events,
                severities: self.severities,
                mfa,
                device: self.sign_in.as_ref().and_then(|sign_in| sign_in.device).or(self.device),
                sign_in: self.sign_in,
                opened_by: self.opened_by,
                access_keys: self.keys.counts(),
                addresses: self.addresses.counts(),
                user_agents: self.agents.counts(),
                regions: self.regions.counts(),
                calls: self.calls.counts(),
                rules: self.rules.counts(),
                denied: self.denied.counts(),
                changed: self.changed,
                changes: self.changes,
                notable: self.notable,
            },
        }
    }
}
