//! Small synthetic events for the rules' examples: what a rule looks at, in a plausible frame.

/// Writes a root API call from a session with MFA: the service, the event's name, and further members.
macro_rules! call {
    ($service:literal, $name:literal) => {
        $crate::rules::example::call!($service, $name, r#""readOnly":false"#)
    };
    ($service:literal, $name:literal, $more:literal) => {
        concat!(
            r#"{"eventVersion":"1.09","userIdentity":{"type":"Root","principalId":"111122223333","#,
            r#""arn":"arn:aws:iam::111122223333:root","accountId":"111122223333","#,
            r#""accessKeyId":"ASIAIOSFODNN7EXAMPLE","sessionContext":{"attributes":"#,
            r#"{"creationDate":"2024-05-01T11:58:00Z","mfaAuthenticated":"true"}}},"#,
            r#""eventTime":"2024-05-01T12:00:00Z","eventSource":""#,
            $service,
            r#".amazonaws.com","eventName":""#,
            $name,
            r#"","awsRegion":"us-east-1","sourceIPAddress":"203.0.113.7","userAgent":"aws-cli/2.17.0","#,
            $more,
            r#","eventType":"AwsApiCall","recipientAccountId":"111122223333"}"#
        )
    };
}

/// Writes a sign-in event of root: its name, how it ended, and `additionalEventData`.
macro_rules! sign_in {
    ($name:literal, $result:literal, $data:literal) => {
        concat!(
            r#"{"eventVersion":"1.08","userIdentity":{"type":"Root","principalId":"111122223333","#,
            r#""arn":"arn:aws:iam::111122223333:root","accountId":"111122223333","accessKeyId":""},"#,
            r#""eventTime":"2024-05-01T12:00:00Z","eventSource":"signin.amazonaws.com","eventName":""#,
            $name,
            r#"","awsRegion":"us-east-1","sourceIPAddress":"203.0.113.7","userAgent":"Mozilla/5.0","#,
            r#""responseElements":{""#,
            $name,
            r#"":""#,
            $result,
            r#""},"additionalEventData":"#,
            $data,
            r#","eventType":"AwsConsoleSignIn","recipientAccountId":"111122223333"}"#
        )
    };
}

/// Writes an API call by somebody else: the service, the event's name, `userIdentity`, and further members.
macro_rules! call_by {
    ($identity:literal, $service:literal, $name:literal, $more:literal) => {
        concat!(
            r#"{"eventVersion":"1.09","userIdentity":"#,
            $identity,
            r#","eventTime":"2024-05-01T12:00:00Z","eventSource":""#,
            $service,
            r#".amazonaws.com","eventName":""#,
            $name,
            r#"","awsRegion":"us-east-1","sourceIPAddress":"203.0.113.7","userAgent":"aws-cli/2.17.0","#,
            $more,
            r#","eventType":"AwsApiCall","recipientAccountId":"111122223333"}"#
        )
    };
}

pub(super) use {call, call_by, sign_in};
