//! Each sentence that `explain` prints of a rule is true of the record before it. The program prints it; whether it
//! is true is decided here, from the record's own JSON, by predicates that know nothing of the rules' code.

use crate::support::cli::{Folder, command, roottrail, scan};
use crate::support::logs::records;
use crate::verdicts::corpus;
use roottrail::rules::{self, Api, Rule};
use serde_json::{Value, json};

/// What the sentences are about.
struct Event<'e> {
    record: &'e Value,
    /// What a scan found of it; `Null` where nothing.
    finding: &'e Value,
}

impl Event<'_> {
    fn text(&self, path: &str) -> Option<&str> {
        path.split('.').try_fold(self.record, |value, key| value.get(key))?.as_str()
    }

    fn is(&self, path: &str, word: &str) -> bool {
        self.text(path).is_some_and(|text| text.eq_ignore_ascii_case(word))
    }

    fn yes(&self, path: &str) -> bool {
        let value = path.split('.').try_fold(self.record, |value, key| value.get(key));
        value.is_some_and(|value| *value == json!(true) || self.is(path, "true"))
    }

    fn no(&self, path: &str) -> bool {
        let value = path.split('.').try_fold(self.record, |value, key| value.get(key));
        value.is_some_and(|value| *value == json!(false) || self.is(path, "false"))
    }

    fn kind(&self) -> &str {
        self.finding["identity"]["kind"].as_str().unwrap_or("not_root")
    }

    fn sign_in(&self, outcome: &str, mfa: &[&str]) -> bool {
        self.finding["outcome"] == outcome
            && mfa.contains(&self.finding["mfa"]["status"].as_str().unwrap_or_default())
            && (outcome == "failure" || self.kind() != "root_federated")
    }

    fn omitted(&self) -> bool {
        self.yes("requestParameters.omitted")
    }

    /// The user that the request names, or where it was left out the response; `None`: nobody can tell.
    fn user(&self) -> Option<&str> {
        let named = |path: &str| self.text(path).filter(|name| !name.is_empty()).unwrap_or("AWS ROOT USER");
        if !self.omitted() {
            return Some(named("requestParameters.userName"));
        }
        ["accessKey", "loginProfile", "certificate", "sSHPublicKey", "serviceSpecificCredential"]
            .iter()
            .find(|made| {
                let made = self.record["responseElements"].get(made);
                made.and_then(Value::as_object).is_some_and(|made| !made.is_empty())
            })
            .map(|made| named(&format!("responseElements.{made}.userName")))
    }

    fn roots_device(&self) -> Option<bool> {
        let by_name =
            |name: &str| name.ends_with("mfa/root-account-mfa-device") || name.contains("u2f/root-account/");
        let made = self.text("responseElements.virtualMFADevice.serialNumber").map(by_name);
        if self.omitted() {
            return made;
        }
        Some(match self.text("requestParameters.userName") {
            Some(name) => name == "AWS ROOT USER",
            None => {
                self.is("eventName", "DeactivateMFADevice")
                    || made == Some(true)
                    || self.text("requestParameters.serialNumber").is_some_and(by_name)
                    || self.is("requestParameters.virtualMFADeviceName", "root-account-mfa-device")
            }
        })
    }

    fn is_of(&self, api: &Api) -> bool {
        let name = self.text("eventName").unwrap_or_default();
        let named = match api.name.split_once('*') {
            Some((head, tail)) => {
                name.len() >= head.len() + tail.len() && name.starts_with(head) && name.ends_with(tail)
            }
            None => name == api.name,
        };
        let host = |end: &str| self.text("eventSource") == Some(&format!("{}{end}", api.service));
        named && (api.service.is_empty() || host(".amazonaws.com") || host(".amazonaws.com.cn"))
    }
}

fn open_range(value: &Value) -> bool {
    let text = value.to_string();
    text.contains(r#""0.0.0.0/0""#) || text.contains(r#""::/0""#)
}

type Truth = fn(&Event<'_>) -> bool;

/// Every sentence of the rules, and when it is true.
const SENTENCES: &[(&str, Truth)] = &[
    ("it succeeded, MFA was not used, and the session is not a federated one", |e| {
        e.sign_in("success", &["not_used"])
    }),
    ("it succeeded, MFA was used, and the session is not a federated one", |e| {
        e.sign_in("success", &["used"])
    }),
    (
        "it succeeded, the record does not say whether root used MFA, and the session is not a federated one",
        |e| e.sign_in("success", &["unknown", "not_applicable"]),
    ),
    ("it failed although MFA was used", |e| e.sign_in("failure", &["used"])),
    ("it did not succeed", |e| e.finding["outcome"] == "failure"),
    ("the request names no user but root (where its parameters were left out, the response does not)", |e| {
        e.user().is_none_or(|name| name == "AWS ROOT USER")
    }),
    (
        "the request names a user other than root (where its parameters were left out, the response does, or there is none to tell)",
        |e| e.user().is_none_or(|name| name != "AWS ROOT USER"),
    ),
    ("status is Active, or the parameters were left out", |e| {
        e.omitted() || e.is("requestParameters.status", "Active")
    }),
    ("userIdentity.accessKeyId starts with AKIA", |e| {
        e.text("userIdentity.accessKeyId").is_some_and(|key| key.starts_with("AKIA"))
    }),
    ("additionalEventData.AuthenticationMethod is QueryString", |e| {
        e.is("additionalEventData.AuthenticationMethod", "QueryString")
    }),
    ("additionalEventData.SignatureVersion is SigV2", |e| {
        e.is("additionalEventData.SignatureVersion", "SigV2")
    }),
    (
        "the user is AWS ROOT USER, or the device is root's by its name, or DeactivateMFADevice names no user, or the parameters were left out and the response names no device",
        |e| e.roots_device() != Some(false),
    ),
    ("the device is not known to be root's", |e| e.roots_device() != Some(true)),
    ("it succeeded, and names a device, which is virtual", |e| {
        e.finding["outcome"] == "success" && e.finding["mfa"]["device"] == "virtual"
    }),
    ("the session's issuer is root and the caller itself is not of type Root", |e| {
        let issuer = "userIdentity.sessionContext.sessionIssuer";
        let root_arn = e.text(&format!("{issuer}.arn")).is_some_and(|arn| arn.ends_with(":root"));
        let issued = e.is(&format!("{issuer}.type"), "Root")
            || (e.is("userIdentity.type", "FederatedUser") && root_arn);
        issued && !e.is("userIdentity.type", "Root")
    }),
    ("anybody calls it, root or not", |_| true),
    ("the session came from AssumeRoot (identity.kind is root_assume_root_session)", |e| {
        e.kind() == "root_assume_root_session"
    }),
    ("the record names no type of policy, or a service or resource control policy", |e| {
        let text = e.record.to_string();
        let other = ["TAG", "BACKUP", "AISERVICES_OPT_OUT", "CHATBOT", "DECLARATIVE"];
        !other.iter().any(|kind| text.contains(&format!(r#""{kind}_POLICY"#)))
    }),
    ("enable is false, or the parameters were left out", |e| e.omitted() || e.no("requestParameters.enable")),
    (
        "the request holds 0.0.0.0/0 or ::/0, or leaves its parameters out and the response shows no narrower range",
        |e| {
            let answered = &e.record["responseElements"]["securityGroupRuleSet"];
            open_range(&e.record["requestParameters"])
                || (e.omitted() && (answered.is_null() || open_range(answered)))
        },
    ),
    ("withDecryption is true, or the parameters were left out", |e| {
        e.omitted() || e.yes("requestParameters.withDecryption")
    }),
    (
        "root's account is not recipientAccountId, or the type is AWSAccount and nothing says that the account is the record's own",
        |e| {
            let arn =
                e.text("userIdentity.arn").and_then(|arn| arn.split(':').nth(4)).filter(|id| !id.is_empty());
            let own = e.text("userIdentity.accountId").filter(|id| !id.is_empty()).or(arn);
            match (own, e.text("recipientAccountId").filter(|id| !id.is_empty())) {
                (Some(own), Some(recipient)) => own != recipient,
                _ => e.is("userIdentity.type", "AWSAccount"),
            }
        },
    ),
    ("the actor is root in one of its five forms", |e| e.kind().starts_with("root_")),
    ("the attempt failed", |e| e.finding["attempt"] == true),
    ("the call only reads", |e| {
        let verbs = ["Get", "List", "Describe", "Head", "BatchGet", "Lookup", "Search"];
        let name = e.text("eventName").unwrap_or_default();
        e.yes("readOnly")
            || (e.record.get("readOnly").is_none_or(Value::is_null)
                && e.is("eventType", "AwsVpceEvent")
                && verbs.iter().any(|verb| name.starts_with(verb)))
    }),
    ("it is a sign-in to a directory, logged as Root", |e| {
        let names = [
            "ExternalIdPDirectoryLogin",
            "UserAuthentication",
            "CredentialChallenge",
            "CredentialVerification",
        ];
        names.contains(&e.text("eventName").unwrap_or_default())
            && (e.is("eventSource", "signin.amazonaws.com") || e.is("eventType", "AwsConsoleSignIn"))
    }),
    ("the task is IAMAuditRootUserCredentials", |e| {
        e.record["requestParameters"]["taskPolicyArn"]
            .to_string()
            .contains("root-task/IAMAuditRootUserCredentials\"")
    }),
];

fn truth(sentence: &str, event: &Event<'_>) -> bool {
    let (_, truth) = SENTENCES
        .iter()
        .find(|(known, _)| *known == sentence)
        .unwrap_or_else(|| panic!("nobody can say whether this is true: {sentence}"));
    truth(event)
}

/// Events of every kind: the corpora, and each rule's examples.
fn events() -> Vec<Value> {
    let mut events: Vec<Value> = corpus().into_iter().map(|row| row.event).collect();
    for rule in rules::all() {
        for example in [rule.example.matching, rule.example.other] {
            events.push(serde_json::from_str(example).unwrap());
        }
    }
    for more in [
        r#"{"userIdentity":{"type":"FederatedUser","accountId":"1","sessionContext":{"sessionIssuer":{"type":"Root"},"assumedRoot":"true"}},"eventName":"ConsoleLogin","eventSource":"signin.amazonaws.com","additionalEventData":{"MFAUsed":"No"},"responseElements":{"ConsoleLogin":"Success"}}"#,
        r#"{"userIdentity":{"type":"Root","sessionContext":{"assumedRoot":"true"}},"eventName":"ConsoleLogin","eventSource":"signin.amazonaws.com","responseElements":{"ConsoleLogin":"Success"}}"#,
        r#"{"userIdentity":{"type":"Root"},"eventName":"CreateAccessKey","eventSource":"iam.amazonaws.com","requestParameters":{"userName":"AWS ROOT USER"}}"#,
        r#"{"userIdentity":{"type":"Root"},"eventName":"UpdateDetector","eventSource":"guardduty.amazonaws.com.cn","requestParameters":{"enable":"false"}}"#,
        r#"{"userIdentity":{"type":"Root"},"eventName":"DisableX","eventSource":"securityhub.amazonaws.com"}"#,
        r#"{"userIdentity":{"type":"Root"},"eventName":"Put","eventSource":"s3.amazonaws.com"}"#,
        "{}",
    ] {
        events.push(serde_json::from_str(more).unwrap());
    }
    for (n, event) in events.iter_mut().enumerate() {
        event["eventID"] = json!(format!("00000000-7777-4000-8000-{n:012}"));
    }
    events
}

/// One line about one rule.
fn check(rule: &Rule, said: &str, event: &Event<'_>) -> Result<(), String> {
    let fits = rule.events.iter().any(|api| event.is_of(api));
    let only = |expected: bool| {
        rule.events
            .iter()
            .filter(|api| event.is_of(api))
            .all(|api| api.only.is_none_or(|only| truth(only.when, event) == expected))
    };
    let true_of_it = match said.split_once(": ") {
        _ if said.starts_with("the run decides it: ") => said.ends_with(rule.when),
        _ if said == "it looks at root's own events only" => !event.kind().starts_with("root_"),
        _ if said.starts_with("the event is not ") => !fits,
        Some(("not so", sentence)) => rule.events.is_empty() && !truth(sentence, event),
        Some(("the event fits, but not so", sentence)) => fits && !truth(sentence, event),
        _ => {
            // The rule holds: its condition is printed, and those parts of it are true that can be checked
            // one by one.
            said == rule.condition()
                && (rule.events.is_empty() || (fits && only(true)))
                && (rule.when.is_empty() || truth(rule.when, event))
        }
    };
    if true_of_it { Ok(()) } else { Err(format!("{}: {said}: {}", rule.id, event.record)) }
}

#[test]
fn every_sentence_of_explain_is_true_of_its_record() {
    let events = events();
    let folder = Folder::new();
    let file = folder.put("events.json", records(events.iter().map(Value::to_string)));
    let mut found = vec![Value::Null; events.len()];
    for finding in scan([folder.path()]).findings {
        let place = finding["evidence"]["record_index"].as_u64().unwrap() as usize;
        found[place] = finding;
    }
    let mut explain = command();
    let done = explain.arg("explain").arg("-v").arg(&file).output().unwrap();
    assert!(done.status.success());
    // However the lines are folded.
    let text = String::from_utf8(done.stdout).unwrap().replace("\n      ", " ");
    let (mut lines, mut faults, mut not_so) = (0, Vec::new(), 0);
    for block in format!("\n{text}").split("\nevent ").skip(1) {
        let place: usize = block.split(':').next().unwrap().parse().unwrap();
        let event = Event { record: &events[place], finding: &found[place] };
        let Some((_, rest)) = block.split_once("\nRules that hold: ") else {
            assert!(event.finding.is_null(), "{block}");
            continue;
        };
        let mut named = 0;
        for line in rest.lines().skip(1) {
            let line = line.trim_start_matches("=>").trim();
            if line.is_empty() || line == "Rules that do not:" {
                continue;
            }
            let (head, said) = line.split_once(": ").unwrap();
            let (id, note) = head.split_once(" [").unwrap_or((head, ""));
            let rule = rules::by_id(id).unwrap_or_else(|| panic!("{line}"));
            named += 1;
            lines += 1;
            not_so += usize::from(said.contains("not so: "));
            faults.extend(check(rule, said, &event).err());
            if !note.is_empty() {
                for lowered in rule.lowered {
                    if note.contains(lowered.when) != truth(lowered.when, &event) {
                        faults.push(format!("{id} [{note}: {}", event.record));
                    }
                }
            }
        }
        assert_eq!(named, rules::all().count(), "{block}");
    }
    assert!(faults.is_empty(), "{} of {lines}:\n{}", faults.len(), faults.join("\n"));
    assert!(lines > 5000 && not_so > 500, "{lines} {not_so}");
}

/// The rules' own words, and nothing else, are in the table above.
#[test]
fn every_sentence_has_its_truth_and_the_other_way_round() {
    let mut used: Vec<&str> = Vec::new();
    for rule in rules::all().filter(|rule| rule.scope != rules::Scope::Run) {
        used.extend(rule.lowered.iter().map(|lowered| lowered.when));
        used.extend(rule.events.iter().filter_map(|api| api.only).map(|only| only.when));
        used.extend(Some(rule.when).filter(|when| !when.is_empty()));
    }
    for (sentence, _) in SENTENCES {
        assert!(used.contains(sentence), "no rule says: {sentence}");
    }
    for sentence in used {
        assert!(SENTENCES.iter().any(|(known, _)| *known == sentence), "nobody can say whether: {sentence}");
    }
    // Somebody who reads the list finds the same words.
    let shown = roottrail(["rules", "--format", "markdown"]).stdout;
    assert!(shown.contains("where the attempt failed"));
}
