//! What `fuzz/` asks of the readers of a server's answers.

use std::sync::LazyLock;
use std::time::Duration;

use super::answer::{Failure, ItemResult};
use super::http::{Client, Endpoint, Reply};
use super::{elastic, splunk};

static CLIENT: LazyLock<Client> = LazyLock::new(|| {
    let endpoint = Endpoint { url: "http://127.0.0.1:1".parse().unwrap(), secret: None, ca_file: None };
    Client::new(&endpoint, Duration::from_secs(1), false).unwrap()
});

/// Reads an answer to a batch of `count` findings as each kind of server's.
///
/// # Panics
///
/// Panics where a finding counts as delivered of which the answer does not say so, and where the answer names a finding
/// that is not in the batch.
pub fn answer(status: u16, body: &[u8], count: usize) {
    let reply = Reply { status, retry_after: None, body: body.to_vec().into() };
    let taken = (200..300).contains(&status);
    // What is not read need not be UTF-8.
    let text = String::from_utf8_lossy(body);
    let json = serde_json::from_str::<serde_json::Value>(&text).unwrap_or_default();
    for (sent, is_elastic) in
        [(elastic::judge(&CLIENT, &reply, count), true), (splunk::judge(&CLIENT, &reply, count), false)]
    {
        match sent {
            Ok(sent) => {
                assert!(taken && sent.verdicts.len() == count, "{sent:?}");
                for (at, verdict) in sent.verdicts.iter().enumerate() {
                    if matches!(verdict, ItemResult::Delivered) {
                        let said = match is_elastic {
                            true => json["items"][at].as_object().and_then(|item| item.values().next()),
                            false => Some(&json),
                        };
                        let name = if is_elastic { "status" } else { "code" };
                        let code = said.and_then(|said| said[name].as_u64());
                        let fine = code.is_some_and(|code| match is_elastic {
                            true => (200..300).contains(&code),
                            false => [0, 24, 25].contains(&code),
                        });
                        assert!(fine, "{at}: {json}");
                    }
                }
            }
            Err(Failure::Spoilt(at, _)) => assert!(at < count),
            Err(_) => {}
        }
    }
}
