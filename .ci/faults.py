"""Faults that pass leave no trace, faults that stay cost their keys."""
import concurrent.futures, contextlib, json, os, subprocess, sys, tempfile, time, urllib.parse
from s3 import BUCKET, Scan, fill, moto

PASSING = ['slowdown', 'internal', 'refuse', 'reset', 'truncate', 'shorten', 'bitflip', 'stall']
STAYING = {'forbidden': 'access_denied', 'notfound': 'not_found', 'bitflip': 'corrupt_gzip'}
RATE = 0.2


@contextlib.contextmanager
def proxy(upstream, seed, rules):
    """The proxy with these rules: its URL, and a function that tells the faults so far."""
    with tempfile.TemporaryDirectory() as work:
        plan = json.dumps({'seed': seed, 'rules': rules})
        command = [sys.executable, os.environ['SHARED'] + '/tools/faultproxy.py', '--upstream', upstream.split('//')[1]]
        command += ['--plan', plan, '--port-file', work + '/port', '--log', work + '/log']
        program = subprocess.Popen(command, stdout=subprocess.DEVNULL)
        try:
            end = time.monotonic() + 20
            while not (os.path.exists(work + '/port') and open(work + '/port').read()):
                assert time.monotonic() < end and program.poll() is None, 'the proxy does not start'
                time.sleep(0.05)
            yield 'http://127.0.0.1:' + open(work + '/port').read(), lambda: [json.loads(line) for line in open(work + '/log')]
        finally:
            program.terminate()
            program.wait()


def scan(through, bucket):
    started = time.monotonic()
    return Scan(f's3://{bucket}', '--endpoint-url', through), time.monotonic() - started


def passes(name, rules, seed):
    with proxy(url, seed, rules) as (through, log):
        run, seconds = scan(through, BUCKET)
        assert len(log()) >= 3, f'{name}: too few faults to prove anything'
        assert (run.exit, run.errors) == (0, []), (name, run.exit, run.errors, run.stderr)
        assert run.findings == sound.findings, f'{name}: the findings differ'
        return f'{name}: {len(log())} faults, {seconds:.1f} s'


def stays(name, kind, seed):
    def key(uri):
        return uri.removeprefix(f's3://{BARE}/')

    def of_others(text):
        return [line for line in text.splitlines() if key(json.loads(line)['evidence']['uri']) not in hit]
    with proxy(url, seed, [{'fault': name, 'op': 'get', 'rate': RATE, 'times': 0}]) as (through, log):
        run, seconds = scan(through, BARE)
        hit = {urllib.parse.unquote(one['path'].split('?')[0]).removeprefix(f'/{BARE}/') for one in log()}
    assert len(hit) >= 3 and run.exit == 3, (name, hit, run.exit, run.stderr)
    failed = {key(one['uri']) for one in run.errors}
    assert failed == hit, (name, failed ^ hit)
    assert {one['kind'] for one in run.errors} == {kind}, (name, run.errors)
    assert run.summary['objects']['failed'] == len(hit), (name, run.summary['objects'])
    # Of the other keys nothing is missing, and nothing but copies of what the failed ones held has come instead.
    missing = set(of_others(bare.findings)) - set(of_others(run.findings))
    assert not missing, (name, missing)
    return f'{name}, for good: {len(hit)} keys, {seconds:.1f} s'


BARE = 'without-checksums'
with moto() as url:
    fill(url, 'sample-logs')
    # Here nothing but gzip itself tells of a flipped bit.
    fill(url, 'sample-logs', BARE, checksums=False)
    sound, bare = scan(url, BUCKET)[0], scan(url, BARE)[0]
    for run in sound, bare:
        assert run.exit == 0 and run.findings.count('\n') == 42, run.stderr
    once = {name: [{'fault': name, 'op': 'get', 'rate': RATE}] for name in PASSING}
    once['slow down, lists'] = [{'fault': 'slowdown', 'op': 'list', 'rate': RATE, 'times': 2}]
    once['all but stall'] = [rule for name in PASSING if name != 'stall' for rule in once[name]] + once['slow down, lists']
    # Most of the time is waiting: for a body that has stalled, 15 s.
    with concurrent.futures.ThreadPoolExecutor(3) as pool:
        order = sorted(once.items(), key=lambda one: one[0] != 'stall')
        runs = [pool.submit(passes, name, rules, seed) for seed, (name, rules) in enumerate(order)]
        # With this seed no bit flips in the time or the system that a gzip header names, which would hurt nobody.
        runs += [pool.submit(stays, name, kind, 4) for name, kind in STAYING.items()]
        for run in runs:
            print(run.result(), flush=True)
print('faults that pass leave no trace; faults that stay cost exactly their keys')
