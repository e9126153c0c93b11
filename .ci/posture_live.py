"""roottrail posture --live against moto. moto has no root user in its credential reports and never says that it is busy, so
its answers are added to here."""
import json, os, select, socket, socketserver, subprocess, sys, threading, urllib.parse

import boto3
import moto.core.responses
import moto.iam.models, moto.iam.responses, moto.organizations.models
from moto.core.exceptions import JsonRESTError
from moto.iam.exceptions import IAMException

from s3 import moto as server

ACCOUNT = '123456789012'
ROOT = (f'<root_account>,arn:aws:iam::{ACCOUNT}:root,2014-05-14T08:20:11+00:00,not_supported,no_information,not_supported,'
        'not_supported,true,false,N/A,N/A,N/A,N/A,false,N/A,N/A,N/A,N/A,false,N/A,false,N/A\n')
counts = {}


def every_third(name, error, method):
    """The method, refused twice before each time that it answers."""
    def wrapped(*args, **kwargs):
        counts[name] = counts.get(name, 0) + 1
        if counts[name] % 3:
            raise error()
        return method(*args, **kwargs)
    return wrapped


def throttled_xml():
    return IAMException('Throttling', 'Rate exceeded')


def throttled_json():
    return JsonRESTError('TooManyRequestsException', 'busy')


def report_with_root(self, plain=moto.iam.models.IAMBackend.get_credential_report):
    header, newline, rows = plain(self).partition('\n')
    return header + newline + ROOT + rows


iam, organizations = moto.iam.models.IAMBackend, moto.organizations.models.OrganizationsBackend
iam.get_credential_report = every_third('report', throttled_xml, report_with_root)
iam.list_virtual_mfa_devices = every_third('devices', throttled_xml, iam.list_virtual_mfa_devices)
organizations.describe_policy = every_third('policies', throttled_json, organizations.describe_policy)
organizations.list_accounts_for_parent = every_third('accounts', throttled_json, organizations.list_accounts_for_parent)


def posture(url, *args, **own):
    environment = {name: value for name, value in os.environ.items() if not name.startswith('AWS_')}
    environment |= {'AWS_ACCESS_KEY_ID': 'AKIAIOSFODNN7EXAMPLE', 'AWS_SECRET_ACCESS_KEY': 'secret', 'AWS_REGION': 'us-east-1'} | own
    command = [os.environ['ROOTTRAIL'], 'posture', '--live', '--endpoint-url', url, '-f', 'json', *args]
    done = subprocess.run(command, capture_output=True, text=True, env=environment)
    print(done.stderr, file=sys.stderr, end='')
    return done.returncode, json.loads(done.stdout) if done.stdout else None


class Proxy(socketserver.StreamRequestHandler):
    """A proxy for requests in clear, each of which names its whole URL; it keeps what it was asked for."""
    asked = []
    # Nothing behind the head is taken out of the socket.
    rbufsize = 0

    def handle(self):
        head = []
        while (line := self.rfile.readline()).strip():
            head.append(line.decode())
        _, target, _ = head[0].split()
        url = urllib.parse.urlsplit(target)
        self.asked.append((f'{url.scheme}://{url.netloc}', [line for line in head if line.lower().startswith('proxy-authorization')]))
        with socket.create_connection((url.hostname, url.port)) as other:
            # moto's server takes whole URLs as well, so that what follows on the connection is passed on as it is.
            other.sendall(''.join(head).encode() + line)
            ends = {self.connection: other, other: self.connection}
            while True:
                for one in select.select(list(ends), [], [])[0]:
                    data = one.recv(65536)
                    if not data:
                        return
                    ends[one].sendall(data)


with server() as url:
    def client(name):
        return boto3.client(name, endpoint_url=url, region_name='us-east-1', aws_access_key_id='AKIAIOSFODNN7EXAMPLE',
                            aws_secret_access_key='secret')
    # An account that stands alone, with 105 virtual devices of a user: two pages.
    users = client('iam')
    users.create_user(UserName='alice')
    for number in range(105):
        serial = users.create_virtual_mfa_device(VirtualMFADeviceName=f'device-{number:03}')['VirtualMFADevice']['SerialNumber']
        users.enable_mfa_device(UserName='alice', SerialNumber=serial, AuthenticationCode1='123456', AuthenticationCode2='654321')
    code, alone = posture(url)
    assert code == 0, (code, alone)
    (account,) = alone['accounts']
    assert account['account_id'] == ACCOUNT and account['organization'] is None, account
    assert account['mfa'] is True and account['virtual_mfa'] is False, account
    assert account['checks']['root_hardware_mfa']['status'] == 'pass', account
    assert any('in no organization' in note for note in alone['notes']), alone['notes']
    assert counts['report'] == 3 and counts['devices'] == 6, counts
    # The same account manages an organization of 25 accounts, with units, policies and their targets.
    org = client('organizations')
    organization = org.create_organization(FeatureSet='ALL')['Organization']
    root = org.list_roots()['Roots'][0]['Id']
    org.enable_policy_type(RootId=root, PolicyType='SERVICE_CONTROL_POLICY')
    unit = org.create_organizational_unit(ParentId=root, Name='production')['OrganizationalUnit']['Id']
    members = [org.create_account(Email=f'a{n}@example.com', AccountName=f'account {n}')['CreateAccountStatus']['AccountId']
               for n in range(25)]
    for member in members[:10]:
        org.move_account(AccountId=member, SourceParentId=root, DestinationParentId=unit)
    deny = {'Version': '2012-10-17', 'Statement': [{'Sid': 'RootMfa', 'Effect': 'Deny', 'Action': '*', 'Resource': '*', 'Condition': {
        'BoolIfExists': {'aws:MultiFactorAuthPresent': 'false'}, 'StringLike': {'aws:PrincipalArn': 'arn:aws:iam::*:root'}}}]}
    policy = org.create_policy(Name='root-mfa', Description='', Type='SERVICE_CONTROL_POLICY', Content=json.dumps(deny))
    org.attach_policy(PolicyId=policy['Policy']['PolicySummary']['Id'], TargetId=unit)
    # Reports of two members, as files beside what AWS says of the organization.
    os.makedirs('target/posture-live', exist_ok=True)
    header = ('user,arn,user_creation_time,password_enabled,password_last_used,password_last_changed,password_next_rotation,'
                              'mfa_active,access_key_1_active,access_key_1_last_rotated,access_key_1_last_used_date,access_key_1_last_used_region,'
                              'access_key_1_last_used_service,access_key_2_active,access_key_2_last_rotated,access_key_2_last_used_date,'
                              'access_key_2_last_used_region,access_key_2_last_used_service,cert_1_active,cert_1_last_rotated,cert_2_active,'
                              'cert_2_last_rotated\n')
    inside, outside = members[0], members[24]
    with open('target/posture-live/2025-11-19.csv', 'w') as file:
        file.write(header + ''.join(ROOT.replace(ACCOUNT, member).replace(',true,', ',false,') for member in (inside, outside)))
    code, whole = posture(url, 'target/posture-live/2025-11-19.csv')
    assert code == 0, (code, whole and whole['problems'])
    by_id = {account['account_id']: account for account in whole['accounts']}
    assert set(by_id) == {ACCOUNT, inside, outside}, set(by_id)
    assert by_id[ACCOUNT]['organization'] == {'id': organization['Id'], 'management': True}, by_id[ACCOUNT]
    assert by_id[inside]['name'] == 'account 0', by_id[inside]
    assert by_id[inside]['scp']['verdict'] == 'root_without_mfa_denied', by_id[inside]['scp']
    assert by_id[inside]['scp']['proof'][0]['target'] == unit, by_id[inside]['scp']
    assert by_id[outside]['scp']['verdict'] == 'not_denied', by_id[outside]['scp']
    assert by_id[inside]['checks']['root_mfa']['status'] == 'mitigated', by_id[inside]['checks']
    assert by_id[outside]['checks']['root_mfa']['status'] == 'violation', by_id[outside]['checks']
    print('asked:', counts)
    # Through a proxy, with its password; and not where NO_PROXY says so.
    with socketserver.ThreadingTCPServer(('127.0.0.1', 0), Proxy) as proxy:
        proxy.daemon_threads = True
        threading.Thread(target=proxy.serve_forever, daemon=True).start()
        at = f'http://me:secret@127.0.0.1:{proxy.server_address[1]}'
        assert posture(url, HTTP_PROXY=at, HTTPS_PROXY=at)[0] == 0
        assert Proxy.asked and all(password for _, password in Proxy.asked), Proxy.asked
        assert {target for target, _ in Proxy.asked} == {url}, Proxy.asked
        Proxy.asked.clear()
        assert posture(url, HTTP_PROXY=at, HTTPS_PROXY=at, NO_PROXY='127.0.0.1')[0] == 0 and not Proxy.asked
        proxy.shutdown()
    # Signatures: from here on moto calculates each with botocore, of a user's key, of a profile's, and of a role that is assumed.
    allow = {'Version': '2012-10-17', 'Statement': [{'Effect': 'Allow', 'Action': '*', 'Resource': '*'}]}
    users.put_user_policy(UserName='alice', PolicyName='all', PolicyDocument=json.dumps(allow))
    key = users.create_access_key(UserName='alice')['AccessKey']
    trust = {'Version': '2012-10-17', 'Statement': [{'Effect': 'Allow', 'Principal': {'AWS': '*'}, 'Action': 'sts:AssumeRole'}]}
    role = users.create_role(RoleName='audit', AssumeRolePolicyDocument=json.dumps(trust))['Role']['Arn']
    users.put_role_policy(RoleName='audit', PolicyName='all', PolicyDocument=json.dumps(allow))
    with open('target/posture-live/credentials', 'w') as file:
        file.write(f'[auditor]\naws_access_key_id = {key["AccessKeyId"]}\naws_secret_access_key = {key["SecretAccessKey"]}\n')
    own = {'AWS_ACCESS_KEY_ID': key['AccessKeyId'], 'AWS_SECRET_ACCESS_KEY': key['SecretAccessKey']}
    files = {'AWS_SHARED_CREDENTIALS_FILE': 'target/posture-live/credentials', 'AWS_CONFIG_FILE': '/dev/null'}
    moto.core.responses.settings.INITIAL_NO_AUTH_ACTION_COUNT = 0
    assert posture(url, **own)[0] == 0
    assert posture(url, '--profile', 'auditor', **files)[0] == 0
    assert posture(url, '--assume-role-arn', role, **own, AWS_ENDPOINT_URL_STS=url)[0] == 0
    code, refusal = posture(url, **own | {'AWS_SECRET_ACCESS_KEY': 'another'})
    assert code == 3 and 'SignatureDoesNotMatch' in refusal['problems'][0]['message'], refusal
    moto.core.responses.settings.INITIAL_NO_AUTH_ACTION_COUNT = float('inf')
    # IAM refuses for good: named, and exit 3.
    def refused(*_):
        raise IAMException('AccessDenied', 'not you')
    iam.generate_report = refused
    code, refusal = posture(url)
    assert code == 3 and refusal['problems'][0]['kind'] == 'refused' and 'AccessDenied' in refusal['problems'][0]['message'], refusal
print('posture --live against moto: pages, waits, throttling, an organization, a proxy, signatures, a role, a refusal')
