//! A row: what the report keeps of one finding, as bytes that sort by account, time and id.
//!
//! The front of a row's bytes is made so that comparing bytes compares account, time and id, and sorting needs no
//! decoding. The rest are numbers, codes of the closed words, and texts with their lengths. Texts are inert and cut
//! when a row is made, so that no later code has to think of it. `decode` borrows from the bytes and refuses anything
//! that `encode` did not write.

use crate::finding::{CredentialType, FindingId, IdentityKind, MfaDevice, MfaStatus, Severity};

/// The severities in rising order.
pub(super) const SEVERITIES: [Severity; 4] =
    [Severity::Low, Severity::Medium, Severity::High, Severity::Critical];
const IDENTITIES: [IdentityKind; 6] = [
    IdentityKind::RootUser,
    IdentityKind::RootAssumeRootSession,
    IdentityKind::RootViaService,
    IdentityKind::RootFederated,
    IdentityKind::RootCrossAccount,
    IdentityKind::AssumeRootCaller,
];
const CREDENTIALS: [CredentialType; 10] = [
    CredentialType::ConsolePassword,
    CredentialType::ConsoleSession,
    CredentialType::LongTermAccessKey,
    CredentialType::TemporaryCredentials,
    CredentialType::StsSessionToken,
    CredentialType::FederationToken,
    CredentialType::AssumeRoot,
    CredentialType::AwsService,
    CredentialType::None,
    CredentialType::Unknown,
];
const MFA: [MfaStatus; 4] =
    [MfaStatus::Used, MfaStatus::NotUsed, MfaStatus::NotApplicable, MfaStatus::Unknown];
const DEVICES: [MfaDevice; 6] = [
    MfaDevice::Virtual,
    MfaDevice::Fido,
    MfaDevice::HardwareTotp,
    MfaDevice::Sms,
    MfaDevice::Multiple,
    MfaDevice::Unknown,
];

/// Stands for a value that is not there.
const ABSENT: u8 = 0xff;

/// What the report keeps of one finding. Empty texts are absent ones.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Row<'a> {
    /// `account_id`, without NUL.
    pub(super) account: &'a str,
    /// Seconds since 1970; `None` where the finding's time is no time.
    pub(super) time: Option<i64>,
    pub(super) id: FindingId,
    pub(super) severity: Severity,
    pub(super) identity: IdentityKind,
    pub(super) credential: Option<CredentialType>,
    pub(super) mfa: Option<MfaStatus>,
    pub(super) device: Option<MfaDevice>,
    /// The action failed.
    pub(super) failed: bool,
    pub(super) read_only: Option<bool>,
    pub(super) damaged: bool,
    /// The record's place in its object.
    pub(super) record_index: u64,
    /// Seconds since 1970 of `creationDate`, or the sign-in's own time.
    pub(super) session: Option<i64>,
    pub(super) organization: &'a str,
    pub(super) recipient: &'a str,
    pub(super) region: &'a str,
    pub(super) event: &'a str,
    /// `iam` of `iam.amazonaws.com`.
    pub(super) service: &'a str,
    pub(super) error: &'a str,
    pub(super) access_key: &'a str,
    pub(super) address: &'a str,
    pub(super) agent: &'a str,
    /// Rule ids, separated by spaces.
    pub(super) rules: &'a str,
    pub(super) uri: &'a str,
    /// The ARN of a caller of AssumeRoot.
    pub(super) actor: &'a str,
    /// What the request was about: its first few parameters.
    pub(super) request: &'a str,
    pub(super) invoked_by: &'a str,
    pub(super) conflict: &'a str,
}

/// The part of a row's bytes by which rows are ordered is as long as its account, and this.
const AFTER_ACCOUNT: usize = 1 + 8 + 16;

macro_rules! texts {
    ($row:expr, $each:ident) => {
        $each!($row.organization);
        $each!($row.recipient);
        $each!($row.region);
        $each!($row.event);
        $each!($row.service);
        $each!($row.error);
        $each!($row.access_key);
        $each!($row.address);
        $each!($row.agent);
        $each!($row.rules);
        $each!($row.uri);
        $each!($row.actor);
        $each!($row.request);
        $each!($row.invoked_by);
        $each!($row.conflict);
    };
}

impl<'a> Row<'a> {
    /// Returns a row of which nothing is known but whose and which it is.
    pub(super) fn empty(account: &'a str, id: FindingId) -> Self {
        Self {
            account,
            time: None,
            id,
            severity: Severity::Low,
            identity: IdentityKind::RootUser,
            credential: None,
            mfa: None,
            device: None,
            failed: false,
            read_only: None,
            damaged: false,
            record_index: 0,
            session: None,
            organization: "",
            recipient: "",
            region: "",
            event: "",
            service: "",
            error: "",
            access_key: "",
            address: "",
            agent: "",
            rules: "",
            uri: "",
            actor: "",
            request: "",
            invoked_by: "",
            conflict: "",
        }
    }

    /// Appends the row's bytes. As byte strings, rows stand in order of account, time and id.
    pub(super) fn encode(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(self.account.as_bytes());
        out.push(0);
        // The sign bit turned, so that times before 1970 come first; no time comes before all of them.
        let ordered = |time: Option<i64>| time.map_or(0, |time| (time as u64) ^ (1 << 63));
        out.extend_from_slice(&ordered(self.time).to_be_bytes());
        out.extend_from_slice(&self.id.0.to_be_bytes());
        out.push(self.severity as u8);
        out.push(self.identity as u8);
        out.push(self.credential.map_or(ABSENT, |value| value as u8));
        out.push(self.mfa.map_or(ABSENT, |value| value as u8));
        out.push(self.device.map_or(ABSENT, |value| value as u8));
        out.push(u8::from(self.failed) | u8::from(self.damaged) << 1);
        out.push(self.read_only.map_or(ABSENT, u8::from));
        out.extend_from_slice(&self.record_index.to_be_bytes());
        out.extend_from_slice(&ordered(self.session).to_be_bytes());
        macro_rules! put {
            ($text:expr) => {
                let length = u16::try_from($text.len()).unwrap_or(0);
                out.extend_from_slice(&length.to_be_bytes());
                out.extend_from_slice(&$text.as_bytes()[..usize::from(length)]);
            };
        }
        texts!(self, put);
    }

    /// Reads what [`Row::encode`] wrote; `None` for anything else.
    pub(super) fn decode(bytes: &'a [u8]) -> Option<Self> {
        let nul = memchr::memchr(0, bytes)?;
        let account = std::str::from_utf8(&bytes[..nul]).ok()?;
        let mut rest = &bytes[nul + 1..];
        let time = |word: u64| (word != 0).then_some((word ^ (1 << 63)) as i64);
        let at = time(u64::from_be_bytes(take(&mut rest)?));
        let mut row = Row::empty(account, FindingId(u128::from_be_bytes(take(&mut rest)?)));
        row.time = at;
        let [severity, identity, credential, mfa, device, flags, read_only] = take(&mut rest)?;
        row.severity = *SEVERITIES.get(usize::from(severity))?;
        row.identity = *IDENTITIES.get(usize::from(identity))?;
        row.credential = CREDENTIALS.get(usize::from(credential)).copied();
        row.mfa = MFA.get(usize::from(mfa)).copied();
        row.device = DEVICES.get(usize::from(device)).copied();
        (row.failed, row.damaged) = (flags & 1 != 0, flags & 2 != 0);
        row.read_only = (read_only != ABSENT).then_some(read_only == 1);
        row.record_index = u64::from_be_bytes(take(&mut rest)?);
        row.session = time(u64::from_be_bytes(take(&mut rest)?));
        macro_rules! get {
            ($text:expr) => {
                let length = usize::from(u16::from_be_bytes(take(&mut rest)?));
                let (text, more) = rest.split_at_checked(length)?;
                $text = std::str::from_utf8(text).ok()?;
                rest = more;
            };
        }
        texts!(row, get);
        rest.is_empty().then_some(row)
    }

    /// Returns service and name of the call: `iam:CreateAccessKey`.
    pub(super) fn call(&self) -> String {
        if self.service.is_empty() {
            self.event.to_owned()
        } else {
            format!("{}:{}", self.service, self.event)
        }
    }

    /// Returns a sign-in to the console with the password.
    pub(super) fn is_sign_in(&self) -> bool {
        self.event == "ConsoleLogin"
    }

    /// Returns whether the finding shows a credential of root's that worked. A refused sign-in shows none, nor does
    /// what a service does by itself; `AssumeRoot` opens a session without any of the account's own.
    pub(super) fn is_use(&self) -> bool {
        let root = matches!(
            self.identity,
            IdentityKind::RootUser | IdentityKind::RootFederated | IdentityKind::RootCrossAccount
        );
        let by = !matches!(
            self.credential,
            None | Some(CredentialType::None | CredentialType::AwsService | CredentialType::AssumeRoot)
        );
        let at_the_door = self.service == "signin" && (self.failed || self.event == "CheckMfa");
        root && by && !at_the_door
    }
}

/// Returns the bytes by which a row is ordered.
pub(super) fn order(row: &[u8]) -> &[u8] {
    let account = memchr::memchr(0, row).unwrap_or(0);
    &row[..(account + AFTER_ACCOUNT).min(row.len())]
}

fn take<const N: usize>(rest: &mut &[u8]) -> Option<[u8; N]> {
    let (head, more) = rest.split_first_chunk::<N>()?;
    *rest = more;
    Some(*head)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_read_back() {
        let mut row = Row::empty("111122223333", FindingId(7));
        let mut bytes = Vec::new();
        row.encode(&mut bytes);
        assert_eq!(Row::decode(&bytes), Some(row));
        for (credential, mfa) in CREDENTIALS.into_iter().zip(MFA.into_iter().cycle()) {
            row.credential = Some(credential);
            row.mfa = Some(mfa);
            row.device = Some(MfaDevice::Fido);
            row.identity = IdentityKind::AssumeRootCaller;
            row.severity = Severity::Critical;
            (row.failed, row.damaged, row.read_only) = (true, true, Some(false));
            (row.time, row.session, row.record_index) = (Some(-5), Some(0), u64::MAX);
            (row.event, row.conflict, row.agent) = ("ConsoleLogin", "s3://b/k", "ünïcode");
            bytes.clear();
            row.encode(&mut bytes);
            assert_eq!(Row::decode(&bytes), Some(row));
            for end in 0..bytes.len() {
                assert_eq!(Row::decode(&bytes[..end]), None, "cut at {end}");
            }
        }
    }

    #[test]
    fn bytes_stand_in_order_of_account_time_and_id() {
        let row = |account: &'static str, time: Option<i64>, id: u128| {
            let mut bytes = Vec::new();
            Row { time, severity: Severity::Critical, ..Row::empty(account, FindingId(id)) }
                .encode(&mut bytes);
            bytes
        };
        let rows = [
            row("1", None, 9),
            row("1", Some(-100), 8),
            row("1", Some(0), 1),
            row("1", Some(0), 2),
            row("1", Some(300), 0),
            row("10", Some(0), 0),
            row("2", Some(-1), 0),
        ];
        assert!(rows.windows(2).all(|pair| order(&pair[0]) < order(&pair[1])));
        assert_eq!(order(&rows[2]), order(&row("1", Some(0), 1)));
    }
}
