"""What the checks on S3 servers share: starting one, filling a bucket, scanning it, and comparing with a scan from disk."""
import contextlib, json, logging, os, re, subprocess, sys, tempfile, urllib.parse

import boto3
import botocore.config

sys.path.append('benches')
from seaweedfs import KEY, SECRET, seaweedfs

BUCKET = 'example-trail'


@contextlib.contextmanager
def moto():
    """moto, which lists in S3's order and has S3's conditions, and checks no signatures. Gives its URL."""
    from moto.server import ThreadedMotoServer
    logging.getLogger('werkzeug').setLevel(logging.ERROR)
    server = ThreadedMotoServer(ip_address='127.0.0.1', port=0, verbose=False)
    server.start()
    try:
        host, port = server.get_host_and_port()
        yield f'http://{host}:{port}'
    finally:
        server.stop()


def client(url, checksums=True):
    """boto3's; with `checksums`, a CRC32 goes with each object, and comes back with it."""
    when = 'when_supported' if checksums else 'when_required'
    config = botocore.config.Config(s3={'addressing_style': 'path'}, request_checksum_calculation=when)
    return boto3.client('s3', endpoint_url=url, region_name='us-east-1', config=config,
                        aws_access_key_id=KEY, aws_secret_access_key=SECRET)


def fill(url, folder, bucket=BUCKET, checksums=True):
    """Puts the files below `folder` into a new bucket, and returns their keys."""
    to, keys = client(url, checksums), []
    to.create_bucket(Bucket=bucket)
    for place, _, names in os.walk(folder):
        for name in names:
            path = os.path.join(place, name)
            keys.append(os.path.relpath(path, folder))
            with open(path, 'rb') as file:
                to.put_object(Bucket=bucket, Key=keys[-1], Body=file.read())
    return sorted(keys)


class Scan:
    """One run of `roottrail scan`: exit code, findings as text, error lines, summary, standard error."""

    def __init__(self, *args, secret=SECRET):
        environment = {name: value for name, value in os.environ.items() if not name.startswith('AWS_')}
        environment |= {'AWS_ACCESS_KEY_ID': KEY, 'AWS_SECRET_ACCESS_KEY': secret, 'AWS_REGION': 'us-east-1'}
        with tempfile.TemporaryDirectory() as work:
            files = ['--summary', work + '/summary.json', '--errors', work + '/errors.ndjson', '--progress', 'never']
            done = subprocess.run([os.environ['ROOTTRAIL'], 'scan', *args, *files], capture_output=True, text=True, env=environment)
            self.exit, self.findings, self.stderr = done.returncode, done.stdout, done.stderr
            if done.returncode in (0, 3):
                self.summary = json.load(open(work + '/summary.json'))
                self.errors = [json.loads(line) for line in open(work + '/errors.ndjson')]


def as_from_disk(findings, folder):
    """Findings from the bucket, as a scan of `folder` has them: there no key is percent-encoded, and there are no ETags."""
    def evidence(found):
        return f'"evidence":{{"uri":"{folder}/{urllib.parse.unquote(found[1])}","etag":null'
    return re.sub(f'"evidence":{{"uri":"s3://{BUCKET}/([^"]*)","etag":"[0-9a-f]{{32}}"', evidence, findings)
