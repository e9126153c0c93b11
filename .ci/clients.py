"""aws-cli and roottrail side by side: with the same profile, environment and endpoint both must ask the same host as the
same caller. A proxy of our own stands before all of AWS, ends TLS and answers as S3, STS, SSO and the container's
agent do; it notes who asked."""
import base64, hashlib, json, os, re, socketserver, ssl, subprocess, sys, tempfile, threading, time
from datetime import datetime, timedelta, timezone
from urllib.parse import parse_qs
from concurrent.futures import ThreadPoolExecutor

AWS, ROOTTRAIL = os.environ['AWS_CLI'], os.environ['ROOTTRAIL']
REGION = 'eu-west-1'
HOSTS = [f'*.s3.{REGION}.amazonaws.com', f's3.{REGION}.amazonaws.com', f'sts.{REGION}.amazonaws.com', 'sts.amazonaws.com',
         f'portal.sso.{REGION}.amazonaws.com', f'*.s3-accesspoint.{REGION}.amazonaws.com',
         's3.corp.example', '*.s3.corp.example']
LATER = (datetime.now(timezone.utc) + timedelta(hours=8)).strftime('%Y-%m-%dT%H:%M:%SZ')
LIST = ('<?xml version="1.0"?><ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><Name>trail</Name><Prefix>'
        '</Prefix><KeyCount>0</KeyCount><MaxKeys>1</MaxKeys><IsTruncated>false</IsTruncated></ListBucketResult>')


def certificate(folder):
    """One for all hosts, which is its own authority."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, 'roottrail test')])
    now = datetime.now(timezone.utc)
    made = (x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - timedelta(hours=1)).not_valid_after(now + timedelta(days=1))
            .add_extension(x509.SubjectAlternativeName([x509.DNSName(host) for host in HOSTS]), False)
            .sign(key, hashes.SHA256()))
    pem = made.public_bytes(serialization.Encoding.PEM)
    with open(f'{folder}/ca.pem', 'wb') as file:
        file.write(pem)
    with open(f'{folder}/both.pem', 'wb') as file:
        file.write(pem + key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8,
                                           serialization.NoEncryption()))
    return f'{folder}/ca.pem', f'{folder}/both.pem'


def keys_for(kind, what):
    """Credentials that tell whose they are."""
    return {'id': f'ASIA{kind}{hashlib.sha256(what.encode()).hexdigest()[:6].upper()}', 'secret': 'secret', 'token': f'{kind}:{what}'}


class Stub(socketserver.ThreadingTCPServer):
    daemon_threads, allow_reuse_address = True, True

    def __init__(self, both):
        super().__init__(('127.0.0.1', 0), Handler)
        self.asked, self.lock = {}, threading.Lock()
        self.tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.tls.load_cert_chain(both)
        threading.Thread(target=self.serve_forever, daemon=True).start()

    def handle_error(self, *_):
        """Clients close connections as they like."""


class Handler(socketserver.BaseRequestHandler):
    def handle(self):
        head = self.read(self.request.makefile('rb'))
        if head is None:
            return
        method, target, headers, body = head
        if method != 'CONNECT':
            return self.request.sendall(self.answer(headers.get('host', ''), target, headers, body))
        self.request.sendall(b'HTTP/1.1 200 OK\r\n\r\n')
        # The caller's name for itself, which no request carries: the proxy's user.
        with self.server.tls.wrap_socket(self.request, server_side=True) as stream:
            file = stream.makefile('rb')
            while (head := self.read(file)) is not None:
                stream.sendall(self.answer(target.rsplit(':', 1)[0], head[1], {**headers, **head[2]}, head[3]))

    def read(self, file):
        first = file.readline().decode().split()
        if len(first) < 2:
            return None
        headers = {}
        while (line := file.readline().decode().strip()):
            name, _, value = line.partition(':')
            headers[name.lower()] = value.strip()
        return first[0], first[1], headers, file.read(int(headers.get('content-length', 0)))

    def answer(self, host, path, headers, body):
        status, kind, text = 200, 'application/json', ''
        if host.startswith('sts.'):
            asked = {name: values[0] for name, values in parse_qs(body.decode()).items()}
            kind, keys = 'text/xml', keys_for('ROLE', asked['RoleArn'])
            action = asked['Action']
            text = (f'<{action}Response xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><{action}Result><Credentials>'
                    f'<AccessKeyId>{keys["id"]}</AccessKeyId><SecretAccessKey>s</SecretAccessKey><SessionToken>{keys["token"]}'
                    f'</SessionToken><Expiration>{LATER}</Expiration></Credentials><AssumedRoleUser><Arn>arn:aws:sts::1:x</Arn>'
                    f'<AssumedRoleId>A:x</AssumedRoleId></AssumedRoleUser></{action}Result></{action}Response>')
        elif host.startswith('portal.sso.'):
            keys = keys_for('SSO', re.search(r'role_name=([^&]*)', path)[1])
            text = json.dumps({'roleCredentials': {'accessKeyId': keys['id'], 'secretAccessKey': 's', 'sessionToken': keys['token'],
                                                   'expiration': int(time.time() + 9000) * 1000}})
        elif path.startswith('/container'):
            keys = keys_for('CONT', 'agent')
            text = json.dumps({'AccessKeyId': keys['id'], 'SecretAccessKey': 's', 'Token': keys['token'], 'Expiration': LATER})
        else:
            signed = re.search(r'Credential=([^/]+)/\d+/([^/]+)/', headers.get('authorization', ''))
            who = (host, path.split('?')[0].rstrip('/'), *(signed.groups() if signed else (None, None)), headers.get('x-amz-security-token'))
            with self.server.lock:
                self.server.asked.setdefault(headers.get('proxy-authorization', ''), []).append(who)
            kind, text = 'application/xml', LIST
        head = f'HTTP/1.1 {status} OK\r\nContent-Type: {kind}\r\nContent-Length: {len(text)}\r\n\r\n'
        return (head + text).encode()


def keys(name):
    return f'aws_access_key_id = AKIA{name.upper()}\naws_secret_access_key = secret\n'


ENV = {'AWS_ACCESS_KEY_ID': 'AKIAENV', 'AWS_SECRET_ACCESS_KEY': 'e'}
GOOD = '[profile good]\n' + keys('good')
DEFAULT = '[default]\n' + keys('default')
ROLE = '[profile role]\nrole_arn = arn:aws:iam::111122223333:role/Reader\nsource_profile = good\n' + GOOD
PROCESS = ('[profile process]\ncredential_process = echo \'{"Version":1,"AccessKeyId":"AKIAPROCESS","SecretAccessKey":"s"}\'\n')
SSO = ('[profile sso]\nsso_start_url = https://corp.example/start\nsso_region = eu-west-1\nsso_account_id = 111122223333\n'
       'sso_role_name = Auditor\n')
SESSION = ('[profile session]\nsso_session = corp\nsso_account_id = 111122223333\nsso_role_name = Responder\n'
           '[sso-session corp]\nsso_start_url = https://corp.example/start\nsso_region = eu-west-1\n'
           'sso_registration_scopes = sso:account:access\n')
LOGIN = '[profile login]\nlogin_session = arn:aws:iam::111122223333:user/me\n'
WEB = {'AWS_WEB_IDENTITY_TOKEN_FILE': '{folder}/token', 'AWS_ROLE_ARN': 'arn:aws:iam::111122223333:role/Pod'}
CONTAINER = {'AWS_CONTAINER_CREDENTIALS_FULL_URI': 'http://127.0.0.1:{port}/container'}

# What, options, environment, configuration, credentials file.
TABLE = [
    ('keys', [], ENV, '', ''),
    ('keys with a token', [], {**ENV, 'AWS_SESSION_TOKEN': 'token'}, '', ''),
    ('keys above the default profile', [], ENV, DEFAULT, ''),
    ('the default profile', [], {}, DEFAULT, ''),
    ('the default profile of the credentials file', [], {}, '', DEFAULT),
    ('the credentials file above the configuration', [], {}, DEFAULT, '[default]\n' + keys('other')),
    ('AWS_PROFILE', [], {'AWS_PROFILE': 'good'}, DEFAULT + GOOD, ''),
    ('AWS_DEFAULT_PROFILE', [], {'AWS_DEFAULT_PROFILE': 'good'}, DEFAULT + GOOD, ''),
    ('AWS_DEFAULT_PROFILE and AWS_PROFILE', [], {'AWS_DEFAULT_PROFILE': 'good', 'AWS_PROFILE': 'other'},
     GOOD + '[profile other]\n' + keys('another'), ''),
    ('AWS_PROFILE below keys', [], {**ENV, 'AWS_PROFILE': 'good'}, GOOD, ''),
    ('--profile', ['--profile', 'good'], {}, DEFAULT + GOOD, ''),
    ('--profile above keys', ['--profile', 'good'], ENV, GOOD, ''),
    ('--profile default above keys', ['--profile', 'default'], ENV, DEFAULT, ''),
    ('--profile above AWS_PROFILE', ['--profile', 'good'], {'AWS_PROFILE': 'role'}, ROLE, ''),
    ('--profile of the credentials file', ['--profile', 'good'], ENV, '', '[good]\n' + keys('filed')),
    ('--profile that is not there', ['--profile', 'typo'], ENV, GOOD, ''),
    ('AWS_PROFILE that is not there', [], {'AWS_PROFILE': 'typo'}, GOOD, ''),
    ('a role', ['--profile', 'role'], {}, ROLE, ''),
    ('a role above keys', ['--profile', 'role'], ENV, ROLE, ''),
    ('a role of the environment', ['--profile', 'role'], ENV,
     '[profile role]\nrole_arn = arn:aws:iam::111122223333:role/Env\ncredential_source = Environment\n', ''),
    ('a process', ['--profile', 'process'], ENV, PROCESS, ''),
    ('SSO', ['--profile', 'sso'], {}, SSO, ''),
    ('SSO above keys', ['--profile', 'sso'], ENV, SSO, ''),
    ('an SSO session', [], {'AWS_PROFILE': 'session'}, SESSION, ''),
    ('a container', [], CONTAINER, '', ''),
    ('a container below the default profile', [], CONTAINER, DEFAULT, ''),
    ('--profile above a container', ['--profile', 'good'], CONTAINER, GOOD, ''),
    ('web identity', [], WEB, '', ''),
    ('web identity below keys', [], {**WEB, **ENV}, '', ''),
    ('web identity and the default profile', [], WEB, DEFAULT, ''),
    ('--profile above web identity', ['--profile', 'good'], WEB, GOOD, ''),
    ('web identity above a container', [], {**WEB, **CONTAINER}, '', ''),
    ('web identity of a profile', ['--profile', 'pod'], {},
     '[profile pod]\nrole_arn = arn:aws:iam::111122223333:role/Pod2\nweb_identity_token_file = {folder}/token\n', ''),
    ('an endpoint', [], {**ENV, 'AWS_ENDPOINT_URL_S3': 'https://s3.corp.example'}, '', ''),
    ('an endpoint of a profile', ['--profile', 'good'], {}, GOOD + 'endpoint_url = https://s3.corp.example\n', ''),
    ('an endpoint with virtual hosts', ['--profile', 'good'], {'AWS_ENDPOINT_URL_S3': 'https://s3.corp.example'},
     GOOD + 's3 =\n  addressing_style = virtual\n', ''),
    ('paths at AWS', ['--profile', 'good'], {}, GOOD + 's3 =\n  addressing_style = path\n', ''),
    ('aws login', ['--profile', 'login'], ENV, LOGIN, ''),
    ('no credentials', [], {}, '', ''),
]

# Where both must fail, asking nobody.
NOBODY = {'--profile that is not there', 'AWS_PROFILE that is not there', 'no credentials'}


def prepare(folder, port, environment, config, credentials):
    fill = lambda text: text.replace('{folder}', folder).replace('{port}', str(port))
    for name, text in ('config', config), ('credentials', credentials), ('token', 'a.b.c'):
        with open(f'{folder}/{name}', 'w') as file:
            file.write(fill(text))
    token = json.dumps({'accessToken': 't', 'expiresAt': LATER, 'region': REGION, 'startUrl': 'https://corp.example/start'})
    os.makedirs(f'{folder}/.aws/sso/cache')
    for name in 'https://corp.example/start', 'corp':
        with open(f'{folder}/.aws/sso/cache/{hashlib.sha1(name.encode()).hexdigest()}.json', 'w') as file:
            file.write(token)
    os.makedirs(f'{folder}/.aws/login/cache')
    login = {'accessToken': {'accessKeyId': 'ASIALOGIN', 'secretAccessKey': 's', 'sessionToken': 'login', 'accountId': '111122223333',
                             'expiresAt': LATER},
             'tokenType': 'aws_sigv4', 'refreshToken': 'r', 'idToken': 'a.b.c', 'clientId': 'arn:aws:signin:::devtools/same-device',
             'dpopKey': '-----BEGIN EC PRIVATE KEY-----\nMHcCAQEEIFDZHUzOG1Pzq+6F0mjMlOSp1syN9LRPBuHMoCFXTcXhoAoGCCqGSM49\n'
                        'AwEHoUQDQgAE9qhj+KtcdHj1kVgwxWWWw++tqoh7H7UHs7oXh8jBbgF47rrYGC+t\ndjiIaHK3dBvvdE7MGj5HsepzLm3Kj91bqA==\n'
                        '-----END EC PRIVATE KEY-----\n'}
    name = hashlib.sha256(b'arn:aws:iam::111122223333:user/me').hexdigest()
    with open(f'{folder}/.aws/login/cache/{name}.json', 'w') as file:
        json.dump(login, file)
    clean = {name: value for name, value in os.environ.items() if not name.startswith('AWS_') and not name.lower().endswith('_proxy')}
    return {**clean, 'HOME': folder, 'AWS_CONFIG_FILE': f'{folder}/config', 'AWS_SHARED_CREDENTIALS_FILE': f'{folder}/credentials',
            'AWS_REGION': REGION, 'AWS_DEFAULT_REGION': REGION, 'AWS_EC2_METADATA_DISABLED': 'true', 'AWS_MAX_ATTEMPTS': '1',
            'AWS_CA_BUNDLE': f'{os.path.dirname(folder)}/ca.pem', 'NO_PROXY': '127.0.0.1',
            **{name: fill(value) for name, value in environment.items()}}


def main():
    began = time.time()
    with tempfile.TemporaryDirectory() as place:
        _, both = certificate(place)
        stub = Stub(both)
        port = stub.server_address[1]

        def one(number):
            what, options, environment, config, credentials = TABLE[number]
            folder = f'{place}/{number}'
            os.makedirs(folder)
            environment = prepare(folder, port, environment, config, credentials)
            seen = []
            for who, command in (('aws', [AWS, 's3api', 'list-objects-v2', '--bucket', 'trail', '--max-keys', '1']),
                                 ('roottrail', [ROOTTRAIL, 'scan', 's3://trail', '-q'])):
                # The proxy knows by its user who asks.
                proxy = {'HTTPS_PROXY': f'http://{who}{number}:x@127.0.0.1:{port}'}
                run = subprocess.run(command + options, env={**environment, **proxy}, capture_output=True, text=True, timeout=120)
                user = 'Basic ' + base64.b64encode(f'{who}{number}:x'.encode()).decode()
                with stub.lock:
                    asked = stub.asked.get(user, [])
                # Whoever is nobody asks nobody.
                seen.append((asked[0] if asked else None, run))
            return what, seen

        wrong = 0
        with ThreadPoolExecutor(4) as pool:
            for what, ((aws, by_aws), (ours, by_us)) in pool.map(one, range(len(TABLE))):
                failed = by_aws.returncode != 0 and by_us.returncode == 1
                alike = aws == ours and (failed if what in NOBODY else aws is not None)
                wrong += not alike
                host, path, key, *_ = ours or ('', '', 'nobody')
                print(f'{"ok" if alike else "DIFFERS":8} {what:48} {key or "unsigned":20} {host}{path}')
                if not alike:
                    print(f'  aws-cli:   {aws} {by_aws.returncode} {by_aws.stderr.strip()[:400]}')
                    print(f'  roottrail: {ours} {by_us.returncode} {by_us.stderr.strip()[:400]}')
        print(f'{len(TABLE)} combinations, {wrong} of them differ, in {time.time() - began:.0f} s')
        sys.exit(wrong > 0)


if __name__ == '__main__':
    main()
