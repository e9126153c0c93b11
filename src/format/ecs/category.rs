//! The ECS category and types that Elastic's AWS integration gives an action.

/// Returns `event.category` and `event.type` of an event name. Elastic's table is not complete: an action
/// that is not in the table (CreateLoginProfile, AssumeRoot, PasswordRecoveryRequested…) has no category and
/// the type `info`, and Elastic's rules are written with that in mind.
pub(super) fn of(event_name: &str) -> (Option<&'static str>, &'static [&'static str]) {
    match event_name {
        "AssumeRole" | "ConsoleLogin" => (Some("authentication"), &["info"]),
        "AttachUserPolicy"
        | "ChangePassword"
        | "CreateAccessKey"
        | "CreateVirtualMFADevice"
        | "DeactivateMFADevice"
        | "DeleteAccessKey"
        | "DeleteSSHPublicKey"
        | "DeleteUserPermissionsBoundary"
        | "DeleteUserPolicy"
        | "DeleteVirtualMFADevice"
        | "DetachUserPolicy"
        | "EnableMFADevice"
        | "PutUserPermissionsBoundary"
        | "PutUserPolicy"
        | "TagUser"
        | "UntagUser"
        | "UpdateAccessKey"
        | "UpdateLoginProfile"
        | "UpdateSSHPublicKey"
        | "UpdateUser" => (Some("iam"), &["user", "change"]),
        "CreateUser" => (Some("iam"), &["user", "creation"]),
        "DeleteUser" => (Some("iam"), &["user", "deletion"]),
        "GetUser"
        | "GetUserPolicy"
        | "ListAttachedUserPolicies"
        | "ListGroupsForUser"
        | "ListUserPolicies"
        | "ListUserTags"
        | "ListUsers" => (Some("iam"), &["user", "info"]),
        "AddUserToGroup"
        | "AttachGroupPolicy"
        | "DeleteGroupPolicy"
        | "DetachGroupPolicy"
        | "PutGroupPolicy"
        | "RemoveUserFromGroup"
        | "UpdateGroup" => (Some("iam"), &["group", "change"]),
        "CreateGroup" => (Some("iam"), &["group", "creation"]),
        "DeleteGroup" => (Some("iam"), &["group", "deletion"]),
        "GetGroup" | "GetGroupPolicy" | "ListAttachedGroupPolicies" | "ListGroupPolicies" | "ListGroups" => {
            (Some("iam"), &["group", "info"])
        }
        "SetDefaultPolicyVersion"
        | "SetSecurityTokenServicePreferences"
        | "UpdateAccountPasswordPolicy"
        | "UpdateRole" => (Some("iam"), &["admin", "change"]),
        "CreateKeyPair" => (Some("iam"), &["admin", "creation"]),
        "CreateBucket" => (Some("file"), &["creation"]),
        "DeleteBucket" => (Some("file"), &["deletion"]),
        _ => (None, &["info"]),
    }
}
