"""integrations/nightly for three simulated days: see .ci/checks/62-nightly."""
import gzip, json, os, signal, subprocess, tempfile, threading, time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import boto3

from s3 import BUCKET, KEY, SECRET, client, moto

NIGHTLY = Path('integrations/nightly/roottrail-nightly').resolve()
binary = Path(os.environ['ROOTTRAIL']).resolve()
arrived, down = [], threading.Event()


class Collector(BaseHTTPRequestHandler):
    """As much of Splunk's HTTP Event Collector as ship asks for, without indexer acknowledgement."""
    protocol_version = 'HTTP/1.1'

    def do_POST(self):
        body = self.rfile.read(int(self.headers['Content-Length']))
        if down.is_set():
            return self.answer(503, {'text': 'Server is busy', 'code': 9})
        if self.headers.get('Content-Encoding') == 'gzip':
            body = gzip.decompress(body)
        if self.headers.get('Authorization') != 'Splunk token':
            return self.answer(403, {'text': 'Invalid token', 'code': 4})
        decoder, text = json.JSONDecoder(), body.decode()
        while text := text.lstrip():
            envelope, end = decoder.raw_decode(text)
            text = text[end:]
            if envelope['sourcetype'] == 'roottrail:finding':
                arrived.append(envelope['fields']['finding_id'])
        self.answer(200, {'text': 'Success', 'code': 0})

    def answer(self, status, value):
        body = json.dumps(value).encode()
        self.send_response(status)
        self.send_header('Content-Type', 'application/json')
        self.send_header('Content-Length', str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


collector = ThreadingHTTPServer(('127.0.0.1', 0), Collector)
threading.Thread(target=collector.serve_forever, daemon=True).start()
keys = sorted(str(path.relative_to('sample-logs')) for path in Path('sample-logs/AWSLogs').rglob('*.json.gz'))
with moto() as url, tempfile.TemporaryDirectory() as work:
    work = Path(work)
    (work / 'bin').mkdir()
    (work / 'bin/roottrail').symlink_to(binary)
    (work / 'alert').write_text(f'#!/bin/sh\necho "$*" >> {work}/alerts\n')
    (work / 'alert').chmod(0o755)
    (work / 'alerts').write_text('')
    environment = {name: value for name, value in os.environ.items() if not name.startswith('AWS_')}
    environment |= {'PATH': f"{work}/bin:{environment['PATH']}", 'AWS_ACCESS_KEY_ID': KEY, 'AWS_SECRET_ACCESS_KEY': SECRET,
                    'AWS_REGION': 'us-east-1', 'AWS_ENDPOINT_URL': url, 'SOURCE': f's3://{BUCKET}/AWSLogs', 'STATE': f'{work}/state',
                    'SHIP': f'--to splunk --url http://127.0.0.1:{collector.server_port} --give-up 1s --max-pause 1s',
                    'ROOTTRAIL_SHIP_SECRET': 'token', 'ALERT': f'{work}/alert'}
    s3 = client(url)
    s3.create_bucket(Bucket=BUCKET)

    def deliver(some):
        for key in some:
            s3.put_object(Bucket=BUCKET, Key=key, Body=Path('sample-logs', key).read_bytes())

    def night(expected=0):
        done = subprocess.run([NIGHTLY], env=environment, capture_output=True, text=True)
        state = work / 'state/ship.log'
        assert done.returncode == expected, (done, state.read_text() if state.exists() else '', (work / 'alerts').read_text())

    def alerts():
        return [line for line in (work / 'alerts').read_text().splitlines() if line]

    # The first night: every second object. The second: the others, which are older and newer; the run is killed, and the next
    # one finishes it. The third: the server is down, then up again.
    deliver(keys[::2])
    night()
    first = len(arrived)
    assert first and not alerts(), (first, alerts())
    deliver(keys[1::4])
    killed = subprocess.Popen([NIGHTLY], env=environment, start_new_session=True, stderr=subprocess.DEVNULL)
    name = work / 'state/current'
    while not name.exists() and killed.poll() is None:
        time.sleep(0.005)
    os.killpg(killed.pid, signal.SIGKILL)
    killed.wait()
    night()
    second = len(arrived)
    deliver(keys[3::4])
    down.set()
    night(expected=1)
    assert len(arrived) == second and any('ship: exit code 1' in line for line in alerts()), alerts()
    down.clear()
    night()
    night()  # a night without anything new
    scan = subprocess.run([binary, 'scan', 'sample-logs/AWSLogs', '-q', '-f', 'ndjson'], capture_output=True, text=True, check=True)
    wanted = sorted(json.loads(line)['id'] for line in scan.stdout.splitlines())
    assert sorted(arrived) == wanted, (len(arrived), len(wanted), sorted(set(wanted) - set(arrived)))
    assert not list((work / 'state/out').glob('*.ndjson')) and (work / 'state/shipped').is_dir()
    print(f'three days: {first}, {second - first} and {len(arrived) - second} findings arrived, each once; alerts: {alerts()}')
