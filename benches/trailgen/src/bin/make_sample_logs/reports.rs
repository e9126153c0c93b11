//! Credential reports of the three accounts, a week apart: before the root compromise and after it.

use anyhow::{Context as _, Result};
use std::path::Path;

/// The columns of a report.
const COLUMNS: &str = "user,arn,user_creation_time,password_enabled,password_last_used,password_last_changed,\
    password_next_rotation,mfa_active,access_key_1_active,access_key_1_last_rotated,access_key_1_last_used_date,\
    access_key_1_last_used_region,access_key_1_last_used_service,access_key_2_active,access_key_2_last_rotated,\
    access_key_2_last_used_date,access_key_2_last_used_region,access_key_2_last_used_service,cert_1_active,\
    cert_1_last_rotated,cert_2_active,cert_2_last_rotated";

/// The columns of an account without a second key and without certificates.
const REST: &str = "false,N/A,N/A,N/A,N/A,false,N/A,false,N/A";

/// The columns of an account without any key.
const NO_KEY: &str = "false,N/A,N/A,N/A,N/A";

/// Writes the reports below `root`, and returns their number and the bytes that they take.
///
/// # Errors
///
/// Fails where a file cannot be written.
pub(crate) fn write(root: &Path) -> Result<(usize, u64)> {
    let folder = root.join("credential-reports");
    std::fs::create_dir_all(&folder).with_context(|| format!("cannot make {}", folder.display()))?;
    let reports = reports();
    let mut size = 0;
    for (name, text) in &reports {
        let path = folder.join(name);
        std::fs::write(&path, text).with_context(|| format!("cannot write {}", path.display()))?;
        size += text.len() as u64;
    }
    Ok((reports.len(), size))
}

/// Returns the row of root, and that of an everyday user.
fn report(account: &str, made: &str, root: &str, user: &str) -> String {
    let root = format!("<root_account>,arn:aws:iam::{account}:root,{made},not_supported,{root},{REST}");
    format!("{COLUMNS}\n{root}\n{user},{REST}\n")
}

fn user(account: &str, name: &str, signed_in: &str) -> String {
    format!(
        "{name},arn:aws:iam::{account}:user/{name},2021-03-08T10:12:44+00:00,true,{signed_in},\
         2025-06-02T07:41:10+00:00,N/A,true,{NO_KEY}"
    )
}

fn reports() -> Vec<(String, String)> {
    let (victim, management, member) = (crate::story::VICTIM, "444455556666", "999988887777");
    let root = |signed_in: &str, mfa: bool, key: &str| {
        format!("{signed_in},not_supported,not_supported,{mfa},{key}")
    };
    // The intruder's key was made at 03:11:50, and used last at 04:40:37.
    let key = "true,2025-11-18T03:11:50+00:00,2025-11-18T04:40:37+00:00,us-east-1,s3";
    let long_ago = "2025-02-03T09:14:27+00:00";
    let made = ["2019-05-14T08:20:11+00:00", "2020-01-20T13:05:42+00:00", "2022-08-30T15:48:03+00:00"];
    [
        (victim, "2025-11-12", made[0], root("no_information", false, NO_KEY), "2025-11-11T08:30:19+00:00"),
        (
            victim,
            "2025-11-19",
            made[0],
            root("2025-11-18T03:02:41+00:00", true, key),
            "2025-11-18T08:30:00+00:00",
        ),
        (management, "2025-11-12", made[1], root(long_ago, true, NO_KEY), "2025-11-10T12:01:58+00:00"),
        (
            management,
            "2025-11-19",
            made[1],
            root("2025-11-17T09:30:12+00:00", true, NO_KEY),
            "2025-11-19T13:05:36+00:00",
        ),
        (member, "2025-11-12", made[2], root("2025-10-06T16:22:31+00:00", true, NO_KEY), "no_information"),
        (member, "2025-11-19", made[2], root("2025-11-17T10:02:47+00:00", true, NO_KEY), "no_information"),
    ]
    .into_iter()
    .map(|(account, date, made, root, signed_in)| {
        let name = if account == victim { "alice" } else { "dana" };
        let text = report(account, made, &root, &user(account, name, signed_in));
        (format!("{account}-{date}.csv"), text)
    })
    .collect()
}
