"""A bar that goes away, colours, and hostile names."""
import os, pty, select, subprocess, tempfile

roottrail = os.environ['ROOTTRAIL']


def run(*args, terminal=True, until=b'', **environment):
    """What a run shows whose standard input stays open until it has shown this."""
    read, write = pty.openpty() if terminal else os.pipe()
    env = {name: value for name, value in os.environ.items() if name not in ('NO_COLOR', 'CLICOLOR_FORCE')}
    command = [roottrail, 'scan', '-', 'sample-logs', '--force', *args]
    child = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=write, stderr=write, env=env | {'TERM': 'xterm-256color'} | environment)
    os.close(write)
    shown = b''
    while True:
        if until in shown and not child.stdin.closed:
            child.stdin.close()
        assert select.select([read], [], [], 60)[0], 'for a minute nothing but %r' % shown
        try:
            more = os.read(read, 1 << 16)
        except OSError:  # how a terminal ends
            break
        if not more:
            break
        shown += more
    os.close(read)
    child.wait()
    return shown


with tempfile.TemporaryDirectory() as work:
    shown = run('-o', work + '/a', until=b'objects, ')
    assert b'objects, ' in shown and b'\x1b[2K' in shown, shown
    assert b'\x1b[1;31m' in shown, 'no colour: %r' % shown
    last = shown.split(b'\x1b[2K')[-1]
    assert b'objects   ' in last and b' records, ' not in last, 'the bar stays: %r' % last
    for shown in (run('-o', work + '/b', until=b'objects, ', NO_COLOR='1'), run('-o', work + '/c', '--color', 'never')):
        assert b'\x1b[1;31m' not in shown and b'critical' in shown, shown
    assert b'\x1b[1;31m' in run('-o', work + '/d', '--color', 'always', NO_COLOR='1')
    shown = run('-o', work + '/e', '--progress', 'never')
    assert b'\x1b[2K' not in shown and b'critical' in shown, shown
    shown = run('-o', work + '/f', terminal=False)
    assert b'\x1b' not in shown and b'critical' in shown, shown

    hostile = os.path.join(work, 'a\x1b]0;owned\x07\n{"schema":"forged"}.json')
    with open(hostile, 'w') as file:
        file.write('{"Records":[{"type":"Root",}]}')
    shown = run(hostile, '-o', work + '/g')
    assert b'\x1b]0;' not in shown and b'\x07' not in shown and b'owned' in shown, shown
    assert b'\n{"schema"' not in shown, shown
print('bar, colours and hostile names: as they should be')
