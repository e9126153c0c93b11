//! The study's arithmetic: its published counts from data built to them, and a small organization by hand.

use serde_json::{Value, json};

use super::{by_key, finding, lines_of, report, sign_in};
use crate::support::cli::{Folder, roottrail};

fn account(n: usize) -> String {
    format!("{:012}", 100_000_000_000 + n)
}

/// What `aws organizations list-accounts` prints, one document for each organization.
fn organizations(accounts: impl Iterator<Item = (String, String, String)>) -> String {
    accounts
        .map(|(account, organization, joined)| {
            let arn = format!("arn:aws:organizations::999999999999:account/{organization}/{account}");
            let one = json!({"Id": account, "Arn": arn, "Name": format!("n-{account}"), "Status": "ACTIVE",
                "JoinedMethod": "CREATED", "JoinedTimestamp": joined});
            format!("{}\n", json!({"Accounts": [one]}))
        })
        .collect()
}

/// 915 accounts in 153 organizations; 143 of them, in 65, use root 517 times in 20 weeks: 464 times by the
/// console, 283 of these without MFA, and 64 times by a key. 517 is not 464 + 64: eleven weeks have both.
#[test]
fn the_published_counts_come_out_of_data_built_to_them() {
    let uses: Vec<usize> = [vec![16; 4], vec![15; 13], vec![4; 24], vec![3; 30], vec![1; 72]].concat();
    assert_eq!((uses.len(), uses.iter().sum::<usize>()), (143, 517));
    let organization = |n: usize| format!("o-{:010}", if n < 143 { n * 65 / 143 } else { 65 + n % 88 });
    let mut findings = Vec::new();
    let (mut id, mut keys, mut both, mut console) = (0, 0, 0, 0);
    for (n, uses) in uses.into_iter().enumerate() {
        let wanted = match n {
            0 => 8,
            1..9 => 7,
            _ => 0,
        };
        for use_ in 0..uses {
            let week = (n * 9 + use_) % 20;
            // Mondays from 2026-01-05 on.
            let date = jiff::civil::date(2026, 1, 5)
                + jiff::Span::new().days(i64::try_from(week * 7 + n % 7).unwrap());
            let by_a_key = use_ < wanted;
            if by_a_key {
                keys += 1;
                id += 1;
                findings.push(by_key(id, &account(n), &format!("{date}T10:00:00Z"), &format!("AKIA{n:016}")));
            }
            if !by_a_key || both < 11 {
                both += usize::from(by_a_key);
                id += 1;
                findings.push(sign_in(id, &account(n), &format!("{date}T11:00:00Z"), console >= 283));
                console += 1;
            }
        }
    }
    assert_eq!((keys, both, console), (64, 11, 464));
    let folder = Folder::new();
    folder.put("f", lines_of(&findings));
    let all = (0..915).map(|n| (account(n), organization(n), "2020-01-01T00:00:00Z".to_owned()));
    folder.put("o", organizations(all));
    let path = |name: &str| folder.at(name).to_str().unwrap().to_owned();
    let (report, done) = report(&folder, &[&path("f"), "--organizations", &path("o")]);
    assert_eq!(done.code, 0, "{}", done.stderr);
    let study = &report["study"];
    let share = |count: u64, of: u64| json!({"count": count, "of": of});
    assert_eq!(study["weeks"], 20);
    assert_eq!(study["accounts"], share(143, 915));
    assert_eq!(study["organizations"], share(65, 153));
    assert_eq!(study["accounts_per_week"], 517.0 / 20.0);
    assert_eq!(study["organizations_per_week"], 402.0 / 20.0);
    assert_eq!(study["uses"], 517);
    assert_eq!(study["repeaters"], share(71, 143));
    assert_eq!(study["repeaters_uses"], share(445, 517));
    assert_eq!(study["half"], share(17, 143));
    assert_eq!(study["console_uses"], share(464, 517));
    assert_eq!(study["key_uses"], share(64, 517));
    assert_eq!(study["both_uses"], 11);
    assert_eq!(study["key_accounts"], share(9, 143));
    assert_eq!(study["sign_ins_without_mfa"], share(283, 464));
    let expected = [
        ("accounts that used root", "143 of 915", "15.6 %"),
        ("organizations of those", "65 of 153", "42.5 %"),
        ("accounts in an average week", "25.9", "2.8 %"),
        ("organizations in an average week", "20.1", "13.1 %"),
        ("accounts with more than one use", "71 of 143", "49.7 %"),
        ("uses of those accounts", "445 of 517", "86.1 %"),
        ("accounts that make half of the uses", "17 of 143", "11.9 %"),
        ("accounts with key use", "9 of 143", "6.3 %"),
        ("console sign-ins without MFA", "283 of 464", "61.0 %"),
    ];
    for (measure, here, percent) in expected {
        let line =
            done.stdout.lines().find(|line| line.contains(measure)).unwrap_or_else(|| panic!("{measure}"));
        assert!(line.contains(here) && line.contains(percent), "{line}");
    }
}

/// Three accounts whose numbers are counted by hand.
fn small() -> Vec<Value> {
    let [one, two, three] = [1, 2, 3].map(account);
    let mut created = sign_in(1, &one, "2026-01-05T08:00:00Z", true);
    created["severity"] = json!("high");
    let mut making = finding(2, &one, "2026-01-05T08:05:00Z", "CreateAccessKey");
    making["credential"] = json!({"type": "console_session", "basis": null, "access_key_id": "ASIA1",
        "session_created": "2026-01-05T08:00:00Z"});
    making["session"]["id"] = json!(format!("{one}/2026-01-05T08:00:00Z"));
    making["cloudtrail"] = json!({"requestParameters": null,
        "responseElements": {"accessKey": {"accessKeyId": "AKIAOLD", "userName": "root"}}});
    let mut young = making.clone();
    young["id"] = json!(format!("{:032x}", 3));
    young["cloudtrail"]["responseElements"]["accessKey"]["accessKeyId"] = json!("AKIAYOUNG");
    vec![
        created,
        making,
        young,
        // 90 days and an hour is not over 90 days; 91 days are.
        by_key(4, &one, "2026-04-05T09:05:00Z", "AKIAYOUNG"),
        by_key(5, &one, "2026-04-06T08:05:00Z", "AKIAOLD"),
        by_key(6, &two, "2026-04-06T08:05:00Z", "AKIANOTMADEHERE"),
        sign_in(7, &two, "2026-04-07T08:05:00Z", false),
        sign_in(8, &two, "2026-04-08T08:05:00Z", false),
        sign_in(9, &three, "2026-01-20T00:00:00Z", false),
    ]
}

#[test]
fn uses_keys_and_sizes_of_a_small_organization() {
    let folder = Folder::new();
    folder.put("f", lines_of(&small()));
    folder.put(
        "sizes",
        format!(
            "account_id,assets\n{},10\n{},100\n{},1000\n{},9\n",
            account(1),
            account(2),
            account(3),
            account(4)
        ),
    );
    let all = [
        (1, "2020-01-01T00:00:00Z"),
        (2, "2020-01-01T00:00:00Z"),
        (3, "2026-01-10T00:00:00Z"),
        (4, "2020-01-01T00:00:00Z"),
    ];
    folder.put(
        "o",
        organizations(
            all.into_iter().map(|(n, joined)| (account(n), "o-abcdefghij".into(), joined.to_owned())),
        ),
    );
    let path = |name: &str| folder.at(name).to_str().unwrap().to_owned();
    let args = [&path("f"), "--inventory", &path("sizes"), "--organizations", &path("o")].map(str::to_owned);
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    let (whole, _) = report(&folder, &args);
    let study = &whole["study"];
    let share = |count: u64, of: u64| json!({"count": count, "of": of});
    // Account 1 in three weeks (Sunday 2026-04-05 is another week than Monday), 2 in one, 3 in one.
    assert_eq!((&study["uses"], &study["weeks"]), (&json!(5), &json!(14)));
    assert_eq!(study["accounts"], share(3, 4));
    assert_eq!(study["repeaters"], share(1, 3));
    assert_eq!(study["repeaters_uses"], share(3, 5));
    assert_eq!(study["half"], share(1, 3));
    assert_eq!(study["console_uses"], share(3, 5));
    assert_eq!(study["key_uses"], share(3, 5));
    assert_eq!(study["both_uses"], 1);
    assert_eq!((&study["keys"], &study["old_keys"]), (&json!(3), &share(1, 2)));
    assert_eq!(study["sign_ins_without_mfa"], share(3, 4));
    assert_eq!(study["sessions"], 7);
    assert_eq!(study["session_repeaters"], share(2, 3));
    let sizes: Vec<(Value, Value)> = study["sizes"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| (one["accounts"].clone(), one["uses"].clone()))
        .collect();
    assert_eq!(sizes, [(share(1, 2), json!(3)), (share(1, 1), json!(1)), (share(1, 1), json!(1))]);
    let mut without_new = args.clone();
    without_new.extend(["--new-account", "30d"]);
    let (report, _) = report(&folder, &without_new);
    let study = &report["study"];
    assert_eq!((&study["uses"], &study["new_account_uses"]), (&json!(4), &json!(1)));
    assert_eq!(study["accounts"], share(2, 4));
    assert_eq!(study["sign_ins_without_mfa"], share(2, 3));
    let weeks: Vec<&Value> = whole["weeks"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|week| week["accounts"] != 0)
        .map(|week| &week["start"])
        .collect();
    assert_eq!(weeks, ["2026-01-05", "2026-01-19", "2026-03-30", "2026-04-06"]);
}

#[test]
fn a_credential_report_tells_the_age_of_a_key_unless_it_could_be_another_one() {
    let folder = Folder::new();
    let root = |n: usize, first: &str, second: &str| {
        let account = account(n);
        let key = |made: &str| {
            format!("{},{},N/A,N/A,N/A", !made.is_empty(), if made.is_empty() { "N/A" } else { made })
        };
        format!(
            "<root_account>,arn:aws:iam::{account}:root,2014-05-14T08:20:11+00:00,not_supported,no_information,not_supported,\
             not_supported,true,{},{},false,N/A,false,N/A\n",
            key(first),
            key(second)
        )
    };
    let header =
        std::fs::read_to_string("sample-logs/credential-reports/111122223333-2025-11-12.csv").unwrap();
    let header = header.lines().next().unwrap();
    let made = "2026-01-01T00:00:00+00:00";
    let reports = [
        root(1, made, ""),
        root(2, made, "2025-06-01T00:00:00+00:00"),
        root(3, "2026-04-09T00:00:00+00:00", ""),
    ];
    for (n, report) in reports.iter().enumerate() {
        folder.put(format!("reports/{}-2026-04-12.csv", account(n + 1)), format!("{header}\n{report}"));
    }
    let path = |name: &str| folder.at(name).to_str().unwrap().to_owned();
    roottrail(["posture", &path("reports"), "--format", "json", "-o", &path("posture")]);
    let used = |n: usize| by_key(n as u64, &account(n), "2026-04-08T00:00:00Z", &format!("AKIA{n:016}"));
    folder.put("f", lines_of(&[used(1), used(2), used(3)]));
    let (report, _) = report(&folder, &[&path("f"), "--posture", &path("posture")]);
    let mut ages: Vec<(&str, &Value)> = report["keys"]
        .as_array()
        .unwrap()
        .iter()
        .map(|key| (key["account_id"].as_str().unwrap(), &key["age_days"]))
        .collect();
    ages.sort_by_key(|(account, _)| *account);
    let ages: Vec<&Value> = ages.into_iter().map(|(_, age)| age).collect();
    // One of two keys, and a key that is younger than its use, have no age.
    assert_eq!(ages, [&json!(97), &Value::Null, &Value::Null]);
    assert_eq!(report["study"]["old_keys"], json!({"count": 1, "of": 1}));
}
