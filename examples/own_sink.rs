//! Counts findings by account in a sink of its own: `cargo run --example own_sink -- sample-logs`.
#![expect(clippy::print_stdout, reason = "the counts are this program's output")]

use std::collections::BTreeMap;
use std::error::Error;

use roottrail::error::ObjectError;
use roottrail::filter::Filter;
use roottrail::finding::Finding;
use roottrail::output::sink::{Sink, SinkError};
use roottrail::pipeline::Run;
use roottrail::{rules::TrustedNetworks, scan::options::ScanOptions, source::disk::DiskSource};

#[derive(Default)]
struct Accounts(BTreeMap<Option<String>, u64>);

impl Sink for Accounts {
    fn finding(&mut self, finding: Finding) -> Result<(), SinkError> {
        *self.0.entry(finding.account_id).or_default() += 1;
        Ok(())
    }

    fn error(&mut self, error: &ObjectError) -> Result<(), SinkError> {
        println!("not read: {error}");
        Ok(())
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    let sources = std::env::args_os().skip(1).map(|name| Box::new(DiskSource::new(&name)) as _).collect();
    let (options, trusted, keep) = (&ScanOptions::default(), &TrustedNetworks::default(), &Filter::default());
    let mut sink = Accounts::default();
    Run { sources, options, checkpoint: None, trusted, keep, sink: &mut sink, observer: &mut () }
        .execute()?;
    println!("{:#?}", sink.0);
    Ok(())
}
