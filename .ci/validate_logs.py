"""Buckets with signed digests, and a CloudTrail that knows the key: for `aws cloudtrail validate-logs`."""
import base64, bisect, contextlib, copy, gzip, hashlib, http.server, json, logging, os, subprocess, sys, threading, time
from datetime import datetime, timedelta, timezone

import boto3
import rsa
from moto.server import ThreadedMotoServer

sys.path.append('benches')
import s3server

ACCOUNT, REGION, TRAIL, BUCKET = '111122223333', 'us-east-1', 'trail', 'signed-logs'
ARN = f'arn:aws:cloudtrail:{REGION}:{ACCOUNT}:trail/{TRAIL}'
START = datetime(2024, 5, 1, tzinfo=timezone.utc)
FINGERPRINT = '31e8b5433410dfb61a9dc45cc65b22ff'
# How many logs both are timed on; docs/verify.md has the figures of 5,000.
LOGS = int(os.environ.get('VALIDATE_LOGS', 500))


def text_of(time):
    return time.strftime('%Y-%m-%dT%H:%M:%SZ')


class Trail:
    """Hours of logs and their digests, as bytes and metadata by key."""

    def __init__(self, key):
        self.key, self.at, self.previous, self.files, self.logs = key, START, None, {}, 0

    def hour(self, texts, end=None, change=lambda digest: None):
        end = end or self.at + timedelta(hours=1)
        named = []
        for text in texts:
            name = (f'AWSLogs/{ACCOUNT}/CloudTrail/{REGION}/{self.at:%Y/%m/%d}/'
                    f'{ACCOUNT}_CloudTrail_{REGION}_{self.at:%Y%m%dT%H%MZ}_{self.logs:016}.json.gz')
            self.logs += 1
            self.files[name] = (gzip.compress(text, 1, mtime=0), {})
            named.append({'s3Bucket': BUCKET, 's3Object': name, 'hashAlgorithm': 'SHA-256',
                          'hashValue': hashlib.sha256(text).hexdigest(),
                          'newestEventTime': text_of(self.at), 'oldestEventTime': text_of(self.at)})
        name = (f'AWSLogs/{ACCOUNT}/CloudTrail-Digest/{REGION}/{end:%Y/%m/%d}/'
                f'{ACCOUNT}_CloudTrail-Digest_{REGION}_{TRAIL}_{REGION}_{end:%Y%m%dT%H%M%SZ}.json.gz')
        previous = self.previous or {}
        digest = {
            'awsAccountId': ACCOUNT, 'digestStartTime': text_of(self.at), 'digestEndTime': text_of(end),
            'digestS3Bucket': BUCKET, 'digestS3Object': name, 'digestPublicKeyFingerprint': FINGERPRINT,
            'digestSignatureAlgorithm': 'SHA256withRSA', 'newestEventTime': None, 'oldestEventTime': None,
            'previousDigestS3Bucket': previous.get('bucket'), 'previousDigestS3Object': previous.get('name'),
            'previousDigestHashValue': previous.get('hash'),
            'previousDigestHashAlgorithm': 'SHA-256' if previous else None,
            'previousDigestSignature': previous.get('signature'), 'logFiles': named,
        }
        change(digest)
        self.put(name, digest, self.key)
        text = gzip.decompress(self.files[name][0])
        self.previous = {'bucket': BUCKET, 'name': name, 'hash': hashlib.sha256(text).hexdigest(),
                         'signature': self.files[name][1]['signature']}
        self.at = end
        return name

    def put(self, name, digest, key):
        text = json.dumps(digest).encode()
        signed = '\n'.join([digest['digestEndTime'], f"{digest['digestS3Bucket']}/{digest['digestS3Object']}",
                            hashlib.sha256(text).hexdigest(), digest['previousDigestSignature'] or 'null'])
        metadata = {'signature': rsa.sign(signed.encode(), key, 'SHA-256').hex(),
                    'signature-algorithm': 'SHA256withRSA'}
        self.files[name] = (gzip.compress(text, 1, mtime=0), metadata)

    def digests(self):
        return sorted(name for name in self.files if '/CloudTrail-Digest/' in name)

    def log_names(self):
        return sorted(name for name in self.files if '/CloudTrail/' in name)

    def digest(self, name):
        return json.loads(gzip.decompress(self.files[name][0]))


@contextlib.contextmanager
def cloudtrail(public_key):
    """ListPublicKeys in two pages and DescribeTrails; yields the URL and the names of what was asked for."""
    asked = []
    listed = {'Value': base64.b64encode(public_key.save_pkcs1('DER')).decode(), 'Fingerprint': FINGERPRINT,
              'ValidityStartTime': 1577836800, 'ValidityEndTime': 1893456000}
    other = dict(listed, Fingerprint='0' * 32, ValidityEndTime=1577836801)

    class Answer(http.server.BaseHTTPRequestHandler):
        def do_POST(self):
            body = json.loads(self.rfile.read(int(self.headers['Content-Length'])) or b'{}')
            action = self.headers['X-Amz-Target'].rsplit('.', 1)[1]
            asked.append(action)
            if action == 'ListPublicKeys':
                # aws-cli asks for one page and takes that for all.
                answer = {'PublicKeyList': [listed]} if body.get('NextToken') else {
                    'PublicKeyList': [other, listed], 'NextToken': 'more'}
            else:
                answer = {'trailList': [{'TrailARN': ARN, 'Name': TRAIL, 'S3BucketName': BUCKET,
                                         'HomeRegion': REGION, 'IsOrganizationTrail': False}]}
            text = json.dumps(answer).encode()
            self.send_response(200)
            self.send_header('Content-Type', 'application/x-amz-json-1.1')
            self.send_header('Content-Length', str(len(text)))
            self.end_headers()
            self.wfile.write(text)

        def log_message(self, *_):
            pass

    server = http.server.ThreadingHTTPServer(('127.0.0.1', 0), Answer)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f'http://127.0.0.1:{server.server_address[1]}', asked
    finally:
        server.shutdown()


def run(tool, s3, cloudtrail_url, end):
    """Exit code and standard output of aws-cli or roottrail on the bucket, and the seconds that it took."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith('AWS_')}
    environment |= {'AWS_ACCESS_KEY_ID': 'AKIAEXAMPLE', 'AWS_SECRET_ACCESS_KEY': 'secret', 'AWS_REGION': REGION,
                    'AWS_DEFAULT_REGION': REGION, 'AWS_ENDPOINT_URL_S3': s3,
                    'AWS_ENDPOINT_URL_CLOUDTRAIL': cloudtrail_url, 'AWS_EC2_METADATA_DISABLED': 'true'}
    if tool == 'aws':
        command = [sys.executable, '-m', 'awscli', 'cloudtrail', 'validate-logs', '--trail-arn', ARN, '--start-time', text_of(START),
                   '--end-time', end, '--region', REGION, '--verbose']
    else:
        command = [os.environ['ROOTTRAIL'], 'verify', f's3://{BUCKET}', '--start', text_of(START), '--end', end,
                   '--format', 'json', '--force-path-style', '--quiet']
    started = time.monotonic()
    done = subprocess.run(command, capture_output=True, text=True, env=environment)
    return done.returncode, done.stdout, done.stderr, time.monotonic() - started


class Fast(s3server.Server):
    """A server that does next to nothing, so that the clients' own time is seen: moto takes milliseconds an object."""

    def __init__(self, files):
        self.names, self.files = sorted(files), files
        super().__init__(self, self)

    def __len__(self):
        return len(self.names)

    def __getitem__(self, at):
        return self.names[at]

    def place(self, key):
        return bisect.bisect_left(self.names, key)

    def size(self, at):
        return len(self.body(at))

    def body(self, at):
        return self.files[self.names[at]][0]

    def answer(self, head):
        target = head.split(b' ', 2)[1].decode()
        path, _, query = target.partition('?')
        if query == 'location':
            return s3server.reply(b'<LocationConstraint xmlns="http://s3.amazonaws.com/doc/2006-03-01/"/>')
        if 'marker=' in query:
            # aws-cli still lists with the first version of the call.
            head = head.replace(b'marker=', b'start-after=', 1)
        answer = super().answer(head)
        metadata = self.files.get(s3server.unquote(path.lstrip('/').partition('/')[2]), (b'', {}))[1]
        more = ''.join(f'x-amz-meta-{name}: {value}\r\n' for name, value in metadata.items())
        return answer.replace(b'\r\nETag', b'\r\n' + more.encode() + b'ETag', 1)


def put(client, files):
    """Makes the bucket hold just these objects."""
    pages = client.get_paginator('list_objects_v2').paginate(Bucket=BUCKET)
    for name in [entry['Key'] for page in pages for entry in page.get('Contents', [])]:
        client.delete_object(Bucket=BUCKET, Key=name)
    for name, (body, metadata) in files.items():
        client.put_object(Bucket=BUCKET, Key=name, Body=body, Metadata=metadata)


def attacks(sound, forger):
    """Name, objects, whether aws-cli (None: that depends on its version) and roottrail find fault, and why they differ."""
    digests, logs = sound.digests(), sound.log_names()

    def case(name, change, aws=True, roottrail=True, why=''):
        trail = copy.copy(sound)
        trail.files = dict(sound.files)
        change(trail)
        return name, trail.files, aws, roottrail, why

    def changed(trail, name, forge=False):
        digest = trail.digest(name)
        digest['logFiles'] = []
        metadata = trail.files[name][1]
        trail.put(name, digest, forger)
        if not forge:
            trail.files[name] = (trail.files[name][0], metadata)

    yield case('sound', lambda trail: None, False, False)
    yield case('log changed', lambda trail: trail.files.update({logs[2]: (gzip.compress(b'forged'), {})}))
    yield case('log deleted', lambda trail: trail.files.pop(logs[2]))
    yield case('log cut', lambda trail: trail.files.update({logs[2]: (trail.files[logs[2]][0][:20], {})}))
    yield case('digest deleted', lambda trail: trail.files.pop(digests[2]))
    yield case('digest changed', lambda trail: changed(trail, digests[1]))
    yield case('digest signed by somebody else', lambda trail: changed(trail, digests[1], True))
    yield case('newest digest signed by somebody else', lambda trail: changed(trail, digests[-1], True))
    yield case('digest in another one\'s place', lambda trail: trail.files.update({digests[3]: trail.files[digests[2]]}))
    yield case('log added', lambda trail: trail.files.update({logs[2].replace('_00000', '_AAAAA'): trail.files[logs[1]]}),
               False, True, 'aws-cli looks only at logs that digests name')
    yield case('bytes behind the member', lambda trail: trail.files.update(
        {logs[2]: (trail.files[logs[2]][0] + gzip.compress(b'more'), {})}), None, True,
        'aws-cli 1.45 takes no notice of what follows the first member, 1.46 does')
    yield case('newest digests deleted', lambda trail: [trail.files.pop(name) for name in digests[-2:]], False, False)


def main():
    public_key, private_key = rsa.newkeys(2048)
    _, forger = rsa.newkeys(2048)
    sound = Trail(private_key)
    for hour in range(6):
        sound.hour([] if hour == 2 else [b'{"Records":[]} %d %d' % (hour, n) for n in range(2)])
    logging.getLogger('werkzeug').setLevel(logging.ERROR)
    server = ThreadedMotoServer(ip_address='127.0.0.1', port=0, verbose=False)
    server.start()
    with cloudtrail(public_key) as (keys, asked):
        url = 'http://%s:%s' % server.get_host_and_port()
        client = boto3.client('s3', endpoint_url=url, region_name=REGION, aws_access_key_id='AKIAEXAMPLE',
                              aws_secret_access_key='secret')
        client.create_bucket(Bucket=BUCKET)
        for name, files, aws_fails, we_fail, why in attacks(sound, forger):
            put(client, files)
            aws, ours = (run(tool, url, keys, text_of(sound.at)) for tool in ('aws', 'roottrail'))
            print(f'{name}: aws-cli {aws[0]}, roottrail {ours[0]}' + (f' ({why})' if why else ''))
            assert aws_fails in (None, aws[0] != 0), (name, aws)
            assert ours[0] == (4 if we_fail else 0), (name, ours)
            result = json.loads(ours[1])
            if name == 'sound':
                assert '6/6 digest files valid' in aws[1] and '10/10 log files valid' in aws[1], aws
                assert (result['digests']['valid'], result['logs']['valid'], result['complete']) == (6, 10, True), result
            if name == 'newest digests deleted':
                assert result['unproven'] and not result['complete'], result
        assert 'DescribeTrails' in asked and asked.count('ListPublicKeys') > 1, asked
        several = Trail(private_key)
        for hour in range(25):
            several.hour([json.dumps({'Records': [{'eventName': f'{hour} {n}', 'padding': 'x' * 2000}]}).encode()
                          for n in range(LOGS // 25)])
        with Fast(several.files) as fast:
            aws, ours = (run(tool, fast.url, keys, text_of(several.at)) for tool in ('aws', 'roottrail'))
        logs = len(several.log_names())
        assert (aws[0], ours[0]) == (0, 0), (aws, ours)
        assert f'{logs}/{logs} log files valid' in aws[1] and json.loads(ours[1])['logs']['valid'] == logs, (aws, ours)
        print(f'{logs} logs: aws-cli {aws[3]:.1f} s, roottrail {ours[3]:.2f} s, {aws[3] / ours[3]:.0f} times')
    server.stop()


if __name__ == '__main__':
    main()
