"""The mistakes of a newcomer, and what roottrail answers to each: tests/integration/golden/mistakes.txt.

Each answer must say what to do: a word of it stands beside the mistake here, and all of the answer in the golden file.
BLESS=1 writes the file again. ROOTTRAIL names the binary.
"""
import os, pathlib, re, shlex, subprocess, sys, tarfile, tempfile, zipfile

import s3

GOLDEN = pathlib.Path('tests/integration/golden/mistakes.txt').absolute()
ROOT = pathlib.Path.cwd()
# What is typed, the exit code, and what the answer must say; `%` stands for a URL where S3 answers.
MISTAKES = [
    ('scan no-such-folder', 1, 'did you mean s3://no-such-folder?'),
    ('scan my-trail/AWSLogs', 1, 'did you mean s3://my-trail/AWSLogs?'),
    ('scan https://my-trail.s3.eu-west-1.amazonaws.com/AWSLogs', 1, 's3://my-trail/AWSLogs'),
    ('scan logs.zip', 3, 'unpack it first'),
    ('scan logs.tar.gz', 3, 'unpack it first'),
    ('scan findings.csv', 3, 'scan the logs that it was made of'),
    ('scan findings.ndjson --quiet -o again.ndjson', 0, ''),
    ('scan empty', 5, 'is the path or prefix right?'),
    ("scan 'sample-logs/*.gz'", 1, '--include-key takes patterns'),
    ('scan', 2, '<SOURCE>'),
    ('scann sample-logs', 2, "'scan' exists|subcommand exists: 'scan'"),
    ('scan sample-logs --min-sevrity high', 2, "similar argument exists: '--min-severity'"),
    ('scan sample-logs --min-severity severe', 2, 'known: low, medium, high, critical'),
    ('scan sample-logs -f json', 2, 'did you mean `ndjson`?'),
    ('scan sample-logs -f xml', 2, 'known: ndjson, table'),
    ('scan sample-logs --also csv', 2, 'ecs:findings-ecs.ndjson'),
    ('scan sample-logs --rule root-console-login', 2, 'did you mean `root-console-login-failed`?'),
    ('scan sample-logs --event-name consolelogin -q -f csv -o lower.csv', 0, ''),
    ('scan sample-logs --event-name ConsolLogin -q -o none.ndjson', 0, ''),
    ('scan sample-logs --start 18.11.2025', 2, 'give 2024-05-01T12:00:00Z'),
    ('scan sample-logs --start 2025-11-20 --end 2025-11-18', 2, 'exchange them'),
    ('scan sample-logs --account alice', 2, 'twelve digits'),
    ('scan sample-logs --trail-region eu-west', 2, 'give one like us-east-1'),
    ('scan sample-logs --threads 0', 2, 'a number from 1 on'),
    ('scan sample-logs -o findings.ndjson', 1, '--force replaces it'),
    ('scan sample-logs -o no-such-folder/findings.ndjson', 1, 'make it first'),
    ('scan sample-logs -o empty', 1, 'is a directory'),
    ('scan sample-logs --checkpoint state', 2, '--output <FILE>'),
    ('scan sample-logs --sort time -f ndjson', 2, '--sort time is for tables'),
    ('scan s3://trail', 1, 'to do: aws sso login'),
    ('scan s3://trail --profile nope', 1, 'profiles there: none'),
    ('scan s3://no-such-bucket --endpoint-url %', 1, 'to do: check the name'),
    ('scan s3://trail --endpoint-url http://127.0.0.1:1 --no-sign-request', 1, 'to do: check the endpoint'),
    ('plan no-such-folder', 1, 'did you mean'),
    ('explain sample-logs', 2, 'Give --event-id or --id'),
    ('explain findings.ndjson --id abc', 5, '--event-id takes'),
    ('explain findings.ndjson --event-id 5ce6e8ea4da7732e3f4ee473318bd104', 5, '--id takes'),
    ('explain log.json --event-id abc', 5, 'all events of the file are shown'),
    ('rules root-console', 2, 'did you mean'),
    ('report sample-logs', 1, 'which `roottrail scan SOURCE -o FILE` writes'),
    ('report log.json', 3, 'scan it first'),
    ('report findings.csv', 3, 'scan -f ndjson'),
    ('ship findings.ndjson', 2, '--to <SERVER>'),
    ('ship findings.ndjson --to elastic --url localhost:9200', 2, 'https://host:port'),
    ('ship findings.csv --to elastic --url http://127.0.0.1:1', 1, 'scan -f ndjson'),
    ('ship log.json --to elastic --url http://127.0.0.1:1', 1, 'scan it first'),
    ('ship sample-logs --to elastic --url http://127.0.0.1:1', 1, 'is a directory'),
    ('schema findings', 2, 'possible values'),
    ('completions csh', 2, 'possible values'),
]


def make(folder):
    """What the mistakes are made with."""
    (folder / 'empty').mkdir()
    (folder / 'sample-logs').symlink_to(ROOT / 'sample-logs')
    event = '{"eventVersion":"1.10","userIdentity":{"type":"Root"},"eventName":"ListUsers","eventID":"e-1"}'
    (folder / 'log.json').write_text('{"Records":[' + event + ']}')
    with zipfile.ZipFile(folder / 'logs.zip', 'w') as archive:
        archive.writestr('log.json', '{"Records":[]}')
    with tarfile.open(folder / 'logs.tar.gz', 'w:gz') as archive:
        archive.add(folder / 'log.json', 'log.json')
    for name in ('ndjson', 'csv'):
        command = [os.environ['ROOTTRAIL'], 'scan', 'sample-logs', '-q', '-f', name, '-o', f'findings.{name}']
        subprocess.run(command, cwd=folder, check=True)


def answers(folder, url):
    environment = {name: value for name, value in os.environ.items() if not name.startswith(('AWS_', 'LC_', 'LANG', 'COLUMNS'))}
    environment |= {'HOME': '/nonexistent', 'AWS_EC2_METADATA_DISABLED': 'true', 'NO_COLOR': '1'}
    for typed, code, says in MISTAKES:
        of_s3 = {'AWS_ACCESS_KEY_ID': 'x', 'AWS_SECRET_ACCESS_KEY': 'y'} if '%' in typed else {}
        command = [os.environ['ROOTTRAIL'], *shlex.split(typed.replace('%', url))]
        done = subprocess.run(command, cwd=folder, env=environment | of_s3, stdin=subprocess.DEVNULL, capture_output=True, text=True)
        said = done.stderr.replace(url, 'http://127.0.0.1:PORT').replace(url.removeprefix('http://'), '127.0.0.1:PORT')
        said = re.sub(r'^time .*\n', '', said, flags=re.M)
        # A new rule does not change what is answered.
        said = re.sub(r'(known: (?:[a-z-]+, ){9}).*\)', r'\1…)', said)
        assert '\x1b' not in said
        assert done.returncode == code, f'{typed}: exit {done.returncode}, not {code}: {said}'
        assert any(word in said for word in says.split('|')), f'{typed}: it does not say {says!r}: {said}'
        yield f'$ roottrail {typed.replace("%", "http://127.0.0.1:PORT")}\n{said.rstrip()}\n=> {code}\n'.replace('\n\n=>', '\n=>')


with tempfile.TemporaryDirectory() as work, s3.moto() as url:
    make(pathlib.Path(work))
    text = '\n'.join(answers(work, url))
if os.environ.get('BLESS'):
    GOLDEN.write_text(text)
assert GOLDEN.exists() and GOLDEN.read_text() == text, f'{GOLDEN} is not what is answered (BLESS=1 writes it again):\n{text}'
print(f'{len(MISTAKES)} mistakes of a newcomer: each is answered with what to do')
