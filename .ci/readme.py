"""The README says what the program says. `.ci/checks/30-readme --write` brings its generated parts up to date.

ROOTTRAIL names the binary, and COVERAGE the table that `ROOTTRAIL_COVERAGE_TABLE=… cargo test` wrote; where it is missing
or empty, that part is left as it is.
"""
import json, os, re, subprocess, sys

import s3

binary = os.environ['ROOTTRAIL']
readme = open('README.md', encoding='utf-8').read()
written = readme


def run(*args):
    done = subprocess.run([binary, *args], capture_output=True, text=True)
    assert done.returncode == 0, f'{args}: exit {done.returncode}: {done.stderr}'
    return done


def replace(name, text):
    """Puts `text` between the markers `<!-- name -->` and `<!-- /name -->`."""
    global written
    start, end = f'<!-- {name} -->', f'<!-- /{name} -->'
    before, rest = written.split(start)
    old, after = rest.split(end)
    written = before + start + '\n' + text.strip('\n') + '\n' + end + after


def timeless(text):
    """The line that tells of time differs from run to run."""
    return re.sub(r'^time .*$', 'time', text, flags=re.M)


def replace_scan(name, stderr):
    block = '```text\n' + stderr.strip('\n') + '\n```'
    shown = readme.split(f'<!-- {name} -->')[1].split(f'<!-- /{name} -->')[0].strip('\n')
    if timeless(shown) != timeless(block):
        replace(name, block)


scan = run('scan', 'sample-logs', '--color', 'never')
replace_scan('scan', scan.stderr)
with s3.moto() as url:
    s3.fill(url, 'sample-logs')
    bucket = s3.Scan(f's3://{s3.BUCKET}', '--endpoint-url', url, '--color', 'never')
assert bucket.exit == 0 and s3.as_from_disk(bucket.findings, 'sample-logs') == scan.stdout, bucket.stderr
replace_scan('scan-s3', bucket.stderr)
replace('plan', '```text\n' + run('plan', 'sample-logs').stdout.strip('\n') + '\n```')
replace('rules', run('rules', '--format', 'markdown').stdout)
coverage = os.environ.get('COVERAGE', '')
if coverage and os.path.exists(coverage):
    table = open(coverage, encoding='utf-8').read()
    # Without the labelled events the numbers are others.
    if ' 0 labelled' not in table:
        replace('coverage', table)
elif os.environ.get('SHARED'):
    sys.exit('the tests wrote no table of peers')

help_text = run('--help').stdout
commands = [line.split()[0] for line in help_text.split('Commands:')[1].split('Options:')[0].splitlines() if line.strip()]
commands.remove('help')
missing = [name for name in commands if f'`roottrail {name}' not in readme]
for name in commands:
    for option in re.findall(r'^ +(?:-\w, )?(--[a-z-]+)', run(name, '--help').stdout, flags=re.M):
        if f'`{option}' not in readme and option != '--help':
            missing.append(f'{name} {option}')

# The finding that the README explains is one of the findings.
shown = readme.split('```json')[1].split('```')[0]
shown = json.loads(re.sub(r'"cloudtrail": \{.*\}', '"cloudtrail": null', shown))
found = [json.loads(line) | {'cloudtrail': None} for line in scan.stdout.splitlines()]
if shown not in found:
    now = [finding for finding in found if finding['event'] == shown['event']]
    missing.append(f'a finding of sample-logs, explained; it is now {json.dumps(now)}')

if '--write' in sys.argv:
    open('README.md', 'w', encoding='utf-8').write(written)
elif written != readme:
    import difflib
    sys.stdout.writelines(difflib.unified_diff(readme.splitlines(True), written.splitlines(True), 'README.md', 'generated', n=1))
    sys.exit('the README is not up to date: .ci/checks/30-readme --write')
if missing:
    sys.exit('the README does not mention: ' + ', '.join(missing))
print('tables, output, commands and options are up to date')
