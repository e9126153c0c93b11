//! The other watchers: AWS Config, GuardDuty, Security Hub, flow logs.

use super::example::call;
use super::rule::short::{CRITICAL, api, only};
use super::{Example, Rule};

pub(super) static RULES: &[Rule] = &[
    Rule {
        id: "root-config-stopped",
        title: "AWS Config was stopped or its delivery deleted",
        tried: "Root tried to stop AWS Config or to delete its delivery",
        attack: &["T1562.001", "T1562.008"],
        reason: "Changes to resources are no longer recorded.",
        next: "Start the recorder again; compare the configuration before and after the gap.",
        events: &[
            api("config", "StopConfigurationRecorder"),
            api("config", "DeleteConfigurationRecorder"),
            api("config", "DeleteDeliveryChannel"),
        ],
        example: Example {
            matching: call!("config", "StopConfigurationRecorder"),
            other: call!("config", "StartConfigurationRecorder"),
        },
        ..CRITICAL
    },
    Rule {
        id: "root-guardduty-disabled",
        title: "GuardDuty was switched off or cut loose",
        tried: "Root tried to switch GuardDuty off or to cut it loose",
        attack: &["T1562.001"],
        reason: "Nobody hears of what follows.",
        next: "Enable the detector again and join the administrator account; read the gap by hand.",
        events: &[
            api("guardduty", "DeleteDetector"),
            only("guardduty", "UpdateDetector", "enable is false, or the parameters were left out", |case| {
                case.record.parameters_are_omitted()
                    || case.record.yes_or_no("requestParameters.enable") == Some(false)
            }),
            api("guardduty", "StopMonitoringMembers"),
            api("guardduty", "DisassociateFrom*Account"),
            api("guardduty", "DisassociateMembers"),
            api("guardduty", "DeleteMembers"),
        ],
        example: Example {
            matching: call!("guardduty", "DeleteDetector"),
            other: call!("guardduty", "UpdateDetector", r#""requestParameters":{"enable":true}"#),
        },
        ..CRITICAL
    },
    Rule {
        id: "root-security-hub-disabled",
        title: "Security Hub or one of its standards was switched off",
        tried: "Root tried to switch off Security Hub or one of its standards",
        attack: &["T1562.001"],
        reason: "Its checks and the findings of other services are no longer collected.",
        next: "Enable it again; read the checks that failed just before.",
        events: &[api("securityhub", "Disable*"), api("securityhub", "BatchDisable*")],
        example: Example {
            matching: call!("securityhub", "DisableSecurityHub"),
            other: call!("securityhub", "EnableSecurityHub"),
        },
        ..CRITICAL
    },
    Rule {
        id: "root-flow-logs-deleted",
        title: "Flow logs were deleted",
        tried: "Root tried to delete flow logs",
        attack: &["T1562.008"],
        reason: "Network traffic is no longer recorded.",
        next: "Make the flow logs again; look at the machines of that network.",
        events: &[api("ec2", "DeleteFlowLogs")],
        example: Example { matching: call!("ec2", "DeleteFlowLogs"), other: call!("ec2", "CreateFlowLogs") },
        ..CRITICAL
    },
];
