//! The calls that generated events are made of: the service, the request and the response.
//!
//! Each row of the table is one kind of event, with a weight that says how often it occurs. Words in `<angle
//! brackets>` are slots. A slot is filled for each event, with a new value or with one of the object's
//! callers and resources; `template.rs` knows all slots.

/// The maker of a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Who {
    /// Users, roles and root.
    Principals,
    /// The AWS service of this host, by itself.
    Service(&'static str),
}

/// A kind of event. Empty texts are left out of the event.
#[derive(Debug)]
pub(crate) struct Call {
    pub(crate) who: Who,
    /// The frequency, compared with that of the other kinds.
    pub(crate) weight: usize,
    pub(crate) version: &'static str,
    /// `eventSource` without `.amazonaws.com`.
    pub(crate) service: &'static str,
    pub(crate) name: &'static str,
    pub(crate) read_only: bool,
    pub(crate) management: bool,
    /// `errorCode` and `errorMessage`.
    pub(crate) error: Option<(&'static str, &'static str)>,
    pub(crate) request: &'static str,
    pub(crate) response: &'static str,
    pub(crate) additional: &'static str,
    pub(crate) resources: &'static str,
}

/// The members that most calls have in common.
const CALL: Call = Call {
    who: Who::Principals,
    weight: 4,
    version: "1.10",
    service: "ec2",
    name: "",
    read_only: true,
    management: true,
    error: None,
    request: "null",
    response: "null",
    additional: "",
    resources: "",
};

/// The members that S3 adds to each event: mostly noise to a compressor.
const S3_DETAILS: &str = r#"{"SignatureVersion":"SigV4","CipherSuite":"TLS_AES_128_GCM_SHA256","bytesTransferredIn":<number:3>,"AuthenticationMethod":"AuthHeader","x-amz-id-2":"<base64:76>","bytesTransferredOut":<number:5>}"#;
const BUCKET: &str = r#"[{"accountId":"<account>","type":"AWS::S3::Bucket","ARN":"arn:aws:s3:::<bucket>"}]"#;
const BUCKET_OBJECT: &str = r#"[{"type":"AWS::S3::Object","ARN":"arn:aws:s3:::<bucket>/<object>"},{"accountId":"<account>","type":"AWS::S3::Bucket","ARN":"arn:aws:s3:::<bucket>"}]"#;
const KMS_KEY: &str = r#"[{"accountId":"<account>","type":"AWS::KMS::Key","ARN":"arn:aws:kms:<region>:<account>:key/<thing>"}]"#;

pub(crate) const CALLS: [Call; 32] = [
    Call {
        name: "DescribeInstances",
        weight: 9,
        request: r#"{"maxResults":200,"instancesSet":{},"filterSet":{"items":[{"name":"instance-state-name","valueSet":{"items":[{"value":"running"}]}},{"name":"tag:team","valueSet":{"items":[{"value":"<word>"}]}}]}}"#,
        ..CALL
    },
    Call {
        name: "DescribeInstanceStatus",
        weight: 5,
        request: r#"{"instancesSet":{"items":[{"instanceId":"i-<id>"}]},"filterSet":{},"includeAllInstances":true}"#,
        ..CALL
    },
    Call {
        name: "DescribeVolumes",
        weight: 5,
        request: r#"{"volumeSet":{"items":[{"volumeId":"vol-<id>"},{"volumeId":"vol-<fresh-id>"}]},"filterSet":{}}"#,
        ..CALL
    },
    Call {
        name: "DescribeNetworkInterfaces",
        weight: 6,
        request: r#"{"networkInterfaceIdSet":{},"filterSet":{"items":[{"name":"subnet-id","valueSet":{"items":[{"value":"subnet-<id>"}]}}]}}"#,
        ..CALL
    },
    Call {
        name: "CreateNetworkInterface",
        weight: 2,
        read_only: false,
        request: r#"{"subnetId":"subnet-<id>","description":"AWS Lambda VPC ENI-<word>-<thing>","groupSet":{"items":[{"groupId":"sg-<id>"}]},"privateIpAddressesSet":{},"clientToken":"<uuid>"}"#,
        response: r#"{"requestId":"<uuid>","networkInterface":{"networkInterfaceId":"eni-<fresh-id>","subnetId":"subnet-<id>","vpcId":"vpc-<id>","availabilityZone":"<region>a","ownerId":"<account>","requesterManaged":false,"status":"pending","macAddress":"0a:<hex:2>:<hex:2>:<hex:2>:<hex:2>:<hex:2>","privateIpAddress":"10.<number:2>.<number:2>.<number:2>","sourceDestCheck":true,"interfaceType":"lambda","groupSet":{"items":[{"groupId":"sg-<id>","groupName":"<word>-workers"}]},"tagSet":{},"ipv6AddressesSet":{}}}"#,
        ..CALL
    },
    Call {
        name: "RunInstances",
        weight: 1,
        read_only: false,
        request: r#"{"instancesSet":{"items":[{"imageId":"ami-<id>","minCount":1,"maxCount":1}]},"instanceType":"m7i.xlarge","blockDeviceMapping":{},"monitoring":{"enabled":false},"disableApiTermination":false,"clientToken":"<uuid>","launchTemplate":{"launchTemplateId":"lt-<id>","version":"<number:2>"},"tagSpecificationSet":{"items":[{"resourceType":"instance","tags":[{"key":"team","value":"<word>"},{"key":"managed-by","value":"autoscaler"}]}]}}"#,
        response: r#"{"requestId":"<uuid>","reservationId":"r-<fresh-id>","ownerId":"<account>","groupSet":{},"instancesSet":{"items":[{"instanceId":"i-<fresh-id>","imageId":"ami-<id>","currentInstanceBootMode":"uefi","instanceState":{"code":0,"name":"pending"},"privateDnsName":"ip-10-<number:2>-<number:2>-<number:2>.<region>.compute.internal","amiLaunchIndex":0,"instanceType":"m7i.xlarge","placement":{"availabilityZone":"<region>b","tenancy":"default"},"monitoring":{"state":"disabled"},"subnetId":"subnet-<id>","vpcId":"vpc-<id>","architecture":"x86_64","rootDeviceType":"ebs","rootDeviceName":"/dev/xvda","virtualizationType":"hvm","hypervisor":"xen","enaSupport":true,"networkInterfaceSet":{"items":[{"networkInterfaceId":"eni-<fresh-id>","status":"in-use","macAddress":"0e:<hex:2>:<hex:2>:<hex:2>:<hex:2>:<hex:2>","attachment":{"attachmentId":"eni-attach-<fresh-id>","deviceIndex":0,"status":"attaching"}}]}}]}}"#,
        ..CALL
    },
    Call {
        name: "DescribeSecurityGroups",
        weight: 4,
        request: r#"{"securityGroupSet":{},"securityGroupIdSet":{"items":[{"groupId":"sg-<id>"}]},"filterSet":{}}"#,
        ..CALL
    },
    Call {
        name: "DescribeSnapshots",
        weight: 2,
        error: Some((
            "Client.UnauthorizedOperation",
            "You are not authorized to perform this operation. Encoded authorization failure message: <base64:412>",
        )),
        request: r#"{"snapshotSet":{},"ownersSet":{"items":[{"owner":"self"}]},"filterSet":{},"maxResults":1000}"#,
        ..CALL
    },
    Call {
        service: "s3",
        version: "1.11",
        name: "GetObject",
        weight: 14,
        management: false,
        request: r#"{"bucketName":"<bucket>","Host":"<bucket>.s3.<region>.amazonaws.com","key":"<object>"}"#,
        additional: S3_DETAILS,
        resources: BUCKET_OBJECT,
        ..CALL
    },
    Call {
        service: "s3",
        version: "1.11",
        name: "PutObject",
        weight: 9,
        read_only: false,
        management: false,
        request: r#"{"bucketName":"<bucket>","Host":"<bucket>.s3.<region>.amazonaws.com","key":"<object>","x-amz-server-side-encryption":"aws:kms"}"#,
        response: r#"{"x-amz-server-side-encryption":"aws:kms","x-amz-server-side-encryption-aws-kms-key-id":"arn:aws:kms:<region>:<account>:key/<thing>","x-amz-checksum-crc64nvme":"<base64:12>"}"#,
        additional: S3_DETAILS,
        resources: BUCKET_OBJECT,
        ..CALL
    },
    Call {
        service: "s3",
        version: "1.11",
        name: "HeadObject",
        weight: 4,
        management: false,
        error: Some(("NoSuchKey", "The specified key does not exist.")),
        request: r#"{"bucketName":"<bucket>","Host":"<bucket>.s3.<region>.amazonaws.com","key":"<object>"}"#,
        additional: S3_DETAILS,
        resources: BUCKET_OBJECT,
        ..CALL
    },
    Call {
        service: "s3",
        version: "1.11",
        name: "GetBucketAcl",
        weight: 4,
        who: Who::Service("cloudtrail"),
        request: r#"{"bucketName":"<bucket>","acl":"","Host":"<bucket>.s3.<region>.amazonaws.com"}"#,
        additional: S3_DETAILS,
        resources: BUCKET,
        ..CALL
    },
    Call {
        service: "s3",
        version: "1.11",
        name: "GetBucketPolicy",
        weight: 2,
        request: r#"{"bucketName":"<bucket>","policy":"","Host":"<bucket>.s3.<region>.amazonaws.com"}"#,
        additional: S3_DETAILS,
        resources: BUCKET,
        ..CALL
    },
    Call {
        service: "s3",
        version: "1.11",
        name: "PutBucketPolicy",
        weight: 1,
        read_only: false,
        request: r#"{"bucketName":"<bucket>","bucketPolicy":{"Version":"2012-10-17","Statement":[{"Sid":"OnlyEncrypted","Effect":"Deny","Principal":"*","Action":"s3:*","Resource":["arn:aws:s3:::<bucket>","arn:aws:s3:::<bucket>/*"],"Condition":{"Bool":{"aws:SecureTransport":"false"}}},{"Sid":"Readers","Effect":"Allow","Principal":{"AWS":"arn:aws:iam::<account>:role/<word>-reader"},"Action":["s3:GetObject","s3:ListBucket"],"Resource":["arn:aws:s3:::<bucket>","arn:aws:s3:::<bucket>/*"]}]},"Host":"<bucket>.s3.<region>.amazonaws.com","policy":""}"#,
        additional: S3_DETAILS,
        resources: BUCKET,
        ..CALL
    },
    Call {
        service: "kms",
        version: "1.11",
        name: "Decrypt",
        weight: 12,
        request: r#"{"encryptionAlgorithm":"SYMMETRIC_DEFAULT","encryptionContext":{"aws:s3:arn":"arn:aws:s3:::<bucket>/<object>"}}"#,
        additional: r#"{"keyMaterialId":"<hex:64>"}"#,
        resources: KMS_KEY,
        ..CALL
    },
    Call {
        service: "kms",
        version: "1.11",
        name: "GenerateDataKey",
        weight: 7,
        request: r#"{"keyId":"arn:aws:kms:<region>:<account>:key/<thing>","keySpec":"AES_256","encryptionContext":{"aws:s3:arn":"arn:aws:s3:::<bucket>"}}"#,
        additional: r#"{"keyMaterialId":"<hex:64>"}"#,
        resources: KMS_KEY,
        ..CALL
    },
    Call {
        service: "kms",
        version: "1.11",
        name: "Decrypt",
        weight: 6,
        who: Who::Service("lambda"),
        request: r#"{"encryptionAlgorithm":"SYMMETRIC_DEFAULT","encryptionContext":{"aws:lambda:FunctionArn":"arn:aws:lambda:<region>:<account>:function:<word>-worker"}}"#,
        resources: KMS_KEY,
        ..CALL
    },
    Call {
        service: "kms",
        version: "1.11",
        name: "CreateKey",
        weight: 1,
        read_only: false,
        request: r#"{"policy":"{\"Version\":\"2012-10-17\",\"Id\":\"<word>-keys\",\"Statement\":[{\"Sid\":\"Administration by the account\",\"Effect\":\"Allow\",\"Principal\":{\"AWS\":\"arn:aws:iam::<account>:root\"},\"Action\":\"kms:*\",\"Resource\":\"*\"},{\"Sid\":\"Use\",\"Effect\":\"Allow\",\"Principal\":{\"AWS\":[\"arn:aws:iam::<account>:role/<word>-reader\",\"arn:aws:iam::<account>:role/<word>-writer\"]},\"Action\":[\"kms:Encrypt\",\"kms:Decrypt\",\"kms:ReEncrypt*\",\"kms:GenerateDataKey*\",\"kms:DescribeKey\"],\"Resource\":\"*\"}]}","description":"data of <word>","keyUsage":"ENCRYPT_DECRYPT","customerMasterKeySpec":"SYMMETRIC_DEFAULT","origin":"AWS_KMS","bypassPolicyLockoutSafetyCheck":false,"multiRegion":false,"tags":[{"tagKey":"team","tagValue":"<word>"}]}"#,
        response: r#"{"keyMetadata":{"aWSAccountId":"<account>","keyId":"<uuid>","arn":"arn:aws:kms:<region>:<account>:key/<thing>","creationDate":"<time>","enabled":true,"description":"data of <word>","keyUsage":"ENCRYPT_DECRYPT","keyState":"Enabled","origin":"AWS_KMS","keyManager":"CUSTOMER","customerMasterKeySpec":"SYMMETRIC_DEFAULT","keySpec":"SYMMETRIC_DEFAULT","encryptionAlgorithms":["SYMMETRIC_DEFAULT"],"multiRegion":false}}"#,
        resources: KMS_KEY,
        ..CALL
    },
    Call {
        service: "sts",
        version: "1.08",
        name: "AssumeRole",
        weight: 7,
        who: Who::Service("lambda"),
        request: r#"{"roleArn":"arn:aws:iam::<account>:role/<word>-worker","roleSessionName":"<word>-worker"}"#,
        response: r#"{"credentials":{"accessKeyId":"ASIA<base32:16>","sessionToken":"IQoJb3JpZ2luX2VjE<base64:380>","expiration":"<time>"}}"#,
        resources: r#"[{"accountId":"<account>","type":"AWS::IAM::Role","ARN":"arn:aws:iam::<account>:role/<word>-worker"}]"#,
        ..CALL
    },
    Call {
        service: "sts",
        version: "1.08",
        name: "AssumeRole",
        weight: 4,
        request: r#"{"roleArn":"arn:aws:iam::<account>:role/<word>-deploy","roleSessionName":"run-<number:6>","durationSeconds":3600,"tags":[{"key":"repository","value":"<word>-service"},{"key":"run","value":"<hex:40>"}]}"#,
        response: r#"{"credentials":{"accessKeyId":"ASIA<base32:16>","sessionToken":"IQoJb3JpZ2luX2VjE<base64:520>","expiration":"<time>"},"assumedRoleUser":{"assumedRoleId":"<principal>:run","arn":"arn:aws:sts::<account>:assumed-role/<word>-deploy/run"}}"#,
        resources: r#"[{"accountId":"<account>","type":"AWS::IAM::Role","ARN":"arn:aws:iam::<account>:role/<word>-deploy"}]"#,
        ..CALL
    },
    Call { service: "sts", version: "1.08", name: "GetCallerIdentity", weight: 4, ..CALL },
    Call {
        service: "iam",
        version: "1.11",
        name: "ListAttachedRolePolicies",
        weight: 3,
        request: r#"{"roleName":"<word>-worker"}"#,
        ..CALL
    },
    Call {
        service: "iam",
        version: "1.11",
        name: "PutRolePolicy",
        weight: 1,
        read_only: false,
        request: r#"{"roleName":"<word>-worker","policyName":"access","policyDocument":"{\n  \"Version\": \"2012-10-17\",\n  \"Statement\": [\n    {\n      \"Effect\": \"Allow\",\n      \"Action\": [\"s3:GetObject\", \"s3:PutObject\"],\n      \"Resource\": \"arn:aws:s3:::<bucket>/*\"\n    },\n    {\n      \"Effect\": \"Allow\",\n      \"Action\": \"kms:Decrypt\",\n      \"Resource\": \"arn:aws:kms:<region>:<account>:key/<thing>\"\n    }\n  ]\n}"}"#,
        ..CALL
    },
    Call {
        service: "logs",
        version: "1.09",
        name: "CreateLogStream",
        weight: 6,
        read_only: false,
        request: r#"{"logGroupName":"/aws/lambda/<word>-worker","logStreamName":"<day>/[$LATEST]<hex:32>"}"#,
        ..CALL
    },
    Call {
        service: "logs",
        version: "1.09",
        name: "DescribeLogStreams",
        weight: 3,
        request: r#"{"logGroupName":"/aws/lambda/<word>-worker","orderBy":"LastEventTime","descending":true,"limit":50}"#,
        ..CALL
    },
    Call {
        service: "lambda",
        version: "1.09",
        name: "UpdateFunctionCode20150331v2",
        weight: 1,
        read_only: false,
        request: r#"{"functionName":"<word>-worker","s3Bucket":"<bucket>","s3Key":"<object>","publish":true,"dryRun":false}"#,
        response: r#"{"functionName":"<word>-worker","functionArn":"arn:aws:lambda:<region>:<account>:function:<word>-worker","runtime":"python3.13","role":"arn:aws:iam::<account>:role/<word>-worker","handler":"worker.handle","codeSize":<number:7>,"description":"","timeout":60,"memorySize":1024,"lastModified":"<time>","codeSha256":"<base64:43>=","version":"<number:2>","environment":{},"tracingConfig":{"mode":"PassThrough"},"revisionId":"<uuid>","state":"Active","lastUpdateStatus":"InProgress","packageType":"Zip","architectures":["arm64"],"ephemeralStorage":{"size":512},"loggingConfig":{"logFormat":"JSON","logGroup":"/aws/lambda/<word>-worker"}}"#,
        ..CALL
    },
    Call {
        service: "dynamodb",
        version: "1.11",
        name: "DescribeTable",
        weight: 5,
        request: r#"{"tableName":"<word>-state"}"#,
        resources: r#"[{"accountId":"<account>","type":"AWS::DynamoDB::Table","ARN":"arn:aws:dynamodb:<region>:<account>:table/<word>-state"}]"#,
        ..CALL
    },
    Call {
        service: "secretsmanager",
        version: "1.11",
        name: "GetSecretValue",
        weight: 5,
        request: r#"{"secretId":"arn:aws:secretsmanager:<region>:<account>:secret:<word>/database-<id>"}"#,
        ..CALL
    },
    Call {
        service: "ssm",
        version: "1.11",
        name: "UpdateInstanceInformation",
        weight: 6,
        read_only: false,
        request: r#"{"instanceId":"i-<id>","agentVersion":"3.3.2958.0","agentStatus":"Active","platformType":"Linux","platformName":"Amazon Linux","platformVersion":"2023","iPAddress":"10.<number:2>.<number:2>.<number:2>","computerName":"ip-10-0-0-<number:2>.<region>.compute.internal","agentName":"amazon-ssm-agent","sSMConnectionChannel":"ssmmessages"}"#,
        ..CALL
    },
    Call {
        service: "elasticloadbalancing",
        version: "1.08",
        name: "DescribeTargetHealth",
        weight: 5,
        request: r#"{"targetGroupArn":"arn:aws:elasticloadbalancing:<region>:<account>:targetgroup/<word>/<id>"}"#,
        ..CALL
    },
    Call {
        service: "ecr",
        version: "1.11",
        name: "BatchGetImage",
        weight: 3,
        request: r#"{"registryId":"<account>","repositoryName":"<word>/service","imageIds":[{"imageDigest":"sha256:<hex:64>"}],"acceptedMediaTypes":["application/vnd.docker.distribution.manifest.v2+json","application/vnd.oci.image.manifest.v1+json","application/vnd.oci.image.index.v1+json"]}"#,
        resources: r#"[{"accountId":"<account>","ARN":"arn:aws:ecr:<region>:<account>:repository/<word>/service"}]"#,
        ..CALL
    },
    Call {
        service: "monitoring",
        version: "1.10",
        name: "PutMetricAlarm",
        weight: 1,
        read_only: false,
        request: r#"{"alarmName":"<word>-errors","alarmDescription":"more than {5} errors: see [runbook]","actionsEnabled":true,"alarmActions":["arn:aws:sns:<region>:<account>:<word>-pager"],"metricName":"Errors","namespace":"AWS/Lambda","statistic":"Sum","dimensions":[{"name":"FunctionName","value":"<word>-worker"}],"period":60,"evaluationPeriods":5,"threshold":5,"comparisonOperator":"GreaterThanThreshold","treatMissingData":"notBreaching"}"#,
        ..CALL
    },
];
