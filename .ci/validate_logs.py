"""Buckets with signed digests, and a CloudTrail that knows the key: for `aws cloudtrail validate-logs`."""
import base64, contextlib, gzip, hashlib, http.server, json, threading
from datetime import datetime, timedelta, timezone

import rsa

ACCOUNT, REGION, TRAIL, BUCKET = '111122223333', 'us-east-1', 'trail', 'signed-logs'
ARN = f'arn:aws:cloudtrail:{REGION}:{ACCOUNT}:trail/{TRAIL}'
START = datetime(2024, 5, 1, tzinfo=timezone.utc)
FINGERPRINT = '31e8b5433410dfb61a9dc45cc65b22ff'


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
