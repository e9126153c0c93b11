//! The addresses that findings came from.

use std::cmp::Reverse;
use std::collections::HashMap;

use super::model::AddressUse;
use super::row::Row;
use super::time::instant;
use crate::finding::Severity;

/// Addresses that are kept apart.
pub(super) const MOST_ADDRESSES: usize = 100_000;

#[derive(Debug)]
struct Address {
    findings: u64,
    failed: u64,
    severity: Severity,
    accounts: u64,
    last_account: String,
    first: i64,
    last: i64,
}

/// Counts findings by address. They come account by account.
#[derive(Debug, Default)]
pub(super) struct Addresses {
    all: HashMap<String, Address>,
    /// Findings from further addresses.
    pub(super) beyond: u64,
}

impl Addresses {
    pub(super) fn add(&mut self, row: &Row<'_>, now: i64) {
        if row.address.is_empty() {
            return;
        }
        if let Some(known) = self.all.get_mut(row.address) {
            known.findings += 1;
            known.failed += u64::from(row.failed);
            known.severity = known.severity.max(row.severity);
            (known.first, known.last) = (known.first.min(now), known.last.max(now));
            if known.last_account != row.account {
                known.accounts += 1;
                row.account.clone_into(&mut known.last_account);
            }
        } else if self.all.len() < MOST_ADDRESSES {
            let address = Address {
                findings: 1,
                failed: u64::from(row.failed),
                severity: row.severity,
                accounts: 1,
                last_account: row.account.to_owned(),
                first: now,
                last: now,
            };
            self.all.insert(row.address.to_owned(), address);
        } else {
            self.beyond += 1;
        }
    }

    pub(super) fn count(&self) -> u64 {
        self.all.len() as u64
    }

    /// Returns when an address was seen first.
    pub(super) fn first(&self, address: &str) -> Option<i64> {
        self.all.get(address).map(|address| address.first)
    }

    /// Returns the addresses with the most serious findings.
    pub(super) fn uses(&self, most: usize) -> Vec<AddressUse> {
        let mut all: Vec<(&String, &Address)> = self.all.iter().collect();
        all.sort_by_key(|(name, one)| {
            (Reverse(one.severity), Reverse(one.accounts), Reverse(one.findings), name.as_str())
        });
        all.into_iter()
            .take(most)
            .map(|(name, one)| AddressUse {
                address: name.clone(),
                findings: one.findings,
                failed: one.failed,
                severity: one.severity,
                accounts: one.accounts,
                first: instant(one.first),
                last: instant(one.last),
            })
            .collect()
    }
}
