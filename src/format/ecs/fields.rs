//! The members of a record that have a field of their own, found in one pass.

use crate::json::Value;

macro_rules! fields {
    ($($field:ident = $key:literal,)*) => {
        /// The members of a record that have a field of their own.
        #[derive(Debug, Default)]
        pub(super) struct Fields<'r, 'a> {
            $(pub(super) $field: Option<&'r Value<'a>>,)*
        }

        impl<'r, 'a> Fields<'r, 'a> {
            /// Finds the fields of a record, whose keys must be distinct.
            pub(super) fn of(record: &'r Value<'a>) -> Self {
                let mut fields = Self::default();
                if let Value::Object(members) = record {
                    for (key, value) in members {
                        match &**key {
                            $($key => fields.$field = Some(value),)*
                            _ => {}
                        }
                    }
                }
                fields
            }
        }
    };
}

fields! {
    additional_event_data = "additionalEventData",
    api_version = "apiVersion",
    aws_region = "awsRegion",
    error_code = "errorCode",
    error_message = "errorMessage",
    event_category = "eventCategory",
    event_id = "eventID",
    event_name = "eventName",
    event_source = "eventSource",
    event_time = "eventTime",
    event_type = "eventType",
    event_version = "eventVersion",
    management_event = "managementEvent",
    read_only = "readOnly",
    recipient_account_id = "recipientAccountId",
    request_id = "requestID",
    request_parameters = "requestParameters",
    resources = "resources",
    response_elements = "responseElements",
    service_event_details = "serviceEventDetails",
    session_credential_from_console = "sessionCredentialFromConsole",
    shared_event_id = "sharedEventID",
    source_ip_address = "sourceIPAddress",
    tls_details = "tlsDetails",
    user_agent = "userAgent",
    user_identity = "userIdentity",
    vpc_endpoint_id = "vpcEndpointId",
}
