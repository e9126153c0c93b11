//! Reads what aws-cli prints about an organization, and folders of policy documents with a mapping.
//!
//! A file holds one or more JSON documents. What each says follows from its own keys, as aws-cli names them;
//! what aws-cli leaves out (the policy of a list of targets, the parent of a list of accounts) is taken from
//! the file's name or from the document before.

use serde_json::{Map, Value};

use super::directory::{Directory, FULL_ACCESS};
use crate::posture::names::{self, Id};
use crate::posture::policy::document::Document;
use crate::posture::problem::{Problem, ProblemKind};

/// Reads one file into the directory. Returns what was wrong with it.
pub(in crate::posture) fn read(directory: &mut Directory, file: &str, text: &str) -> Vec<Problem> {
    let mut reader = Reader { directory, file, policy: None, problems: Vec::new() };
    let mut documents = 0;
    for value in serde_json::Deserializer::from_str(text).into_iter::<Value>() {
        documents += 1;
        match value {
            Ok(Value::Object(object)) => reader.document(&object),
            Ok(Value::Array(list)) => list.iter().for_each(|value| match value.as_object() {
                Some(object) => reader.document(object),
                None => reader.bad("an element of the list is no object"),
            }),
            Ok(_) => reader.bad("it is neither an object nor a list"),
            Err(error) => {
                let line = Some(error.line() as u64);
                let text = format!("it is no JSON: {error}");
                reader.problems.push(Problem::new(file, line, ProblemKind::BadOrganization, text));
            }
        }
    }
    if documents == 0 {
        reader.bad("it is empty");
    }
    let problems = reader.problems;
    directory.given |= problems.is_empty() || documents > problems.len();
    problems
}

struct Reader<'r> {
    directory: &'r mut Directory,
    file: &'r str,
    /// The policy of the last document, for a list of targets behind it.
    policy: Option<String>,
    problems: Vec<Problem>,
}

impl Reader<'_> {
    fn bad(&mut self, text: impl Into<String>) {
        self.problems.push(Problem::new(self.file, None, ProblemKind::BadOrganization, text));
    }

    fn document(&mut self, object: &Map<String, Value>) {
        if object.contains_key("Statement") {
            let name = stem(self.file);
            let key = match names::id(self.file) {
                Some(Id::Policy(id)) => id,
                _ => name.to_owned(),
            };
            self.text_of(&key, &Value::Object(object.clone()));
            let policy = self.directory.policies.entry(key.clone()).or_default();
            policy.name.get_or_insert_with(|| name.to_owned());
            if names::is_policy(&key) {
                policy.id = Some(key);
            }
            return;
        }
        let before = self.problems.len();
        let mut known = false;
        for (key, value) in object {
            known |= self.part(object, key, value);
        }
        if !known && self.problems.len() == before {
            self.bad("it says nothing of an organization, an account or a policy");
        }
    }

    /// Reads what stands under one key; `false` where the key is not known.
    fn part(&mut self, whole: &Map<String, Value>, key: &str, value: &Value) -> bool {
        match (key, value) {
            ("Organization", Value::Object(organization)) => self.organization(organization),
            ("Roots", Value::Array(roots)) => each(roots, |root| self.root(root)),
            ("Account", Value::Object(account)) => self.account(account, None),
            ("Accounts", Value::Array(accounts)) => {
                self.directory.accounts_listed = true;
                let parent = self.target_in_name(whole);
                each(accounts, |account| self.account(account, parent.as_deref()));
            }
            ("accounts", Value::Array(accounts)) => {
                self.directory.accounts_listed = true;
                for account in accounts.iter().filter_map(Value::as_str) {
                    self.member(account);
                }
            }
            ("OrganizationalUnits" | "Children", Value::Array(units)) => {
                let parent = self.target_in_name(whole);
                each(units, |unit| self.child(unit, parent.as_deref()));
            }
            ("OrganizationalUnit", Value::Object(unit)) => self.child(unit, None),
            ("Parents", Value::Array(parents)) => {
                let child = text(whole, "ChildId").map(str::to_owned).or_else(|| self.target_in_name(whole));
                match (child, parents.first().and_then(|parent| parent.get("Id")).and_then(Value::as_str)) {
                    (Some(child), Some(parent)) => self.parent(&child, parent),
                    (None, _) => self.bad(
                        "a list of parents does not say of whom: name the file after the account or unit, \
                         such as list-parents-111122223333.json",
                    ),
                    (_, None) => self.bad("a list of parents names none"),
                }
            }
            ("parents", Value::Object(parents)) => {
                for (child, parent) in parents {
                    if let Some(parent) = parent.as_str() {
                        self.parent(child, parent);
                    }
                }
            }
            ("Policy", Value::Object(policy)) => self.policy(policy),
            ("Policies", Value::Array(policies)) => self.policies(whole, policies),
            ("Targets", Value::Array(targets)) => self.targets_of_one(whole, targets),
            ("targets" | "Targets", Value::Object(mapping)) => self.mapping(mapping),
            ("management_account", Value::String(account)) => {
                let id = text(whole, "organization").unwrap_or_default().to_owned();
                self.directory.organization(&id).management_account = Some(account.clone());
                self.directory.members.entry(account.clone()).or_default().organization = Some(id);
            }
            ("organization", Value::String(id)) => {
                self.directory.organization(id);
            }
            // Parts that other keys have read, and those that say where a list goes on.
            ("PolicyId" | "TargetId" | "ChildId" | "ParentId" | "NextToken" | "ResponseMetadata", _) => {}
            _ => return false,
        }
        true
    }

    fn organization(&mut self, organization: &Map<String, Value>) {
        let Some(id) = text(organization, "Id") else { return self.bad("an organization has no Id") };
        let consolidated = text(organization, "FeatureSet") == Some("CONSOLIDATED_BILLING");
        let own = self.directory.organization(id);
        if consolidated {
            own.policies_enabled = Some(false);
        }
        if let Some(account) = text(organization, "MasterAccountId") {
            own.management_account = Some(account.to_owned());
            let member = self.directory.members.entry(account.to_owned()).or_default();
            member.organization = Some(id.to_owned());
        }
    }

    fn root(&mut self, root: &Map<String, Value>) {
        let Some(id) = text(root, "Id").map(str::to_owned) else { return self.bad("a root has no Id") };
        let organization = self.by_arn(root).unwrap_or_default();
        let types = root.get("PolicyTypes").and_then(Value::as_array);
        let enabled = types.map(|types| {
            types.iter().any(|one| {
                one.get("Type").and_then(Value::as_str) == Some("SERVICE_CONTROL_POLICY")
                    && one.get("Status").and_then(Value::as_str) == Some("ENABLED")
            })
        });
        let own = self.directory.organization(&organization);
        own.root = Some(id);
        if let Some(enabled) = enabled {
            own.policies_enabled = Some(enabled);
        }
    }

    fn account(&mut self, account: &Map<String, Value>, parent: Option<&str>) {
        let Some(id) = text(account, "Id").map(str::to_owned) else {
            return self.bad("an account has no Id");
        };
        if !names::is_account(&id) {
            return self.bad(format!("the account {id:?} is no number of twelve digits"));
        }
        let organization = self.by_arn(account);
        self.member(&id);
        let member = self.directory.members.entry(id.clone()).or_default();
        member.name = text(account, "Name").map(str::to_owned).or(member.name.take());
        member.organization = organization.or(member.organization.take());
        // Newer answers carry the whole way: o-…/r-…/ou-…/111122223333/
        let paths = account.get("Paths").and_then(Value::as_array);
        if let Some(path) = paths.and_then(|paths| paths.first()).and_then(Value::as_str) {
            let steps: Vec<&str> = path.split('/').filter(|step| !step.is_empty()).skip(1).collect();
            for pair in steps.windows(2) {
                self.parent(pair[1], pair[0]);
            }
        }
        if let Some(parent) = text(account, "ParentId").or(parent) {
            self.parent(&id, parent);
        }
    }

    fn member(&mut self, account: &str) {
        self.directory.members.entry(account.to_owned()).or_default();
    }

    /// Reads a unit or an account below a parent.
    fn child(&mut self, child: &Map<String, Value>, parent: Option<&str>) {
        let Some(id) = text(child, "Id").map(str::to_owned) else { return self.bad("a unit has no Id") };
        self.by_arn(child);
        if names::is_account(&id) {
            self.member(&id);
        }
        match text(child, "ParentId").or(parent) {
            Some(parent) if parent != id => self.parent(&id, parent),
            _ => self.bad(format!(
                "nothing says what {id} is below: name the file after the parent, such as \
                 list-children-r-ab12.json"
            )),
        }
    }

    fn parent(&mut self, child: &str, parent: &str) {
        if names::is_target(child).is_none() || names::is_target(parent).is_none() {
            return self.bad(format!("{child:?} below {parent:?}: that is no account, unit or root"));
        }
        if names::is_account(child) {
            self.member(child);
        }
        self.directory.parents.insert(child.to_owned(), parent.to_owned());
        if parent.starts_with("r-") && self.directory.organizations.values().all(|one| one.root.is_none()) {
            let id = self.directory.only().unwrap_or_default().to_owned();
            self.directory.organization(&id).root = Some(parent.to_owned());
        }
    }

    /// Reads the answer of `describe-policy`, or an element of a list that holds as much.
    fn policy(&mut self, policy: &Map<String, Value>) {
        let summary = policy.get("PolicySummary").and_then(Value::as_object).unwrap_or(policy);
        let Some(key) = self.summary(summary) else { return };
        match policy.get("Content") {
            Some(Value::String(content)) => match serde_json::from_str(content) {
                Ok(value) => self.text_of(&key, &value),
                Err(error) => self.flaw(&key, &format!("its Content is no JSON: {error}")),
            },
            Some(value @ Value::Object(_)) => self.text_of(&key, value),
            Some(_) => self.flaw(&key, "its Content is no text"),
            None => {}
        }
        if let Some(targets) = policy.get("Targets").and_then(Value::as_array) {
            self.attach(&key, targets);
        }
    }

    fn flaw(&mut self, key: &str, text: &str) {
        let text = format!("policy {key}: {text}");
        self.problems.push(Problem::new(self.file, None, ProblemKind::BadPolicy, text));
    }

    /// Returns what a list says of a policy. `None` for policies of other kinds.
    fn summary(&mut self, summary: &Map<String, Value>) -> Option<String> {
        let kind = text(summary, "Type");
        if kind.is_some_and(|kind| kind != "SERVICE_CONTROL_POLICY") {
            return None;
        }
        let (id, name) = (text(summary, "Id"), text(summary, "Name"));
        let Some(key) = id.or(name).map(str::to_owned) else {
            self.bad("a policy has neither Id nor Name");
            return None;
        };
        self.by_arn(summary);
        self.directory.policies_given = true;
        let policy = self.directory.policies.entry(key.clone()).or_default();
        policy.id = id.map(str::to_owned).or(policy.id.take());
        policy.name = name.map(str::to_owned).or(policy.name.take());
        if key == FULL_ACCESS && policy.document.is_none() {
            policy.document = Some(Document::full_access());
        }
        self.policy = Some(key.clone());
        Some(key)
    }

    fn policies(&mut self, whole: &Map<String, Value>, policies: &[Value]) {
        // The policies of one target, where the file names it: `list-policies-for-target`.
        let target = text(whole, "TargetId").map(str::to_owned).or_else(|| match names::id(self.file) {
            Some(Id::Target(target)) => Some(target),
            _ => None,
        });
        self.directory.policies_given = true;
        for value in policies {
            let Some(policy) = value.as_object() else { continue };
            self.policy(policy);
            let summary = policy.get("PolicySummary").and_then(Value::as_object).unwrap_or(policy);
            if let (Some(target), Some(id)) = (&target, text(summary, "Id").or(text(summary, "Name"))) {
                let policy = self.directory.policies.entry(id.to_owned()).or_default();
                policy.targets.get_or_insert_default().insert(target.clone());
            }
        }
        // A list of many is no context for what follows.
        if policies.len() != 1 {
            self.policy = None;
        }
    }

    fn targets_of_one(&mut self, whole: &Map<String, Value>, targets: &[Value]) {
        let named = text(whole, "PolicyId").map(str::to_owned);
        let key = named.or_else(|| match names::id(self.file) {
            Some(Id::Policy(id)) => Some(id),
            _ => self.policy.clone(),
        });
        match key {
            Some(key) => self.attach(&key, targets),
            None => self.bad(
                "a list of targets does not say of which policy: name the file after it, such as \
                 targets-p-abcd1234.json",
            ),
        }
    }

    /// Reads a mapping of policies to targets: `{"file-or-id": ["r-…", "ou-…", "111122223333"], …}`.
    fn mapping(&mut self, mapping: &Map<String, Value>) {
        for (name, targets) in mapping {
            let key = match name.as_str() {
                "FullAWSAccess" => FULL_ACCESS.to_owned(),
                name if names::is_policy(name) => name.to_owned(),
                name => stem(name).to_owned(),
            };
            match targets {
                Value::Array(targets) => self.attach(&key, targets),
                target @ Value::String(_) => self.attach(&key, std::slice::from_ref(target)),
                _ => self.bad(format!("the targets of {name:?} are no list")),
            }
        }
    }

    fn attach(&mut self, key: &str, targets: &[Value]) {
        self.directory.policies_given = true;
        let mut ids = Vec::new();
        for target in targets {
            let id = match target {
                Value::String(id) => id.as_str(),
                Value::Object(target) => {
                    self.by_arn(target);
                    text(target, "TargetId").unwrap_or_default()
                }
                _ => "",
            };
            match names::is_target(id) {
                Some(id) => ids.push(id.to_owned()),
                None => self.bad(format!("policy {key}: the target {id:?} is no root, unit or account")),
            }
        }
        for account in ids.iter().filter(|id| names::is_account(id)) {
            self.member(account);
        }
        let policy = self.directory.policies.entry(key.to_owned()).or_default();
        if names::is_policy(key) {
            policy.id = Some(key.to_owned());
        } else {
            policy.name.get_or_insert_with(|| key.to_owned());
        }
        if key == FULL_ACCESS && policy.document.is_none() {
            policy.document = Some(Document::full_access());
        }
        policy.targets.get_or_insert_default().extend(ids);
    }

    fn text_of(&mut self, key: &str, value: &Value) {
        let document = Document::read(value);
        for flaw in &document.flaws {
            self.flaw(key, flaw);
        }
        self.directory.policies_given = true;
        self.directory.policies.entry(key.to_owned()).or_default().document = Some(document);
        self.policy = Some(key.to_owned());
    }

    /// Notes the organization and its management account by an ARN, `arn:aws:organizations::MANAGEMENT:account/o-…/…`.
    fn by_arn(&mut self, object: &Map<String, Value>) -> Option<String> {
        let mut parts = text(object, "Arn")?.splitn(6, ':');
        let (partition, service) = (parts.nth(1)?, parts.next()?);
        let (management, rest) = (parts.nth(1)?, parts.next()?);
        let mut steps = rest.split('/');
        let kind = steps.next()?;
        let id = steps.next().filter(|id| id.starts_with("o-"))?;
        if !partition.starts_with("aws") || service != "organizations" || !names::is_account(management) {
            return None;
        }
        let own = self.directory.organization(id);
        own.management_account = Some(management.to_owned());
        if kind == "root" {
            own.root = steps.clone().next().map(str::to_owned).or(own.root.take());
        }
        let member = self.directory.members.entry(management.to_owned()).or_default();
        member.organization = Some(id.to_owned());
        if let Some(account) = steps.next().filter(|account| kind == "account" && names::is_account(account))
        {
            let member = self.directory.members.entry(account.to_owned()).or_default();
            member.organization = Some(id.to_owned());
        }
        Some(id.to_owned())
    }

    fn target_in_name(&self, whole: &Map<String, Value>) -> Option<String> {
        if let Some(parent) = text(whole, "ParentId") {
            return Some(parent.to_owned());
        }
        match names::id(self.file) {
            Some(Id::Target(target)) => Some(target),
            _ => None,
        }
    }
}

fn each(list: &[Value], mut visit: impl FnMut(&Map<String, Value>)) {
    list.iter().filter_map(Value::as_object).for_each(&mut visit);
}

fn text<'v>(object: &'v Map<String, Value>, key: &str) -> Option<&'v str> {
    object.get(key).and_then(Value::as_str).filter(|text| !text.is_empty())
}

/// Returns a file's name without its folders and its ending.
fn stem(path: &str) -> &str {
    let name = path.rsplit(['/', '\\']).next().unwrap_or(path);
    name.strip_suffix(".json").unwrap_or(name)
}
