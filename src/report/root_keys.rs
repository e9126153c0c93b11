//! The access keys of one account's root: used from where, since when, how old.

use std::collections::HashMap;

use super::context::Context;
use super::event::{Issue, Issuer};
use super::model::KeyUse;
use super::row::Row;
use super::session::Opening;
use super::tally::Tally;
use super::time::{DAY, instant};

/// Keys of one account that are kept apart, and addresses of each.
const MOST_KEYS: usize = 10_000;
const MOST_ADDRESSES: usize = 20;

#[derive(Debug)]
struct Key {
    first: i64,
    last: i64,
    findings: u64,
    addresses: Tally,
}

#[derive(Debug, Default)]
pub(super) struct RootKeys {
    keys: HashMap<String, Key>,
}

impl RootKeys {
    /// Takes in the next finding of a key's use.
    pub(super) fn add(&mut self, row: &Row<'_>, now: i64) {
        if let Some(key) = self.keys.get_mut(row.access_key) {
            key.last = now;
            key.findings += 1;
            key.addresses.add(row.address);
        } else if self.keys.len() < MOST_KEYS {
            let mut key = Key { first: now, last: now, findings: 1, addresses: Tally::new(MOST_ADDRESSES) };
            key.addresses.add(row.address);
            self.keys.insert(row.access_key.to_owned(), key);
        }
    }

    /// Returns the keys, with their age where a finding or the posture tells when they were made.
    pub(super) fn uses<'k>(
        self,
        account: &'k str,
        issued: &'k HashMap<String, Issue>,
        context: &Context,
    ) -> impl Iterator<Item = KeyUse> + use<'k> {
        let reported = context.accounts.get(account).and_then(|known| known.key_made);
        self.keys.into_iter().map(move |(id, key)| {
            let issue =
                issued.get(&id).filter(|issue| issue.by == Issuer::AccessKey && issue.account == account);
            // A key that was made after its first use is another one.
            let reported = reported.filter(|made| *made <= key.first);
            let created = issue.map_or(reported, |issue| issue.time);
            KeyUse {
                access_key_id: id,
                account_id: account.to_owned(),
                created_by: issue.map(Opening::of),
                created: created.map(instant),
                first_used: instant(key.first),
                last_used: instant(key.last),
                findings: key.findings,
                age_days: created.map(|created| (key.last - created).max(0) / DAY),
                addresses: key.addresses.counts(),
            }
        })
    }
}
