//! The profiles of the AWS configuration files, as far as the SDK does not tell of them: whether one exists, and
//! the settings of its own that S3 has.
//!
//! The SDK passes over a profile that is missing and goes on to other credentials, so that a scan would run as
//! somebody else. aws-cli ends with an error, and so does roottrail. Files are read line by line: a section is
//! `[default]`, `[profile NAME]` or, in the credentials file, `[NAME]`; a nested setting stands indented below
//! its key.

use std::collections::BTreeMap;
use std::path::PathBuf;

/// The settings of one profile, nested ones as `s3.addressing_style`.
type Settings = BTreeMap<String, String>;

/// All profiles of both files.
#[derive(Debug, Default)]
pub(super) struct Profiles {
    files: Vec<PathBuf>,
    profiles: BTreeMap<String, Settings>,
}

/// Returns the profile that is meant, and who says so.
pub(super) fn meant(named: Option<&str>) -> Option<(String, &'static str)> {
    if let Some(name) = named {
        return Some((name.to_owned(), "--profile"));
    }
    let variable = |name| std::env::var(name).ok().filter(|value| !value.is_empty());
    // In aws-cli's order.
    ["AWS_DEFAULT_PROFILE", "AWS_PROFILE"].into_iter().find_map(|name| Some((variable(name)?, name)))
}

impl Profiles {
    /// Reads the files that the environment names, or those in the home directory. A file that cannot be read
    /// holds nothing.
    pub(super) fn load() -> Self {
        let home = std::env::var_os("HOME").or_else(|| std::env::var_os("USERPROFILE")).map(PathBuf::from);
        let file = |variable: &str, name: &str| {
            let named = std::env::var_os(variable).filter(|path| !path.is_empty()).map(PathBuf::from);
            named.or_else(|| home.as_ref().map(|home| home.join(".aws").join(name)))
        };
        let mut all = Self::default();
        for (path, prefixed) in [
            (file("AWS_CONFIG_FILE", "config"), true),
            (file("AWS_SHARED_CREDENTIALS_FILE", "credentials"), false),
        ] {
            let Some(path) = path else { continue };
            if let Ok(text) = std::fs::read_to_string(&path) {
                all.add(&text, prefixed);
            }
            all.files.push(path);
        }
        all
    }

    fn add(&mut self, text: &str, prefixed: bool) {
        let (mut section, mut parent) = (None, String::new());
        for line in text.lines() {
            let bare = line.trim();
            if bare.is_empty() || bare.starts_with(['#', ';']) {
                continue;
            }
            if let Some(name) = bare.strip_prefix('[').and_then(|rest| rest.split(']').next()) {
                section = profile_of(name.trim(), prefixed);
                if let Some(section) = &section {
                    self.profiles.entry(section.clone()).or_default();
                }
                continue;
            }
            let (Some(section), Some((key, value))) = (&section, bare.split_once('=')) else { continue };
            let (key, value) = (key.trim(), value.trim());
            let settings = self.profiles.entry(section.clone()).or_default();
            if line.starts_with([' ', '\t']) {
                settings.insert(format!("{parent}.{key}"), value.to_owned());
            } else {
                parent = key.to_owned();
                settings.insert(key.to_owned(), value.to_owned());
            }
        }
    }

    /// Returns a setting of a profile.
    pub(super) fn setting(&self, profile: &str, key: &str) -> Option<&str> {
        self.profiles.get(profile)?.get(key).map(String::as_str).filter(|value| !value.is_empty())
    }

    /// Returns why a profile that was asked for cannot be used: there is none of this name.
    pub(super) fn missing(&self, profile: &str, who: &str) -> Option<String> {
        if self.profiles.contains_key(profile) || profile == "default" && who != "--profile" {
            return None;
        }
        let files: Vec<String> = self.files.iter().map(|path| path.display().to_string()).collect();
        let known: Vec<&str> = self.profiles.keys().map(String::as_str).collect();
        let known = if known.is_empty() { "none".to_owned() } else { known.join(", ") };
        Some(format!(
            "there is no profile {profile:?} ({who})\n  looked in: {}\n  profiles there: {known}",
            files.join(", ")
        ))
    }
}

/// Returns the names of all profiles in the AWS configuration files.
pub fn profile_names() -> Vec<String> {
    Profiles::load().profiles.into_keys().collect()
}

/// Returns the profile that a section's heading names.
fn profile_of(heading: &str, prefixed: bool) -> Option<String> {
    if !prefixed || heading == "default" {
        return Some(heading.to_owned());
    }
    let name = heading.strip_prefix("profile")?;
    name.starts_with(char::is_whitespace).then(|| name.trim().trim_matches('"').to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read() -> Profiles {
        let mut all = Profiles::default();
        all.add(
            "[default]\nregion = eu-west-1\n# [profile no]\n[profile good]\ns3 =\n  addressing_style = virtual\n\
             mfa_serial=arn:x\n[sso-session x]\na=b\n[ profile \"two words\" ]\n",
            true,
        );
        all.add("[keys]\naws_access_key_id = AKIA\n", false);
        all
    }

    #[test]
    fn profiles_of_both_files_are_known_and_others_are_named_as_missing() {
        let all = read();
        for name in ["default", "good", "two words", "keys"] {
            assert_eq!(all.missing(name, "--profile"), None, "{name}");
        }
        for name in ["no", "typo", "sso-session x", "x", "profile good"] {
            let text = all.missing(name, "--profile").unwrap();
            assert!(text.contains(name) && text.contains("default, good, keys, two words"), "{text}");
        }
        assert_eq!(Profiles::default().missing("default", "AWS_PROFILE"), None);
    }

    #[test]
    fn nested_settings_belong_to_their_key() {
        let all = read();
        assert_eq!(all.setting("good", "s3.addressing_style"), Some("virtual"));
        assert_eq!(all.setting("good", "mfa_serial"), Some("arn:x"));
        assert_eq!(all.setting("default", "s3.addressing_style"), None);
    }
}
