"""README and docs/ say what the program says. `.ci/checks/30-docs --write` brings their generated parts up to date.

A generated part stands between `<!-- NAME -->` and `<!-- /NAME -->`. A NAME that begins with `roottrail ` is a command:
its standard output belongs there, its standard error where ` 2>` ends it, and some of its lines where ` | sed -n 3,8p` does. The
other names are those of GENERATED.

ROOTTRAIL names the binary, and COVERAGE the table that `ROOTTRAIL_COVERAGE_TABLE=… cargo test` wrote; where it is missing
or empty, that part is left as it is.
"""
import difflib, functools, json, os, re, shlex, subprocess, sys, tempfile, urllib.parse
from pathlib import Path

import s3

binary = os.environ['ROOTTRAIL']
PAGES = [Path(name) for name in ('README.md', 'CONTRIBUTING.md', 'SECURITY.md', 'benches/README.md', 'sample-logs/README.md')]
PAGES = [page for page in PAGES if page.exists()] + sorted(Path('docs').glob('*.md'))
texts = {page: page.read_text(encoding='utf-8') for page in PAGES}
faults = []


def run(*args):
    done = subprocess.run([binary, *args], capture_output=True, text=True, stdin=subprocess.DEVNULL)
    assert done.returncode == 0, f'{args}: exit {done.returncode}: {done.stderr}'
    return done


def block(text):
    return '```text\n' + text.strip('\n') + '\n```'


def command(line):
    """What a marker's command prints."""
    line, _, lines = line.partition(' | sed -n ')
    stderr = line.endswith(' 2>')
    done = run(*shlex.split(line.removesuffix(' 2>'))[1:])
    shown = done.stderr if stderr else done.stdout
    if lines:
        first, last = map(int, lines.removesuffix('p').split(','))
        shown = '\n'.join(shown.splitlines()[first - 1:last])
    return block(shown)


def from_s3():
    """The scan of sample-logs from moto, which finds what the scan of the folder finds."""
    with s3.moto() as url:
        s3.fill(url, 'sample-logs')
        bucket = s3.Scan(f's3://{s3.BUCKET}', '--endpoint-url', url, '--color', 'never')
    assert bucket.exit == 0 and s3.as_from_disk(bucket.findings, 'sample-logs') == scan.stdout, bucket.stderr
    return block(bucket.stderr)


def coverage():
    """The table of peers' rules, or nothing where the tests did not write it."""
    name = os.environ.get('COVERAGE', '')
    if name and os.path.exists(name):
        table = Path(name).read_text(encoding='utf-8')
        # Without the labelled events the numbers are others.
        return None if ' 0 labelled' in table else table
    assert not os.environ.get('SHARED'), 'the tests wrote no table of peers'
    return None


@functools.cache
def report():
    """The parts of the report of sample-logs."""
    with tempfile.TemporaryDirectory() as folder:
        findings, summary = f'{folder}/findings', f'{folder}/summary'
        run('scan', 'sample-logs', '-o', findings, '--summary', summary)
        return run('report', findings, '--summary', summary).stdout.strip('\n').split('\n\n')


def part(title):
    return lambda: block(next(part for part in report() if part.startswith(title)))


def timeless(text):
    """The line that tells of time differs from run to run."""
    return re.sub(r'^time .*$', 'time', text, flags=re.M)


scan = run('scan', 'sample-logs', '--color', 'never')
GENERATED = {
    'scan': lambda: block(scan.stderr),
    'scan-s3': from_s3,
    'rules': lambda: run('rules', '--format', 'markdown').stdout,
    'coverage': coverage,
    'report-story': lambda: block('\n\n'.join(report()[:2])),
    'report-sessions': part('Sessions'),
    'report-study': part("The study's measures"),
}


def generate(match):
    name, shown = match[1], match[2]
    made = command(name) if name.startswith('roottrail ') else GENERATED[name]()
    if made is None or timeless(made.strip('\n')) == timeless(shown.strip('\n')):
        return match[0]
    return f'<!-- {name} -->\n' + made.strip('\n') + f'\n<!-- /{name} -->'


def anchors(page):
    """What GitHub makes of a page's headings."""
    headings = re.findall(r'^#+ (.*)$', re.sub(r'^```.*?^```', '', texts[page], flags=re.M | re.S), flags=re.M)
    return {re.sub(r'[^\w\- ]', '', heading.lower()).replace(' ', '-') for heading in headings}


written = {page: re.sub(r'<!-- (.+?) -->\n(.*?)\n<!-- /\1 -->', generate, text, flags=re.S) for page, text in texts.items()}
for page, text in texts.items():
    if written[page] != text and '--write' in sys.argv:
        page.write_text(written[page], encoding='utf-8')
    elif written[page] != text:
        sys.stdout.writelines(difflib.unified_diff(
            text.splitlines(True), written[page].splitlines(True), str(page), 'generated', n=1))
        faults.append(f'{page} is not up to date: .ci/checks/30-docs --write')
    for target in re.findall(r'\]\(([^)\s]+)\)', re.sub(r'^```.*?^```', '', text, flags=re.M | re.S)):
        if re.match(r'[a-z]+:', target):
            continue
        place, _, anchor = target.partition('#')
        path = Path(os.path.normpath(page.parent / urllib.parse.unquote(place))) if place else page
        if not path.exists():
            faults.append(f'{page}: nothing is at {target}')
        elif anchor and path in texts and anchor not in anchors(path):
            faults.append(f'{page}: no heading {target}')

all_text = ''.join(texts.values())
help_text = run('--help').stdout
commands = re.findall(r'^  ([a-z]+)  ', help_text.split('Commands:')[1].split('Options:')[0], flags=re.M)
for name in commands:
    if name == 'help':
        continue
    if f'`roottrail {name}' not in all_text:
        faults.append(f'the docs do not mention roottrail {name}')
    for option in re.findall(r'^ +(?:-\w, )?(--[a-z-]+)', run(name, '--help').stdout, flags=re.M):
        if f'`{option}' not in all_text and option != '--help':
            faults.append(f'the docs do not mention {name} {option}')

# The finding that the README and docs/finding.md explain is one of the findings.
found = [json.loads(line) | {'cloudtrail': None} for line in scan.stdout.splitlines()]
for page in Path('README.md'), Path('docs/finding.md'):
    shown = json.loads(re.sub(r'"cloudtrail": \{.*\}', '"cloudtrail": null', texts[page].split('```json')[1].split('```')[0]))
    if shown not in found:
        now = [finding for finding in found if finding['event']['id'] == shown['event']['id']]
        faults.append(f'{page} explains a finding that is now {json.dumps(now)}')

if len(texts[Path('README.md')].splitlines()) > 220:
    faults.append('README.md has more than 220 lines; the rest belongs into docs/')
if faults:
    sys.exit('\n'.join(faults))
print(len(texts), 'pages: output, tables, commands, options and links are up to date')
