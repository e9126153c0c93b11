//! Virtual MFA devices: outputs of `aws iam list-virtual-mfa-devices`.

use std::collections::BTreeMap;

use serde_json::Value;

use super::names;
use super::problem::{Problem, ProblemKind};

/// Whether the root user of an account has a virtual device, for each account that a list was read of.
#[derive(Clone, Debug, Default)]
pub(super) struct Devices {
    pub(super) virtual_of_root: BTreeMap<String, bool>,
    /// A list without a word on its account was read: it is of the only account, if there is just one.
    pub(super) nameless: bool,
    /// Whether any list was read.
    pub(super) given: bool,
}

impl Devices {
    /// Reads one file.
    pub(super) fn read(&mut self, file: &str, text: &str) -> Vec<Problem> {
        let mut problems = Vec::new();
        let mut bad = |line: Option<u64>, text: String| {
            problems.push(Problem::new(file, line, ProblemKind::BadDevices, text));
        };
        let mut documents = 0;
        for value in serde_json::Deserializer::from_str(text).into_iter::<Value>() {
            documents += 1;
            let value = match value {
                Ok(value) => value,
                Err(error) => {
                    bad(Some(error.line() as u64), format!("it is no JSON: {error}"));
                    break;
                }
            };
            let lists = match &value {
                Value::Array(lists) => lists.iter().collect(),
                value => vec![value],
            };
            for list in lists {
                match list.get("VirtualMFADevices").and_then(Value::as_array) {
                    Some(devices) => self.list(file, list, devices, &mut bad),
                    None => bad(
                        None,
                        "it has no VirtualMFADevices: no answer of aws iam list-virtual-mfa-devices".into(),
                    ),
                }
            }
        }
        if documents == 0 {
            bad(None, "it is empty".into());
        }
        problems
    }

    fn list(
        &mut self,
        file: &str,
        list: &Value,
        devices: &[Value],
        bad: &mut dyn FnMut(Option<u64>, String),
    ) {
        self.given = true;
        let mut of_somebody = false;
        for device in devices {
            let text = |name: &str| device.get(name).and_then(Value::as_str).unwrap_or_default();
            let serial = text("SerialNumber");
            let user = device.pointer("/User/Arn").and_then(Value::as_str).unwrap_or_default();
            let account = [user, serial]
                .into_iter()
                .find_map(|arn| arn.split(':').nth(4).filter(|account| names::is_account(account)));
            let Some(account) = account else {
                bad(None, format!("the device {serial:?} names no account"));
                continue;
            };
            of_somebody = true;
            // A device that was made and never enabled has neither a user nor a date.
            let enabled = device.get("EnableDate").is_some_and(|date| !date.is_null());
            let of_root = if user.is_empty() {
                enabled && serial.ends_with(":mfa/root-account-mfa-device")
            } else {
                user.ends_with(":root")
            };
            *self.virtual_of_root.entry(account.to_owned()).or_default() |= of_root;
        }
        let named = list.get("AccountId").and_then(Value::as_str).or_else(|| names::account(file));
        if let Some(account) = named.filter(|account| names::is_account(account)) {
            self.virtual_of_root.entry(account.to_owned()).or_default();
        } else if !of_somebody {
            self.nameless = true;
        }
    }

    /// Returns whether root's MFA in this account is virtual; `None` where no list of the account was read.
    pub(super) fn of(&self, account: &str, only_account: bool) -> Option<bool> {
        let named = self.virtual_of_root.get(account).copied();
        named.or((only_account && self.nameless).then_some(false))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn devices_of_root_differ_from_others() {
        let root = r#"{"SerialNumber":"arn:aws:iam::111122223333:mfa/root-account-mfa-device","EnableDate":"2025-11-18T03:07:31Z"}"#;
        let made = r#"{"SerialNumber":"arn:aws:iam::444455556666:mfa/root-account-mfa-device"}"#;
        let named = r#"{"SerialNumber":"arn:aws:iam::999988887777:mfa/phone","User":{"Arn":"arn:aws:iam::999988887777:root"},"EnableDate":"2025-11-18T03:07:31Z"}"#;
        let user = r#"{"SerialNumber":"arn:aws:iam::123456789012:mfa/alice","User":{"Arn":"arn:aws:iam::123456789012:user/alice"}}"#;
        let mut devices = Devices::default();
        let text =
            format!(r#"{{"VirtualMFADevices":[{root},{made}]}} {{"VirtualMFADevices":[{named},{user}]}}"#);
        assert_eq!(devices.read("devices.json", &text), []);
        let of = |devices: &Devices, account| devices.of(account, false);
        assert_eq!(of(&devices, "111122223333"), Some(true));
        assert_eq!(of(&devices, "444455556666"), Some(false));
        assert_eq!(of(&devices, "999988887777"), Some(true));
        assert_eq!(of(&devices, "123456789012"), Some(false));
        assert_eq!(of(&devices, "210987654321"), None);
        assert_eq!(devices.read("210987654321.json", r#"{"VirtualMFADevices":[]}"#), []);
        assert_eq!(of(&devices, "210987654321"), Some(false));
        assert_eq!(devices.read("x.json", "{}").len(), 1);
        assert_eq!(devices.read("x.json", "").len(), 1);
        assert_eq!(devices.read("x.json", "{").len(), 1);
    }
}
