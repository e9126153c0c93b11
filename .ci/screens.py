"""What a person sees on a terminal of 60, 80, 120 and 200 columns, beside the screens in tests/integration/golden/screens.

No line is wider than the terminal, nothing but colours acts on it, and there is no colour with NO_COLOR and no escape
sequence at all with TERM=dumb; with LC_ALL=C all is ASCII. BLESS=1 writes the screens again. ROOTTRAIL names the binary.
"""
import fcntl, json, os, pathlib, pty, re, select, signal, struct, subprocess, sys, tempfile, termios, unicodedata

ROOTTRAIL = os.environ['ROOTTRAIL']
GOLDEN = pathlib.Path('tests/integration/golden/screens')
WIDTHS = (60, 80, 120, 200)
SGR = re.compile(r'\x1b\[[0-9;]*m')
UTF8 = {'LC_ALL': 'C.UTF-8', 'TERM': 'xterm-256color'}
# The line of progress begins so, and ends where it is taken away.
ERASE = re.compile(r'\r\x1b\[2K|\r\x1b\[\d+A\x1b\[J')


class Terminal:
    """A run on a terminal of its own. `only` is the stream that goes there; the other one goes nowhere."""

    def __init__(self, *args, columns=80, only=None, stdin=subprocess.DEVNULL, **environment):
        self.read_end, write_end = pty.openpty()
        self.resize(columns)
        kept = {name: value for name, value in os.environ.items() if name not in ('NO_COLOR', 'CLICOLOR_FORCE', 'COLUMNS', 'LANG', 'LC_CTYPE')}
        where = {'stdout': subprocess.DEVNULL, 'stderr': subprocess.DEVNULL}
        for stream in [only] if only else where:
            where[stream] = write_end
        self.child = subprocess.Popen([ROOTTRAIL, *args], stdin=stdin, env=kept | UTF8 | environment, **where)
        os.close(write_end)
        self.shown = b''

    def resize(self, columns):
        fcntl.ioctl(self.read_end, termios.TIOCSWINSZ, struct.pack('HHHH', 40, columns, 0, 0))

    def more(self):
        """Reads on; whether there was something."""
        assert select.select([self.read_end], [], [], 120)[0], f'for two minutes nothing but {self.shown!r}'
        try:
            read = os.read(self.read_end, 1 << 16)
        except OSError:  # how a terminal ends
            return False
        self.shown += read
        return bool(read)

    def until(self, wanted):
        """Reads until the pattern stands in what was shown since the last call, and returns the match."""
        start = getattr(self, 'from_here', 0)
        while not (found := re.compile(wanted).search(self.shown, start)):
            assert self.more(), f'ended without {wanted}: {self.shown[start:]!r}'
        self.from_here = found.end()
        return found

    def all(self):
        while self.more():
            pass
        os.close(self.read_end)
        self.child.wait()
        return self.shown.decode()


def cells(text):
    """The cells of a text: wide characters take two, combining ones none."""
    return sum(0 if unicodedata.combining(char) else 2 if unicodedata.east_asian_width(char) in 'WF' else 1 for char in text)


def lines(text, columns, where):
    """The lines without colours. None is wider than the terminal, and nothing else acts on it."""
    plain = SGR.sub('', text).split('\r\n')
    for line in plain:
        assert cells(line) <= columns, f'{where}: {cells(line)} cells in {columns}: {line!r}'
        bad = [char for char in line if unicodedata.category(char) in ('Cc', 'Cf', 'Zl', 'Zp')]
        assert not bad, f'{where}: {bad!r} in {line!r}'
    return plain


def golden(name, plain):
    text = '\n'.join(line.rstrip() for line in plain).rstrip() + '\n'
    text = re.sub(r'^time .*$', 'time      (as long as it takes)', text, flags=re.M)
    place = GOLDEN / name
    if os.environ.get('BLESS'):
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(text)
    assert place.exists() and place.read_text() == text, f'{place} is not what is shown (BLESS=1 writes it again):\n{text}'


def screens():
    for columns in WIDTHS:
        for name, only, args in (
            ('table', 'stdout', ['scan', 'sample-logs']),
            ('summary', 'stderr', ['scan', 'sample-logs', '--progress', 'never']),
            ('help', 'stdout', ['scan', '--help']),
            ('help-short', 'stdout', ['scan', '-h']),
            ('rules', 'stdout', ['rules']),
            ('plan', 'stdout', ['plan', 'sample-logs']),
        ):
            where = f'{name}, {columns} columns'
            coloured = Terminal(*args, columns=columns, only=only).all()
            # The summary and the tables beside that of findings keep to 80 columns.
            fits = columns if name in ('table', 'help', 'help-short') else max(columns, 80)
            plain = lines(coloured, fits, where)
            golden(f'{name}-{columns}', plain)
            if name in ('table', 'summary'):
                assert '\x1b[1;31m' in coloured, f'{where}: no colour'
            uncoloured = Terminal(*args, columns=columns, only=only, NO_COLOR='1').all()
            assert name.startswith('help') or '\x1b' not in uncoloured, f'{where}: colour with NO_COLOR'
            dumb = Terminal(*args, columns=columns, only=only, TERM='dumb', CI='true').all()
            assert '\x1b' not in dumb, f'{where}: an escape sequence with TERM=dumb'
            ascii = Terminal(*args, columns=columns, only=only, LC_ALL='C').all()
            assert name.startswith('help') or ascii.isascii(), f'{where}: beyond ASCII with LC_ALL=C'
            lines(ascii, fits, where)


HOSTILE = ['\x1b[2J\x1b]0;owned\x07', '\u202egnp.exe', 'a\r\nforged', '日本語のとても長い名前' * 9, 'e\u0301' * 90, '\u200b\u2066\x9b1m']


def hostile(work):
    """Records whose texts would act on a terminal, in the table, the summary and the explanation."""
    log = work / 'hostile.json'
    log.write_text(json.dumps({'Records': [
        {'eventVersion': '1.10', 'userIdentity': {'type': 'Root', 'accountId': text, 'arn': text}, 'eventTime': text, 'eventName': text,
         'eventSource': text, 'sourceIPAddress': text, 'userAgent': text, 'eventID': text, 'awsRegion': text, 'recipientAccountId': text}
        for text in HOSTILE]}))
    for columns in WIDTHS:
        for args in (['scan', str(log), '--sort', 'time', '-f', 'table'], ['scan', str(log)]):
            for locale in ('C.UTF-8', 'C'):
                shown = Terminal(*args, '--progress', 'never', columns=columns, only='stdout', LC_ALL=locale).all()
                assert len(lines(shown, columns, f'hostile, {columns}')) == len(HOSTILE) + 2, shown
        lines(Terminal('scan', str(log), '--progress', 'never', columns=columns, only='stderr').all(), 10_000, 'hostile summary')
    lines(Terminal('explain', str(log), '-v').all(), 10_000, 'hostile explanation')


def progress():
    """The line of progress: as wide as the terminal allows, gone at the end, and no rest of it after a resize."""
    for columns in WIDTHS:
        # Standard input comes first in the order of output, so that the counts stand still until it is closed.
        run = Terminal('scan', '-', 'sample-logs', '-o', '/dev/null', columns=columns, only='stderr', stdin=subprocess.PIPE)
        drawn = run.until(rb'\r\x1b\[2K(\d+:\d\d )?(\[-+\] )?  0% 0 of 119 objects[^\r]*\r\x1b\[2K')[0]
        text = ERASE.sub('', drawn.decode())
        assert len(text) < columns and text.isascii(), (columns, text)
        golden(f'progress-{columns}', [re.sub(r'^\d+:\d\d', '0:00', text)])
        run.child.stdin.close()
        last = ERASE.split(run.all())[-1]
        assert 'objects   ' in last and ' records, ' not in last, f'the line stays: {last!r}'

    # What was drawn for 200 columns stands in several rows of 60, if the terminal folds it; all of them are erased.
    run = Terminal('scan', '-', 'sample-logs', '-o', '/dev/null', columns=200, only='stderr', stdin=subprocess.PIPE)
    wide = run.until(rb'\r\x1b\[2K([^\r]* 0 of 119 objects[^\r]*)\r\x1b\[2K')[1]
    run.resize(40)
    up = int(run.until(rb'\r\x1b\[(\d+)A\x1b\[J')[1])
    assert up == (len(wide) - 1) // 40 > 0, (up, len(wide))
    narrow = run.until(rb'([^\r]*)\r\x1b\[2K')[1]
    assert len(narrow) < 40, narrow
    run.child.stdin.close()
    run.all()

    dumb = Terminal('scan', 'sample-logs', '-o', '/dev/null', only='stderr', TERM='dumb').all()
    assert '\x1b' not in dumb and '\r' not in dumb.replace('\r\n', ''), dumb
    # Findings and the line of progress on one terminal: no finding shares a line with it.
    both = Terminal('scan', 'sample-logs', '-', columns=120, stdin=subprocess.PIPE)
    both.until(rb'118 of 119 objects')
    both.child.stdin.close()
    for line in ERASE.sub('\n', both.all()).replace('\r\n', '\n').split('\n'):
        assert not ('2025-' in line and ' objects, ' in line), f'a finding beside the line of progress: {line!r}'


def pipe():
    """Without a terminal everything stays as it was: NDJSON, byte for byte."""
    done = subprocess.run([ROOTTRAIL, 'scan', 'sample-logs', '-q'], capture_output=True, check=True)
    written = pathlib.Path('tests/integration/golden/sample-logs/ndjson').read_bytes()
    assert done.stdout == written, 'what goes down a pipe is not NDJSON as it was'
    for args in (['rules'], ['plan', 'sample-logs'], ['plan', 'sample-logs', '--sample', '3']):
        done = subprocess.run([ROOTTRAIL, *args], capture_output=True, check=False, env=os.environ | {'LC_ALL': 'C'})
        wide = [line for line in done.stdout.decode().splitlines() if len(line) > 80 and not line.startswith(' ' * 2)]
        assert done.stdout.isascii() and not wide, f'{args}: {wide}'


with tempfile.TemporaryDirectory() as folder:
    screens()
    hostile(pathlib.Path(folder))
    progress()
    pipe()
print(f'screens of {len(WIDTHS)} widths, hostile records, progress and pipes: as they should be')
