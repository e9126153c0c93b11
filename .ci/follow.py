"""A queue followed under kills: every finding is there, none twice, the queue is empty, the dead letters are the unreadable.

moto is the bucket, its notifications and the queues; noida-db is Elasticsearch. Both are servers that are not ours. FOLLOW
chooses among `files` and `elastic`; without it both run.
"""
import gzip, json, logging, os, random, signal, socket, subprocess, sys, tempfile, time, urllib.request
from pathlib import Path

import boto3

from s3 import BUCKET, KEY, SECRET, client, moto

ROOTTRAIL = os.path.abspath(os.environ.get('ROOTTRAIL', 'target/release/roottrail'))
# moto looks through all messages for each question, so that 2,000 take it many minutes.
OBJECTS, KILLS = int(os.environ.get('FOLLOW_OBJECTS', '400')), 10
# Kills use up takings as well, and so does a slow machine.
MOST = KILLS + 15


def event(number):
    """A call by root."""
    identity = {'type': 'Root', 'principalId': '111122223333', 'arn': 'arn:aws:iam::111122223333:root',
                'accountId': '111122223333', 'accessKeyId': 'AKIAIOSFODNN7EXAMPLE'}
    return {'eventVersion': '1.11', 'userIdentity': identity, 'eventTime': '2026-02-03T04:05:06Z',
            'eventSource': 'iam.amazonaws.com', 'eventName': 'ListUsers', 'awsRegion': 'us-east-1',
            'sourceIPAddress': '203.0.113.7', 'userAgent': 'aws-cli', 'requestParameters': None, 'responseElements': None,
            'eventID': f'{number:08d}-0000-4000-8000-000000000000', 'readOnly': True, 'eventType': 'AwsApiCall',
            'managementEvent': True, 'recipientAccountId': '111122223333', 'eventCategory': 'Management'}


def log(*numbers):
    return gzip.compress(json.dumps({'Records': [event(number) for number in numbers]}).encode(), mtime=0)


class Queues:
    """A queue with its dead-letter queue, which hears of the bucket."""

    def __init__(self, url, name):
        self.sqs = boto3.client('sqs', endpoint_url=url, region_name='us-east-1', aws_access_key_id=KEY,
                                aws_secret_access_key=SECRET)
        self.dead = self.sqs.create_queue(QueueName=name + '-dead')['QueueUrl']
        arn = self.attributes(self.dead, 'QueueArn')['QueueArn']
        policy = json.dumps({'deadLetterTargetArn': arn, 'maxReceiveCount': MOST})
        self.url = self.sqs.create_queue(QueueName=name, Attributes={'RedrivePolicy': policy})['QueueUrl']
        self.arn = self.attributes(self.url, 'QueueArn')['QueueArn']

    def attributes(self, url, *names):
        return self.sqs.get_queue_attributes(QueueUrl=url, AttributeNames=list(names) or ['All'])['Attributes']

    def send(self, body):
        self.sqs.send_message(QueueUrl=self.url, MessageBody=body)

    def left(self):
        found = self.attributes(self.url)
        return int(found['ApproximateNumberOfMessages']) + int(found['ApproximateNumberOfMessagesNotVisible'])

    def dead_letters(self):
        bodies = []
        while True:
            got = self.sqs.receive_message(QueueUrl=self.dead, MaxNumberOfMessages=10).get('Messages', [])
            if not got:
                return sorted(bodies)
            bodies += [message['Body'] for message in got]


def fill(url, queues, bucket):
    """Objects with copies, and announcements of what cannot be read. Returns the numbers of the findings and the latter."""
    s3 = client(url)
    s3.create_bucket(Bucket=bucket)
    s3.put_bucket_notification_configuration(Bucket=bucket, NotificationConfiguration={
        'QueueConfigurations': [{'QueueArn': queues.arn, 'Events': ['s3:ObjectCreated:*']}]})
    expected, bad = set(), []
    for number in range(OBJECTS):
        # Every third object holds an event of another; every fifth name has characters that are encoded.
        numbers = [number, 100_000 + number // 3] if number % 3 == 0 else [number, 100_000 + number // 9]
        expected.update(numbers)
        name = f'a b+ü/{number}.json.gz' if number % 5 == 0 else f'plain/{number}.json.gz'
        s3.put_object(Bucket=bucket, Key='AWSLogs/' + name, Body=log(*numbers))
    s3.put_object(Bucket=bucket, Key='notes.pdf', Body=b'x')
    for number in range(5):
        broken = log(200_000 + 2 * number, 200_001 + 2 * number)
        expected.update([200_000 + 2 * number, 200_001 + 2 * number])
        s3.put_object(Bucket=bucket, Key=f'broken/{number}.json.gz', Body=broken[:-5])
        record = {'eventName': 'ObjectCreated:Put', 'eventTime': '2026-02-03T04:05:06Z',
                  's3': {'bucket': {'name': bucket}, 'object': {'key': f'missing/{number}.json.gz', 'size': 9}}}
        bad += [json.dumps({'Records': [record]}), f'no notification, number {number}']
    for body in bad:
        queues.send(body)
    return expected, bad


def follow(url, queues, state, *args, kill=False):
    kept = {name: value for name, value in os.environ.items() if not name.startswith('AWS_')}
    environment = kept | {'AWS_ACCESS_KEY_ID': KEY, 'AWS_SECRET_ACCESS_KEY': SECRET, 'AWS_REGION': 'us-east-1',
                          'ROOTTRAIL_SHIP_SECRET': 'id:key'}
    command = [ROOTTRAIL, 'follow', '--queue-url', queues.url, '--endpoint-url', url, '--force-path-style',
               '--visibility', '8s', '--retry-delay', '0', '-q', *args]
    if not kill:
        return subprocess.run(command + ['--until-empty'], env=environment).returncode
    process = subprocess.Popen(command, env=environment)
    # Under load: the journal has more lines, so that batches are being made.
    before = commits(state)
    deadline = time.time() + 120
    while commits(state) <= before and process.poll() is None and time.time() < deadline:
        time.sleep(0.01)
    time.sleep(random.random() / 2)
    assert process.poll() is None, 'it ended by itself'
    process.send_signal(signal.SIGKILL)
    process.wait()
    return commits(state) > before


def commits(state):
    try:
        # Behind the first line.
        return max((state / 'journal').read_bytes().count(b'\n') - 1, 0)
    except FileNotFoundError:
        return 0


def under_kills(url, queues, bucket, state, *args):
    expected, bad = fill(url, queues, bucket)
    busy = sum(follow(url, queues, state, *args, kill=True) for _ in range(KILLS))
    code = follow(url, queues, state, *args)
    assert code == 3, f'exit code {code}'
    assert queues.left() == 0, f'{queues.left()} messages left'
    dead = queues.dead_letters()
    broken = [body for body in dead if 'broken' in body]
    assert len(broken) == 5 and sorted(body for body in dead if body not in broken) == sorted(bad), dead
    return expected, busy


def files(url, work):
    queues = Queues(url, 'files')
    into = work / 'files'
    expected, busy = under_kills(url, queues, BUCKET, into / '.follow', '--into', str(into), '--roll-size', '200k')
    found = [json.loads(line)['event']['id'] for path in sorted(into.glob('findings-*.ndjson')) for line in path.open()]
    check('rolling files', expected, found, busy)


def port():
    with socket.socket() as s:
        s.bind(('127.0.0.1', 0))
        return s.getsockname()[1]


def elastic(url, work):
    database = port()
    log_file = open(work / 'noida.log', 'wb')
    noida = subprocess.Popen([os.environ['NOIDA'], 'start', '--data-dir', str(work / 'noida'), '--host', '127.0.0.1',
                              '--only', 'elasticsearch', '--elasticsearch-port', str(database)], stdout=log_file, stderr=log_file)
    try:
        ask = lambda method, path, body=None: request(database, method, path, body)
        wait_for(database)
        ask('PUT', '/roottrail', {'mappings': {'properties': {}}})
        queues, state = Queues(url, 'elastic'), work / 'state'
        expected, busy = under_kills(url, queues, BUCKET + '-2', state, '--to', 'elastic', '--url', f'http://127.0.0.1:{database}',
                                     '--state', str(state), '--bulk-index', 'roottrail', '--max-pause', '200ms')
        ask('POST', '/roottrail/_refresh')
        hits = ask('POST', '/roottrail/_search', {'size': 10_000})['hits']['hits']
        check('Elasticsearch', expected, [hit['_source']['event']['id'] for hit in hits], busy)
        assert not list((state / 'outbox').iterdir()), 'something is left in the outbox'
    finally:
        noida.kill()


def request(at, method, path, body=None):
    asked = urllib.request.Request(f'http://127.0.0.1:{at}{path}', method=method)
    asked.add_header('Content-Type', 'application/json')
    with urllib.request.urlopen(asked, json.dumps(body).encode() if body is not None else None, timeout=60) as answer:
        return json.load(answer)


def wait_for(at):
    deadline = time.time() + 30
    while True:
        try:
            return socket.create_connection(('127.0.0.1', at), 1).close()
        except OSError:
            assert time.time() < deadline, 'noida-db does not start'
            time.sleep(0.05)


def check(place, expected, found, busy):
    ids = sorted(f'{number:08d}-0000-4000-8000-000000000000' for number in expected)
    assert sorted(found) == ids, f'{place}: {len(found)} found, {len(set(found))} distinct, {len(ids)} expected'
    assert busy >= KILLS // 2, f'{place}: only {busy} kills came under load'
    print(f'{place}: {len(ids)} findings of {OBJECTS} objects, each once, after {KILLS} kills, {busy} of them under load')


if __name__ == '__main__':
    chosen = os.environ.get('FOLLOW', 'files elastic').split()
    with tempfile.TemporaryDirectory() as work, moto() as url:
        # Its queues are not made for several threads, and answer 500 at times with a page of trace: follow waits it out.
        logging.getLogger('werkzeug').setLevel(logging.CRITICAL)
        if 'files' in chosen:
            files(url, Path(work))
        if 'elastic' in chosen:
            elastic(url, Path(work))
