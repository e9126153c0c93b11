//! What the service control policies of an account leave its root user, with the statements that prove it.
//!
//! Every combination of a credential (a session with MFA, one without, an access key) and a place (see
//! [`super::origin`]) is a request. A request is denied where nothing is left even if every Allow that might
//! apply does and no Deny that might not apply does; it is open where something is left even the other way
//! round; between the two nobody knows. A fact of the account is denied if all its requests are, not denied if
//! one is open.

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use jiff::Timestamp;
use serde::Serialize;

use super::condition::{Truth, holds};
use super::document::{Document, Effect, Statement};
use super::leftover::{Left, leftover};
use super::origin::{Kind, Place, Places, places};
use super::request::{KEYS, Origin, Request, RootCredential};

/// A document at one of the levels that lead to an account.
#[derive(Clone, Debug)]
pub(in crate::posture) struct Attached<'a> {
    /// The document's number: the same one has the same for all accounts.
    pub(in crate::posture) number: usize,
    pub(in crate::posture) policy_id: Option<&'a str>,
    pub(in crate::posture) policy_name: Option<&'a str>,
    /// The root, the organizational unit or the account.
    pub(in crate::posture) target: &'a str,
    pub(in crate::posture) document: &'a Document,
    /// Whether it is sure that the target lies above the account.
    pub(in crate::posture) certain: bool,
}

/// An account and what reaches it.
#[derive(Clone, Debug)]
pub(in crate::posture) struct Subject<'a> {
    pub(in crate::posture) account: &'a str,
    pub(in crate::posture) arn: &'a str,
    pub(in crate::posture) organization: Option<&'a str>,
    pub(in crate::posture) path: Option<&'a str>,
    pub(in crate::posture) now: Timestamp,
    pub(in crate::posture) attached: Vec<Attached<'a>>,
    /// Levels where all that is attached is known, so that nothing passes without an Allow there.
    pub(in crate::posture) levels: Vec<&'a str>,
    /// Whether something else may reach the account: a policy whose text or targets are not known.
    pub(in crate::posture) gaps: bool,
}

/// Whether the policies deny something.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Fact {
    /// All of it.
    Denied,
    /// Not all of it.
    NotDenied,
    /// The answer hangs on what is not known.
    Unknown,
}

/// A statement, or a level without one.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Proof {
    /// The policy's id, where it is known; `null` where nothing is allowed at the target.
    pub policy_id: Option<String>,
    /// The policy's name, or the file of its text.
    pub policy_name: Option<String>,
    /// Where the policy is attached.
    pub target: String,
    /// The statement's place in the policy, from 1.
    pub statement: Option<u64>,
    /// The statement's `Sid`.
    pub sid: Option<String>,
}

/// A request that passes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Open {
    /// The credential of the request.
    pub credential: RootCredential,
    /// An action in lower case that stands for those that are left; `null`: any.
    pub action: Option<String>,
    /// A resource that stands for those that are left; `null`: any.
    pub resource: Option<String>,
}

/// What is known of an account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::posture) struct Facts {
    /// Everything that root asks for.
    pub(in crate::posture) root: Fact,
    /// Everything that root asks for without MFA.
    pub(in crate::posture) without_mfa: Fact,
    /// Everything that root asks for from most of the internet, and from VPC endpoints that no policy names.
    pub(in crate::posture) from_elsewhere: Fact,
    /// For the first of them that is denied.
    pub(in crate::posture) proof: Vec<Proof>,
    /// The first request without MFA that passes, or with MFA where there is none.
    pub(in crate::posture) open: Option<Open>,
    /// Denies that take something from root, and not all of it.
    pub(in crate::posture) in_part: Vec<Proof>,
}

#[derive(Clone, Debug)]
enum Outcome {
    Denied(Vec<Proof>),
    Open { action: String, resource: String },
    Unknown,
}

/// Judges an account.
pub(in crate::posture) fn judge(subject: &Subject<'_>, memory: &Memory) -> Facts {
    let judge = Judge { subject, memory, touched: RefCell::default() };
    let places = judge.places();
    let Places { places, more } = &*places;
    let more = *more;
    let mut outcomes = Vec::new();
    for credential in
        [RootCredential::AccessKey, RootCredential::SessionWithoutMfa, RootCredential::SessionWithMfa]
    {
        for place in places {
            let request = judge.request(credential, &place.origin);
            outcomes.push((credential, place, judge.outcome(&request)));
        }
    }
    let all = |_: RootCredential| true;
    let bare = |credential: RootCredential| credential != RootCredential::SessionWithMfa;
    let (root, without_mfa) = (fact(&outcomes, more, &all), fact(&outcomes, more, &bare));
    let from_elsewhere = outside(&outcomes, more);
    let proof = match (root, without_mfa, from_elsewhere) {
        (_, Fact::Denied, _) if root != Fact::Denied => proofs(&outcomes, &bare),
        (Fact::Denied, ..) | (.., Fact::Denied) => proofs(&outcomes, &all),
        _ => Vec::new(),
    };
    let mut open: Vec<_> =
        outcomes.iter().filter(|(.., outcome)| matches!(outcome, Outcome::Open { .. })).collect();
    // The plainest example: the largest piece of the credential that needs the least.
    open.sort_by(|(one, place, _), (other, other_place, _)| {
        other.cmp(one).then(other_place.share.total_cmp(&place.share))
    });
    let open = open.first().and_then(|(credential, _, outcome)| match outcome {
        Outcome::Open { action, resource } => Some(Open {
            credential: *credential,
            // The shortest action and resource of all come out where nothing narrows them.
            action: (action != "a:a").then(|| action.clone()),
            resource: resource.contains(':').then(|| resource.clone()),
        }),
        Outcome::Denied(_) | Outcome::Unknown => None,
    });
    let touched = judge.touched.borrow();
    let in_part = touched.iter().filter(|one| !proof.contains(one)).cloned().collect();
    Facts { root, without_mfa, from_elsewhere, proof, open, in_part }
}

type Judged<'p> = [(RootCredential, &'p Place, Outcome)];

/// Returns whether all requests with these credentials are denied.
fn fact(outcomes: &Judged<'_>, more: bool, chosen: &dyn Fn(RootCredential) -> bool) -> Fact {
    let chosen = || outcomes.iter().filter(|(credential, ..)| chosen(*credential));
    if chosen().any(|(.., outcome)| matches!(outcome, Outcome::Open { .. })) {
        Fact::NotDenied
    } else if more || chosen().any(|(.., outcome)| matches!(outcome, Outcome::Unknown)) {
        // Places that were not looked at may be open.
        Fact::Unknown
    } else {
        Fact::Denied
    }
}

/// Returns whether all but a small part of the places are denied, with every credential. An allow list leaves some
/// ranges, a list of unwanted addresses leaves nearly all: half of the addresses is the line between them.
fn outside(outcomes: &Judged<'_>, more: bool) -> Fact {
    let mut shares = BTreeMap::<(RootCredential, Kind), (f64, f64)>::new();
    for (credential, place, outcome) in outcomes.iter().filter(|(_, place, _)| place.kind != Kind::Named) {
        let (open, unknown) = shares.entry((*credential, place.kind)).or_default();
        match outcome {
            Outcome::Denied(_) => {}
            Outcome::Open { .. } => *open += place.share,
            Outcome::Unknown => *unknown += place.share,
        }
    }
    if shares.values().any(|(open, _)| *open > 0.5) {
        Fact::NotDenied
    } else if more || shares.values().any(|(open, unknown)| open + unknown > 0.5) {
        Fact::Unknown
    } else {
        Fact::Denied
    }
}

fn proofs(outcomes: &Judged<'_>, chosen: &dyn Fn(RootCredential) -> bool) -> Vec<Proof> {
    let proofs = outcomes.iter().filter(|(credential, ..)| chosen(*credential));
    let proofs = proofs.flat_map(|(.., outcome)| match outcome {
        Outcome::Denied(proof) => proof.as_slice(),
        Outcome::Open { .. } | Outcome::Unknown => &[],
    });
    proofs.collect::<BTreeSet<&Proof>>().into_iter().cloned().collect()
}

/// Statements by their places in [`Subject::attached`] and in the document.
type Number = (usize, usize);

/// The Denies, and the Allows of each level, by the numbers of their documents.
type Question = (Vec<Number>, Vec<Vec<Number>>);

/// The numbers of documents, and the account where one of them has a variable.
type Whose = (Vec<usize>, String);

/// What was found out and holds for other requests and accounts too: most accounts have the same policies.
#[derive(Debug)]
pub(in crate::posture) struct Memory {
    left: RefCell<BTreeMap<Question, Left>>,
    places: RefCell<BTreeMap<Whose, Rc<Places>>>,
    /// The words that all further searches may take: policies made to take long must not take for ever.
    words: Cell<usize>,
}

/// Words of memory that the searches of one question may take, and those of all.
const WORDS_OF_ONE: usize = 1 << 17;
const WORDS_OF_ALL: usize = 1 << 21;

impl Default for Memory {
    fn default() -> Self {
        let (left, places) = Default::default();
        Self { left, places, words: Cell::new(WORDS_OF_ALL) }
    }
}

struct Judge<'j, 'a> {
    subject: &'j Subject<'a>,
    memory: &'j Memory,
    /// Denies that apply to a request of root, or may.
    touched: RefCell<BTreeSet<Proof>>,
}

/// What applies to a request, as far as is known.
#[derive(Default)]
struct Applying {
    surely: Vec<Number>,
    chosen: Vec<(Number, BTreeSet<String>)>,
    unknown: Vec<Number>,
}

impl Judge<'_, '_> {
    fn request<'r>(&'r self, credential: RootCredential, origin: &'r Origin) -> Request<'r> {
        let &Subject { account, arn, organization, path, now, .. } = self.subject;
        Request { account, arn, organization, path, now, credential, origin }
    }

    /// Returns the places that the account's policies tell apart.
    fn places(&self) -> Rc<Places> {
        let attached = &self.subject.attached;
        let statements = attached.iter().flat_map(|attached| attached.document.statements.iter());
        let conditions = statements.clone().flat_map(|statement| &statement.conditions);
        let of_place = conditions.filter(|condition| KEYS.contains(&condition.key.as_str()));
        let by_account = of_place.flat_map(|condition| &condition.values).any(|value| value.contains("${"));
        let account = if by_account { self.subject.account } else { "" };
        let key = (attached.iter().map(|attached| attached.number).collect(), account.to_owned());
        let known = self.memory.places.borrow().get(&key).cloned();
        known.unwrap_or_else(|| {
            let nowhere = Origin::Internet(std::net::Ipv4Addr::UNSPECIFIED.into());
            let found = Rc::new(places(statements, &self.request(RootCredential::AccessKey, &nowhere)));
            self.memory.places.borrow_mut().insert(key, Rc::clone(&found));
            found
        })
    }

    fn outcome(&self, request: &Request<'_>) -> Outcome {
        let denies = self.applying(Effect::Deny, None, request);
        let allows: Vec<Applying> = self
            .subject
            .levels
            .iter()
            .map(|level| self.applying(Effect::Allow, Some(level), request))
            .collect();
        let touching = denies.surely.iter().chain(denies.chosen.iter().map(|(number, _)| number));
        self.touched.borrow_mut().extend(touching.map(|number| self.proof(*number)));
        let widest: Vec<Vec<Number>> = allows
            .iter()
            .map(|level| {
                let chosen = level.chosen.iter().map(|(number, _)| *number);
                level.surely.iter().copied().chain(chosen).chain(level.unknown.iter().copied()).collect()
            })
            .collect();
        match self.left(&denies.surely, &widest) {
            Left::Nothing => return Outcome::Denied(self.why(&denies.surely, &widest)),
            Left::TooMuchToSay => return Outcome::Unknown,
            Left::Something { .. } => {}
        }
        // A key that two statements ask for may not be free to satisfy both.
        let mut asked = BTreeMap::<&str, usize>::new();
        let chosen = denies.chosen.iter().chain(allows.iter().flat_map(|level| &level.chosen));
        for key in chosen.flat_map(|(_, keys)| keys) {
            *asked.entry(key).or_default() += 1;
        }
        let free = |keys: &BTreeSet<String>| keys.iter().all(|key| asked[key.as_str()] == 1);
        let bound = denies.chosen.iter().filter(|(_, keys)| !free(keys)).map(|(number, _)| *number);
        let strictest: Vec<Number> =
            denies.surely.iter().copied().chain(denies.unknown.iter().copied()).chain(bound).collect();
        let narrowest: Vec<Vec<Number>> = allows
            .iter()
            .map(|level| {
                let free = level.chosen.iter().filter(|(_, keys)| free(keys)).map(|(number, _)| *number);
                level.surely.iter().copied().chain(free).collect()
            })
            .collect();
        match self.left(&strictest, &narrowest) {
            Left::Something { action, resource } if !self.subject.gaps => Outcome::Open { action, resource },
            _ => Outcome::Unknown,
        }
    }

    /// Returns the statements of an effect that apply to a request, of one level or of all.
    fn applying(&self, effect: Effect, level: Option<&str>, request: &Request<'_>) -> Applying {
        let mut applying = Applying::default();
        for (place, attached) in self.subject.attached.iter().enumerate() {
            if level.is_some_and(|level| level != attached.target) {
                continue;
            }
            for (index, statement) in attached.document.statements.iter().enumerate() {
                if statement.effect != effect {
                    continue;
                }
                let number = (place, index);
                match holds(statement, request) {
                    Truth::Fails => {}
                    _ if !attached.certain => applying.unknown.push(number),
                    Truth::Holds => applying.surely.push(number),
                    Truth::Chosen(keys) => applying.chosen.push((number, keys)),
                    Truth::Unknown => applying.unknown.push(number),
                }
            }
        }
        applying
    }

    fn statement(&self, (place, index): Number) -> &Statement {
        &self.subject.attached[place].document.statements[index]
    }

    fn left(&self, denies: &[Number], levels: &[Vec<Number>]) -> Left {
        let named = |numbers: &[Number]| {
            let numbers = numbers.iter().map(|(place, index)| (self.subject.attached[*place].number, *index));
            numbers.collect::<Vec<Number>>()
        };
        let key = (named(denies), levels.iter().map(|level| named(level)).collect());
        if let Some(left) = self.memory.left.borrow().get(&key) {
            return left.clone();
        }
        let statements =
            |numbers: &[Number]| numbers.iter().map(|number| self.statement(*number)).collect::<Vec<_>>();
        let allows: Vec<Vec<&Statement>> = levels.iter().map(|level| statements(level)).collect();
        let all = self.memory.words.get();
        let mut words = all.min(WORDS_OF_ONE);
        let before = words;
        let left = leftover(&statements(denies), &allows, &mut words);
        self.memory.words.set(all - (before - words));
        self.memory.left.borrow_mut().insert(key, left.clone());
        left
    }

    /// Returns a level that allows nothing, one statement that suffices, or those that do together.
    fn why(&self, denies: &[Number], levels: &[Vec<Number>]) -> Vec<Proof> {
        for (target, allows) in self.subject.levels.iter().zip(levels) {
            if self.left(&[], std::slice::from_ref(allows)) == Left::Nothing {
                let target = (*target).to_owned();
                return vec![Proof {
                    policy_id: None,
                    policy_name: None,
                    target,
                    statement: None,
                    sid: None,
                }];
            }
        }
        if let Some(one) = denies.iter().find(|one| self.left(&[**one], levels) == Left::Nothing) {
            return vec![self.proof(*one)];
        }
        let mut needed = denies.to_vec();
        let mut place = 0;
        while place < needed.len() {
            let without: Vec<Number> =
                needed.iter().enumerate().filter(|(at, _)| *at != place).map(|(_, one)| *one).collect();
            if self.left(&without, levels) == Left::Nothing {
                needed = without;
            } else {
                place += 1;
            }
        }
        needed.into_iter().map(|number| self.proof(number)).collect()
    }

    fn proof(&self, number: Number) -> Proof {
        let (attached, statement) = (&self.subject.attached[number.0], self.statement(number));
        Proof {
            policy_id: attached.policy_id.map(str::to_owned),
            policy_name: attached.policy_name.map(str::to_owned),
            target: attached.target.to_owned(),
            statement: Some(statement.index as u64 + 1),
            sid: statement.sid.clone(),
        }
    }
}
