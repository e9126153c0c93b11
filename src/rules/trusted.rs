//! The addresses from which root may act, and the rule that a success from elsewhere raises.
//!
//! The rule compares the source address of a success with the networks on the list. A source that is one of
//! AWS's own names (`cloudformation.amazonaws.com`, `AWS Internal`) does not raise the rule: a service passed
//! the call on, and the sign-in or call behind it has an event, with an address, of its own. The server for
//! agents is not such a name, since the call through it is the only event. Any other source that is no IP
//! address raises the rule, a missing one included: it cannot be shown to be trusted.

use std::net::IpAddr;

use ipnet::IpNet;

use super::run::UNTRUSTED_ADDRESS;
use crate::finding::{Finding, IdentityKind, Outcome};
use crate::judge::AGENT_PROXY;

/// The networks on the allow-list.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TrustedNetworks {
    networks: Vec<IpNet>,
}

/// An entry that is neither a network nor an address.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}`{text}` is neither an IP address nor a network like 198.51.100.0/24", line.map(|line| format!("line {line}: ")).unwrap_or_default())]
pub struct BadNetwork {
    /// The entry.
    pub text: String,
    /// The line in a file.
    pub line: Option<usize>,
}

impl TrustedNetworks {
    /// Adds a network, `198.51.100.0/24`, or one address.
    ///
    /// # Errors
    ///
    /// Fails where the text is neither.
    pub fn add(&mut self, text: &str) -> Result<(), BadNetwork> {
        let text = text.trim();
        let network = text
            .parse::<IpNet>()
            .or_else(|_| text.parse::<IpAddr>().map(IpNet::from))
            .map_err(|_| BadNetwork { text: text.to_owned(), line: None })?;
        self.networks.push(network);
        Ok(())
    }

    /// Adds the entries of a file: one a line, `#` starts a comment.
    ///
    /// # Errors
    ///
    /// Fails at the first line that is neither a network nor an address, and names the line.
    pub fn add_lines(&mut self, text: &str) -> Result<(), BadNetwork> {
        for (index, line) in text.lines().enumerate() {
            let entry = line.split('#').next().unwrap_or_default().trim();
            if !entry.is_empty() {
                self.add(entry).map_err(|bad| BadNetwork { line: Some(index + 1), ..bad })?;
            }
        }
        Ok(())
    }

    /// Returns the networks, as [`TrustedNetworks::add`] takes them.
    pub fn iter(&self) -> impl Iterator<Item = String> {
        self.networks.iter().map(ToString::to_string)
    }

    /// Returns whether there is no list, and so nothing to judge by.
    pub fn is_empty(&self) -> bool {
        self.networks.is_empty()
    }

    /// Returns whether the address is on the list. An IPv4 address may come mapped into IPv6.
    pub fn contains(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        self.networks.iter().any(|network| network.contains(&address))
    }

    /// Adds the rule to a success of root from elsewhere. Returns whether it was added.
    pub fn apply(&self, finding: &mut Finding) -> bool {
        let judged = !self.is_empty()
            && finding.outcome == Outcome::Success
            && finding.identity.kind != IdentityKind::AssumeRootCaller;
        judged
            && !self.vouches_for(finding.source.address.as_deref())
            && super::add(finding, UNTRUSTED_ADDRESS)
    }

    fn vouches_for(&self, address: Option<&str>) -> bool {
        let Some(address) = address.map(str::trim) else { return false };
        match address.parse::<IpAddr>() {
            Ok(ip) => self.contains(ip),
            Err(_) => is_aws_name(address),
        }
    }
}

fn is_aws_name(address: &str) -> bool {
    let host = |suffix: &str| {
        address.strip_suffix(suffix).is_some_and(|name| {
            !name.is_empty()
                && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'.')
        })
    };
    // A caller through the server for agents shows no address of their own.
    if address.eq_ignore_ascii_case(AGENT_PROXY) {
        return false;
    }
    address.eq_ignore_ascii_case("AWS Internal") || host(".amazonaws.com") || host(".amazonaws.com.cn")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::detect::testing::judged;

    fn list(entries: &[&str]) -> TrustedNetworks {
        let mut list = TrustedNetworks::default();
        for entry in entries {
            list.add(entry).unwrap();
        }
        list
    }

    fn from(address: &str, more: &str) -> Finding {
        judged(&format!(
            r#"{{"userIdentity":{{"type":"Root"}},"eventName":"CreateVpc","sourceIPAddress":{address}{more}}}"#
        ))
        .unwrap()
    }

    #[test]
    fn a_success_from_elsewhere_raises_the_rule() {
        let trusted = list(&["198.51.100.0/24", "203.0.113.9", "2001:db8::/32"]);
        for (address, raised) in [
            (r#""198.51.100.7""#, false),
            (r#""::ffff:198.51.100.7""#, false),
            (r#""203.0.113.9""#, false),
            (r#""2001:db8::1""#, false),
            (r#""203.0.113.10""#, true),
            (r#""2001:db9::1""#, true),
            (r#""AWS Internal""#, false),
            (r#""cloudformation.amazonaws.com""#, false),
            (r#""resource-explorer-2.amazonaws.com""#, false),
            (r#""s3.eu-west-1.amazonaws.com""#, false),
            (r#""ec2.amazonaws.com.cn""#, false),
            (r#""aws-mcp.amazonaws.com""#, true),
            (r#""evil.example""#, true),
            (r#"".amazonaws.com""#, true),
            (r#""a b.amazonaws.com""#, true),
            (r#""""#, true),
            ("null", true),
            ("{}", true),
        ] {
            let mut finding = from(address, "");
            assert_eq!(trusted.apply(&mut finding), raised, "{address}");
            assert_eq!(finding.rules.iter().any(|rule| rule == UNTRUSTED_ADDRESS), raised, "{address}");
        }
    }

    #[test]
    fn failures_callers_and_an_empty_list_raise_nothing() {
        let trusted = list(&["198.51.100.0/24"]);
        assert!(!trusted.apply(&mut from(r#""203.0.113.7""#, r#","errorCode":"AccessDenied""#)));
        assert!(!TrustedNetworks::default().apply(&mut from(r#""203.0.113.7""#, "")));
        let mut caller = judged(
            r#"{"userIdentity":{"type":"IAMUser"},"eventName":"AssumeRoot","eventSource":"sts.amazonaws.com","sourceIPAddress":"203.0.113.7"}"#,
        )
        .unwrap();
        assert!(!trusted.apply(&mut caller));
    }

    #[test]
    fn files_may_hold_comments() {
        let mut trusted = TrustedNetworks::default();
        trusted.add_lines("# offices\n198.51.100.0/24 # Bern\n\n  2001:db8::/32\r\n").unwrap();
        assert!(trusted.contains("198.51.100.1".parse().unwrap()));
        let bad = trusted.add_lines("198.51.100.0/24\n300.1.1.1").unwrap_err();
        assert_eq!(
            bad.to_string(),
            "line 2: `300.1.1.1` is neither an IP address nor a network like 198.51.100.0/24"
        );
    }
}
