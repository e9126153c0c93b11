//! Counters and findings, as a checkpoint holds them.
//!
//! [`SavedSummary`] holds the counters of an unfinished run. [`SavedFindings`] holds what recognises a copy
//! of an event that was written: ids and fingerprints, packed as base64 text, and the names of the objects,
//! deflated. Members that older versions lack have defaults, and members that older versions do not know are
//! passed over by them. Restoring checks every length, so that a damaged file is an error and not a wrong
//! count.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::coverage::{Coverage, Stop};
use crate::dedupe::{Dedupe, Known};
use crate::finding::{CredentialType, FindingId, MfaStatus, Severity};
use crate::history::pack::{
    BadPack, Parts, expand, from_text, put_name, put_number, squeeze, to_text, unreadable,
};
use crate::json::canonical::Fingerprint;
use crate::key::{KeyInfo, Skip};
use crate::scan::report::RecordCounts;
use crate::summary::{Bytes, FindingCounts, Highlights, OtherNames, Summary};

/// The counters of an unfinished run, without the objects that were passed over by their names: every attempt
/// counts those itself.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(super) struct SavedSummary {
    scanned: u64,
    failed: u64,
    without_events: u64,
    /// Names whose first bytes were looked at; empty in the file of an older roottrail.
    #[serde(default)]
    looked_at: OtherNames,
    records: [u64; 3],
    findings: [u64; 3],
    bytes: [u64; 2],
    errors: u64,
    by_severity: Vec<(Severity, u64)>,
    by_credential: Vec<(CredentialType, MfaStatus, u64)>,
    assume_root_callers: u64,
    stops: Vec<Stop>,
    /// Highlights; empty in the file of an older roottrail, so that a resumed run names only what came after.
    #[serde(default)]
    highlights: Highlights,
    elapsed_seconds: f64,
    /// The coverage rows, as deflated JSON.
    coverage: String,
}

#[derive(Serialize, Deserialize)]
struct Row {
    key: [String; 3],
    coverage: Coverage,
}

impl SavedSummary {
    pub(super) fn of(summary: &Summary) -> Result<Self, BadPack> {
        let rows: Vec<Row> = summary
            .coverage
            .iter()
            // Every attempt counts names itself, so rows of nothing but names are left out.
            .filter(|(_, coverage)| coverage.objects() + coverage.without_events > 0)
            .map(|(KeyInfo { account, region, day }, coverage)| Row {
                key: [account.clone(), region.clone(), day.clone()],
                coverage: *coverage,
            })
            .collect();
        let Summary { objects, records, findings, bytes, .. } = summary;
        Ok(Self {
            scanned: objects.scanned,
            failed: objects.failed,
            without_events: summary.skipped_by.get(&Skip::NotCloudtrail).copied().unwrap_or(0),
            looked_at: summary.looked_at.clone(),
            records: [records.scanned, records.matched, records.malformed],
            findings: [findings.written, findings.duplicates, findings.filtered],
            bytes: [bytes.compressed, bytes.uncompressed],
            errors: summary.errors,
            by_severity: summary.by_severity.iter().map(|(&severity, &n)| (severity, n)).collect(),
            by_credential: summary.by_credential.iter().map(|(&(kind, mfa), &n)| (kind, mfa, n)).collect(),
            assume_root_callers: summary.assume_root_callers,
            stops: summary.stops.clone(),
            highlights: summary.highlights.clone(),
            elapsed_seconds: summary.elapsed.as_secs_f64(),
            coverage: squeeze(&serde_json::to_vec(&rows).map_err(unreadable)?)?,
        })
    }

    pub(super) fn restore(&self) -> Result<Summary, BadPack> {
        let mut summary = Summary::default();
        summary.objects.scanned = self.scanned;
        summary.objects.failed = self.failed;
        let looked_at = self.looked_at.total();
        summary.objects.skipped = self.without_events + looked_at;
        if self.without_events > 0 {
            summary.skipped_by.insert(Skip::NotCloudtrail, self.without_events);
        }
        if looked_at > 0 {
            summary.skipped_by.insert(Skip::OtherName, looked_at);
        }
        summary.other_names.clone_from(&self.looked_at);
        summary.looked_at.clone_from(&self.looked_at);
        let [scanned, matched, malformed] = self.records;
        summary.records = RecordCounts { scanned, matched, malformed };
        let [written, duplicates, filtered] = self.findings;
        summary.findings = FindingCounts { written, duplicates, filtered };
        let [compressed, uncompressed] = self.bytes;
        summary.bytes = Bytes { compressed, uncompressed };
        summary.errors = self.errors;
        summary.by_severity = self.by_severity.iter().copied().collect();
        summary.by_credential = self.by_credential.iter().map(|&(kind, mfa, n)| ((kind, mfa), n)).collect();
        summary.assume_root_callers = self.assume_root_callers;
        summary.stops.clone_from(&self.stops);
        summary.highlights.clone_from(&self.highlights);
        summary.elapsed = Duration::try_from_secs_f64(self.elapsed_seconds).map_err(unreadable)?;
        if !self.coverage.is_empty() {
            let rows: Vec<Row> = serde_json::from_slice(&expand(&self.coverage)?).map_err(unreadable)?;
            for Row { key: [account, region, day], coverage } in rows {
                summary.coverage.insert(KeyInfo { account, region, day }, coverage);
            }
        }
        Ok(summary)
    }
}

/// The events that findings were written of, by which copies are recognised.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(super) struct SavedFindings {
    count: u64,
    /// Whether fingerprints have 16 bytes. An older roottrail wrote the first 8 of them.
    #[serde(default)]
    wide: bool,
    /// Ids and fingerprints of the records, 32 bytes each, object by object.
    seen: String,
    /// Ids of the events that only a damaged object held.
    damaged: String,
    /// Further versions of events, 32 bytes each.
    conflicts: String,
    /// The further versions that only a damaged object held: for each, the number of sound ones before it, in
    /// a byte or two. A version that is taken for sound, as in the file of an older roottrail, leaves a copy
    /// out but writes none twice.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    damaged_conflicts: String,
    /// Events whose first copy has an addendum, 32 bytes each: the id, and the fingerprint of the first copy
    /// without one, or 0. An older roottrail passes over these and takes each later copy for a conflicting
    /// one.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    amended: String,
    /// The objects that held the events, and the number of events in each, deflated.
    objects: String,
}

/// Bytes that the names of objects with findings may have in all. Each finding itself takes some kilobytes.
const NAMES: usize = 1 << 30;

impl SavedFindings {
    pub(super) fn of(dedupe: &Dedupe) -> Result<Self, BadPack> {
        let mut all = dedupe.known();
        // The order is that of the objects; within an object any fixed order will do.
        all.sort_unstable_by_key(|known| (known.uri, known.id));
        let (mut seen, mut damaged, mut objects) = (Vec::new(), Vec::new(), Vec::new());
        let mut counts = vec![0_u64; dedupe.uris().len()];
        for Known { id, fingerprint, uri, damaged: is_damaged } in &all {
            put(&mut seen, *id, *fingerprint);
            if let Some(count) = counts.get_mut(*uri as usize) {
                *count += 1;
            }
            if *is_damaged {
                damaged.extend_from_slice(&id.0.to_be_bytes());
            }
        }
        let mut before = "";
        for (uri, count) in dedupe.uris().iter().zip(counts) {
            put_name(&mut objects, before, uri);
            put_number(&mut objects, count);
            before = uri;
        }
        let mut further: Vec<_> = dedupe.conflicts().collect();
        further.sort_unstable_by_key(|(id, fingerprint, _)| (*id, *fingerprint));
        let (mut conflicts, mut damaged_conflicts, mut others) = (Vec::new(), Vec::new(), 0);
        for (id, fingerprint, is_damaged) in further {
            put(&mut conflicts, id, fingerprint);
            if is_damaged {
                put_number(&mut damaged_conflicts, others);
                others = 0;
            } else {
                others += 1;
            }
        }
        let mut all_amended: Vec<_> = dedupe.amended().collect();
        all_amended.sort_unstable_by_key(|(id, _)| *id);
        let mut amended = Vec::new();
        for (id, plain) in all_amended {
            put(&mut amended, id, plain.unwrap_or(Fingerprint(0)));
        }
        Ok(Self {
            count: all.len() as u64,
            wide: true,
            seen: to_text(&seen),
            damaged: to_text(&damaged),
            conflicts: to_text(&conflicts),
            damaged_conflicts: to_text(&damaged_conflicts),
            amended: to_text(&amended),
            objects: squeeze(&objects)?,
        })
    }

    pub(super) fn restore(&self) -> Result<Dedupe, BadPack> {
        let mut dedupe = Dedupe::default();
        let objects = if self.objects.is_empty() { Vec::new() } else { expand(&self.objects)? };
        let (seen, damaged, conflicts) =
            (from_text(&self.seen)?, from_text(&self.damaged)?, from_text(&self.conflicts)?);
        let (mut objects, mut seen) = (Parts(&objects), Parts(&seen));
        let mut damaged_ids = std::collections::HashSet::new();
        let mut damaged = Parts(&damaged);
        while !damaged.is_empty() {
            damaged_ids.insert(u128::from_be_bytes(damaged.take()?));
        }
        let mut name = String::new();
        let mut names = 0;
        while !objects.is_empty() {
            name = objects.name(&name)?;
            names += name.len();
            if names > NAMES {
                return Err(unreadable("the names of its objects expand without end"));
            }
            let uri = dedupe.add_uri(&name);
            for _ in 0..objects.number()? {
                let (id, fingerprint) = self.take(&mut seen)?;
                dedupe.add(Known { id, fingerprint, uri, damaged: damaged_ids.contains(&id.0) });
            }
        }
        let (mut conflicts, damaged) = (Parts(&conflicts), from_text(&self.damaged_conflicts)?);
        let mut damaged = Parts(&damaged);
        // The number of sound versions before the next damaged one.
        let next = |damaged: &mut Parts<'_>| match damaged.is_empty() {
            true => Ok(None),
            false => damaged.number().map(Some),
        };
        let mut others = next(&mut damaged)?;
        while !conflicts.is_empty() {
            let (id, fingerprint) = self.take(&mut conflicts)?;
            dedupe.add_conflict(id, fingerprint, others == Some(0));
            others = match others {
                Some(0) => next(&mut damaged)?,
                others => others.map(|others| others - 1),
            };
        }
        let amended = from_text(&self.amended)?;
        let mut amended = Parts(&amended);
        while !amended.is_empty() {
            let (id, plain) = self.take(&mut amended)?;
            dedupe.add_amended(id, (plain.0 != 0).then_some(plain));
        }
        if others.is_some() {
            return Err(unreadable("there are fewer versions of events than damaged ones"));
        }
        if !seen.is_empty() || dedupe.known().len() as u64 != self.count {
            return Err(unreadable("findings and their objects do not agree"));
        }
        Ok(dedupe)
    }

    fn take(&self, parts: &mut Parts<'_>) -> Result<(FindingId, Fingerprint), BadPack> {
        let id = FindingId(u128::from_be_bytes(parts.take()?));
        let fingerprint = match self.wide {
            true => Fingerprint(u128::from_be_bytes(parts.take()?)),
            false => Fingerprint::half(u64::from_be_bytes(parts.take()?)),
        };
        Ok((id, fingerprint))
    }
}

fn put(out: &mut Vec<u8>, id: FindingId, fingerprint: Fingerprint) {
    out.extend_from_slice(&id.0.to_be_bytes());
    out.extend_from_slice(&fingerprint.0.to_be_bytes());
}

#[cfg(test)]
mod tests {
    use super::*;

    fn known(conflicts: &[bool]) -> Dedupe {
        let mut dedupe = Dedupe::default();
        let uri = dedupe.add_uri("a.json");
        dedupe.add(Known { id: FindingId(7), fingerprint: Fingerprint(0), uri, damaged: true });
        for (n, &damaged) in (1..).zip(conflicts) {
            dedupe.add_conflict(FindingId(7), Fingerprint(n), damaged);
        }
        dedupe
    }

    #[test]
    fn damaged_versions_come_back() {
        for n in 0..64_u32 {
            let versions: Vec<bool> = (0..6).map(|bit| n >> bit & 1 == 1).collect();
            for versions in [&versions[..], &versions[..3]] {
                let dedupe = SavedFindings::of(&known(versions)).unwrap().restore().unwrap();
                let mut back: Vec<_> =
                    dedupe.conflicts().map(|(_, print, damaged)| (print.0, damaged)).collect();
                back.sort_unstable();
                assert_eq!(back, (1..).zip(versions.iter().copied()).collect::<Vec<_>>());
            }
        }
    }

    #[test]
    fn amended_events_come_back() {
        let mut dedupe = known(&[]);
        dedupe.add_amended(FindingId(7), Some(Fingerprint(3)));
        dedupe.add_amended(FindingId(9), None);
        let back = SavedFindings::of(&dedupe).unwrap().restore().unwrap();
        let mut back: Vec<_> = back.amended().map(|(id, plain)| (id.0, plain.map(|print| print.0))).collect();
        back.sort_unstable();
        assert_eq!(back, [(7, Some(3)), (9, None)]);
    }

    /// As version 1 wrote them.
    #[test]
    fn the_halves_of_an_older_file_are_known() {
        let mut dedupe = known(&[true]);
        dedupe.add_amended(FindingId(7), Some(Fingerprint(3)));
        let mut saved = SavedFindings::of(&dedupe).unwrap();
        let row = |print: u64| to_text(&[&7_u128.to_be_bytes()[..], &print.to_be_bytes()].concat());
        (saved.seen, saved.conflicts, saved.amended) = (row(5), row(6), row(8));
        let mut saved = serde_json::to_value(&saved).unwrap();
        assert!(saved.as_object_mut().unwrap().remove("wide").is_some());
        let back: SavedFindings = serde_json::from_value(saved).unwrap();
        let back = back.restore().unwrap();
        assert_eq!(back.known()[0].fingerprint, Fingerprint::half(5));
        assert!(back.conflicts().all(|conflict| conflict == (FindingId(7), Fingerprint::half(6), true)));
        assert!(back.amended().all(|one| one == (FindingId(7), Some(Fingerprint::half(8)))));
    }

    #[test]
    fn a_file_without_damaged_versions_takes_all_for_sound() {
        let mut saved = serde_json::to_value(SavedFindings::of(&known(&[true, false])).unwrap()).unwrap();
        assert!(saved.as_object_mut().unwrap().remove("damaged_conflicts").is_some());
        let saved: SavedFindings = serde_json::from_value(saved).unwrap();
        assert!(saved.restore().unwrap().conflicts().all(|(_, _, damaged)| !damaged));
        let mut odd = SavedFindings::of(&known(&[true])).unwrap();
        odd.damaged_conflicts = to_text(&[1]);
        assert!(odd.restore().is_err(), "more damaged versions than versions");
    }
}
