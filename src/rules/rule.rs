//! The definition of a rule.
//!
//! A [`Rule`] is data: the events that it looks at, a further condition as a function, and the words for
//! people. A rule holds for a judged record if the actor is in its [`Scope`], the event is one of its
//! [`Api`]s, and the condition is true. [`Rule::why_not`] names the first of these that fails, for `explain`.
//! The severity is fixed but for the cases in `lowered`. Every rule carries an example for which it holds and
//! one for which it does not, and the tests run both. The module `short` has constructors that keep the
//! tables of the families readable.

use std::fmt;

use serde::Serialize;

use crate::finding::{Finding, IdentityKind, Outcome, Severity};
use crate::judge::{Record, Verdict};

/// One signal: when it holds, how much it matters, why, and what to do next.
#[derive(Debug)]
pub struct Rule {
    /// The id: kebab-case, stable.
    pub id: &'static str,
    /// The title: a few words.
    pub title: &'static str,
    /// The title where the attempt failed; empty where the rule holds for successes only, or where `title`
    /// itself says that the attempt failed.
    pub tried: &'static str,
    /// The severity where nothing in `lowered` applies.
    pub severity: Severity,
    /// The cases in which the rule weighs less.
    pub lowered: &'static [Lowered],
    /// ATT&CK techniques.
    pub attack: &'static [&'static str],
    /// The condition in words, beyond the events; empty where the events are the whole condition.
    pub when: &'static str,
    /// The reason why the rule matters, in one sentence.
    pub reason: &'static str,
    /// The next step for the reader.
    pub next: &'static str,
    /// The checks and rules of others that this rule covers.
    pub references: &'static [Reference],
    /// The actors whose events the rule looks at.
    pub scope: Scope,
    /// The events that the rule looks at; empty for all.
    pub events: &'static [Api],
    /// The rest of the condition.
    pub holds: fn(&Case<'_>) -> bool,
    /// One event for which the rule holds and one for which it does not.
    pub example: Example,
}

/// A judged record, as rules see it.
#[derive(Clone, Copy, Debug)]
pub struct Case<'a> {
    /// The record.
    pub record: &'a Record<'a>,
    /// The verdict of the decision table.
    pub verdict: &'a Verdict,
    /// The event's name, read once for all rules.
    name: &'a str,
    service: Option<&'a str>,
}

/// The actors whose events a rule looks at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// Root, in any of its five forms.
    Root,
    /// Root, and callers of `AssumeRoot`.
    RootOrCaller,
    /// No single record: the run compares it with something else, and adds the rule.
    Run,
}

/// An event by service and name.
#[derive(Clone, Copy, Debug)]
pub struct Api {
    /// The service, such as `iam` of `iam.amazonaws.com`; empty for any.
    pub service: &'static str,
    /// The event's name; one `*` stands for any letters.
    pub name: &'static str,
    /// A further condition on this one event.
    pub only: Option<Only>,
}

/// A condition on one of a rule's events.
#[derive(Clone, Copy, Debug)]
pub struct Only {
    /// The condition in words.
    pub when: &'static str,
    /// The condition.
    pub holds: fn(&Case<'_>) -> bool,
}

/// A case in which a rule weighs less than its severity says.
#[derive(Debug)]
pub struct Lowered {
    /// The lower severity.
    pub to: Severity,
    /// The case in words.
    pub when: &'static str,
    /// The case.
    pub applies: fn(&Finding) -> bool,
}

/// The part of a rule that does not fit a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WhyNot {
    /// No record decides the rule: the run does.
    Run,
    /// The actor is not one that the rule looks at.
    Actor,
    /// The event is not one that the rule looks at.
    Event,
    /// The event fits, but this part of the condition does not hold.
    Condition(&'static str),
}

/// One event for which a rule holds and one for which it does not, as JSON.
#[derive(Clone, Copy, Debug)]
pub struct Example {
    /// An event for which the rule holds.
    pub matching: &'static str,
    /// An event for which the rule does not hold.
    pub other: &'static str,
}

/// A check or rule of another system.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Reference {
    /// The system.
    pub system: System,
    /// The name that the system uses.
    pub name: &'static str,
}

/// The systems that rules refer to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub enum System {
    /// CIS AWS Foundations Benchmark.
    #[serde(rename = "CIS")]
    Cis,
    /// Amazon GuardDuty.
    GuardDuty,
    /// AWS Config managed rules.
    #[serde(rename = "AWS-Config")]
    AwsConfig,
    /// SigmaHQ, and Suzaku, which runs SigmaHQ's rules.
    Sigma,
    /// elastic/detection-rules.
    Elastic,
    /// panther-labs/panther-analysis.
    Panther,
    /// falcosecurity/plugins.
    Falco,
    /// Tailpipe's CloudTrail detections.
    Tailpipe,
    /// splunk/security_content.
    Splunk,
    /// Netskope CSPM.
    Netskope,
    /// AWS Security Hub and AWS's own guides.
    #[serde(rename = "AWS")]
    Aws,
}

impl fmt::Display for System {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            System::Cis => "CIS",
            System::GuardDuty => "GuardDuty",
            System::AwsConfig => "AWS-Config",
            System::Sigma => "Sigma",
            System::Elastic => "Elastic",
            System::Panther => "Panther",
            System::Falco => "Falco",
            System::Tailpipe => "Tailpipe",
            System::Splunk => "Splunk",
            System::Netskope => "Netskope",
            System::Aws => "AWS",
        })
    }
}

impl Rule {
    /// Returns whether the rule holds for a judged record. Rules of [`Scope::Run`] never do.
    pub fn matches(&self, case: &Case<'_>) -> bool {
        self.why_not(case).is_none()
    }

    /// Returns whether the rule looks at events of this actor at all.
    pub fn in_scope(&self, case: &Case<'_>) -> bool {
        match (self.scope, case.verdict.identity) {
            (Scope::Run, _) | (_, None) | (Scope::Root, Some(IdentityKind::AssumeRootCaller)) => false,
            (Scope::Root | Scope::RootOrCaller, Some(_)) => true,
        }
    }

    /// Returns why the rule does not hold for a judged record; `None`: it does hold.
    pub fn why_not(&self, case: &Case<'_>) -> Option<WhyNot> {
        if self.scope == Scope::Run {
            return Some(WhyNot::Run);
        }
        if !self.in_scope(case) {
            return Some(WhyNot::Actor);
        }
        let unmet = match self.events.is_empty() {
            true => None,
            false => match self.unmet(case) {
                Some(unmet) => unmet,
                None => return Some(WhyNot::Event),
            },
        };
        let failed = unmet.or_else(|| (!(self.holds)(case)).then_some(self.when));
        failed.map(WhyNot::Condition)
    }

    /// Returns the condition of the record's event that does not hold. The outer `None` says that the event
    /// is none of the rule's.
    fn unmet(&self, case: &Case<'_>) -> Option<Option<&'static str>> {
        let mut fitting = self.events.iter().filter(|api| api.is(case)).peekable();
        fitting.peek()?;
        let mut unmet = None;
        for api in fitting {
            match api.only {
                Some(only) if !(only.holds)(case) => unmet = Some(only.when),
                _ => return Some(None),
            }
        }
        Some(unmet)
    }

    /// Returns the title for an attempt that failed, or for a success.
    pub fn title_of(&self, failed: bool) -> &'static str {
        if failed && !self.tried.is_empty() { self.tried } else { self.title }
    }

    /// Returns the whole condition in words.
    pub fn condition(&self) -> String {
        let events: Vec<String> = self.events.iter().map(ToString::to_string).collect();
        match (events.join(" or "), self.when) {
            (events, when) if events.is_empty() => when.to_owned(),
            (events, "") => events,
            (events, when) => format!("{events}, where {when}"),
        }
    }

    /// Returns the severity in this finding.
    pub fn severity_in(&self, finding: &Finding) -> Severity {
        let lowered =
            self.lowered.iter().filter(|lowered| (lowered.applies)(finding)).map(|lowered| lowered.to);
        lowered.min().map_or(self.severity, |to| to.min(self.severity))
    }
}

impl Api {
    /// Returns whether the record is this event, without regard to `only`.
    pub fn is(&self, case: &Case<'_>) -> bool {
        let name = case.name;
        let named = match self.name.split_once('*') {
            None => name == self.name,
            Some((head, tail)) => name.strip_prefix(head).is_some_and(|rest| rest.ends_with(tail)),
        };
        named && (self.service.is_empty() || case.service == Some(self.service))
    }
}

impl fmt::Display for Api {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.service.is_empty() {
            write!(f, "{}:", self.service)?;
        }
        f.write_str(self.name)?;
        match self.only {
            Some(only) => write!(f, " ({})", only.when),
            None => Ok(()),
        }
    }
}

impl<'a> Case<'a> {
    /// Returns the case of a record and its verdict.
    pub fn new(record: &'a Record<'a>, verdict: &'a Verdict) -> Self {
        Self { record, verdict, name: record.event_name(), service: record.service() }
    }

    /// Returns whether the action succeeded.
    pub fn succeeded(&self) -> bool {
        self.verdict.outcome == Outcome::Success
    }

    /// Returns whether a parameter is this word, or cannot be known because CloudTrail left the parameters
    /// out.
    pub(super) fn parameter_may_be(&self, path: &str, word: &str) -> bool {
        self.record.parameters_are_omitted() || self.record.is_any(path, &[word])
    }
}

/// Short forms for the tables of the families.
pub(super) mod short {
    use super::{Api, Case, Example, Lowered, Only, Reference, Rule, Scope, System};
    use crate::finding::{Finding, Severity};

    fn failed(finding: &Finding) -> bool {
        finding.attempt
    }

    fn always(_: &Case<'_>) -> bool {
        true
    }

    pub(in crate::rules) const fn if_failed(to: Severity) -> Lowered {
        Lowered { to, when: "the attempt failed", applies: failed }
    }

    // A failed attempt weighs one step less than the deed.
    static CRITICAL_IF_FAILED: &[Lowered] = &[if_failed(Severity::High)];
    static HIGH_IF_FAILED: &[Lowered] = &[if_failed(Severity::Medium)];
    static MEDIUM_IF_FAILED: &[Lowered] = &[if_failed(Severity::Low)];

    const NONE: Rule = Rule {
        id: "",
        title: "",
        tried: "",
        severity: Severity::Low,
        lowered: &[],
        attack: &["T1078.004"],
        when: "",
        reason: "",
        next: "",
        references: &[],
        scope: Scope::Root,
        events: &[],
        holds: always,
        example: Example { matching: "", other: "" },
    };

    /// The members that most critical rules share.
    pub(in crate::rules) const CRITICAL: Rule =
        Rule { severity: Severity::Critical, lowered: CRITICAL_IF_FAILED, ..NONE };

    /// The members that most high rules share.
    pub(in crate::rules) const HIGH: Rule =
        Rule { severity: Severity::High, lowered: HIGH_IF_FAILED, ..NONE };

    /// The members that most medium rules share.
    pub(in crate::rules) const MEDIUM: Rule =
        Rule { severity: Severity::Medium, lowered: MEDIUM_IF_FAILED, ..NONE };

    pub(in crate::rules) const fn refer(system: System, name: &'static str) -> Reference {
        Reference { system, name }
    }

    pub(in crate::rules) const fn api(service: &'static str, name: &'static str) -> Api {
        Api { service, name, only: None }
    }

    pub(in crate::rules) const fn only(
        service: &'static str,
        name: &'static str,
        when: &'static str,
        holds: fn(&Case<'_>) -> bool,
    ) -> Api {
        Api { service, name, only: Some(Only { when, holds }) }
    }

    pub(in crate::rules) const fn if_it_reads(to: Severity) -> Lowered {
        Lowered { to, when: "the call only reads", applies: |finding| finding.event.read_only == Some(true) }
    }
}
