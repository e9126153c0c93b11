"""An S3 bucket in this process, for measuring clients: S3's listing order, and objects that are made when asked for.

It does what clients need that list and read (ListObjectsV2, GET, HEAD, ranges, plain or over TLS), counts requests, and
checks no signatures. Nothing is kept but the beginnings that the objects share, so that a bucket may have millions of keys.
"""
import asyncio, base64, bisect, gzip, hashlib, json, os, random, re, ssl, struct, subprocess, threading, time, zlib
from urllib.parse import parse_qs, quote, unquote
from xml.sax.saxutils import escape

REGIONS = ['ap-south-1', 'eu-central-1', 'eu-west-1', 'us-east-1', 'us-west-2']


class Trail:
    """The keys of a trail bucket, in S3's order: accounts × regions × days (25 a month from 2024-01) × objects a day."""

    def __init__(self, accounts, regions, days, per_day, prefix=''):
        self.accounts, self.regions, self.days, self.per_day, self.prefix = accounts, REGIONS[:regions], days, per_day, prefix

    def __len__(self):
        return self.accounts * len(self.regions) * self.days * self.per_day

    def __getitem__(self, n):
        rest, serial = divmod(n, self.per_day)
        rest, day = divmod(rest, self.days)
        account, region = divmod(rest, len(self.regions))
        account, region = f'{111122220000 + account}', self.regions[region]
        month, day = divmod(day, 25)
        date = f'{2024 + month // 12}/{month % 12 + 1:02}/{day + 1:02}'
        return (f'{self.prefix}AWSLogs/{account}/CloudTrail/{region}/{date}/{account}_CloudTrail_{region}_'
                f'{date.replace("/", "")}T{serial * 1440 // self.per_day // 60:02}{serial * 1440 // self.per_day % 60:02}Z_'
                f'{serial:016d}.json.gz')


    def place(self, key):
        """Where this key stands, if it is one of these."""
        found = re.search(r'AWSLogs/(\d+)/CloudTrail/([^/]+)/(\d+)/(\d+)/(\d+)/.*_(\d+)\.json\.gz$', key)
        if not found or found[2] not in self.regions:
            return len(self)
        account, year, month, day, serial = (int(found[n]) for n in (1, 3, 4, 5, 6))
        place = (account - 111122220000) * len(self.regions) + self.regions.index(found[2])
        return (place * self.days + ((year - 2024) * 12 + month - 1) * 25 + day - 1) * self.per_day + serial


class Logs:
    """Objects of about the given gzip sizes, in turn: invented records, and a last one with an id of its own.

    One in `root_in` holds an event of root's. The records before the last are compressed once for each size; the last
    one lies behind them as a stored block of the same gzip member, so that making an object costs a few microseconds.
    """

    def __init__(self, sizes, root_in=100, seed=1):
        self.root_in, chance = root_in, random.Random(seed)
        templates = []
        for folder, _, names in sorted(os.walk('sample-logs/AWSLogs')):
            for name in sorted(names):
                if '/CloudTrail/' in folder and name.endswith('.gz'):
                    templates += json.load(gzip.open(os.path.join(folder, name)))['Records']
        texts = [json.dumps(one, separators=(',', ':')) for one in templates]
        texts = [text for text in texts if 'root' not in text.lower() and 'additionalEventData' not in text]
        self.heads = [self.head(size, texts, chance) for size in sizes]

    @staticmethod
    def head(size, texts, chance):
        def fresh(found):
            return '%08x-%04x-4%03x-a%03x-%012x' % tuple(chance.getrandbits(bits) for bits in (32, 16, 12, 12, 48))

        def record():
            text = re.sub(r'[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}', fresh, chance.choice(texts))
            # As in the data events of S3, which many trails consist of.
            host = base64.b64encode(chance.randbytes(57)).decode()
            return f'{text[:-1]},"additionalEventData":{{"x-amz-id-2":"{host}"}}}},' if chance.random() < 0.5 else text + ','
        squeeze, parts, crc, length, made, text = zlib.compressobj(6, zlib.DEFLATED, -15), [], 0, 0, 0, '{"Records":['
        while made < size - 600:
            for _ in range(max(1, (size - made) // 20000)):
                text += record()
            data = text.encode()
            crc, length, text = zlib.crc32(data, crc), length + len(data), ''
            parts.append(squeeze.compress(data))
            made = sum(map(len, parts)) + len(squeeze.copy().flush(zlib.Z_SYNC_FLUSH))
        # The stored block begins at a byte.
        parts.append(squeeze.flush(zlib.Z_SYNC_FLUSH))
        return b'\x1f\x8b\x08\0\0\0\0\0\0\xff' + b''.join(parts), crc, length

    @staticmethod
    def last(n, root):
        who = '"type":"Root","arn":"arn:aws:iam::111122223333:root"' if root else '"type":"AWSService","invokedBy":"s3.amazonaws.com"  '
        return (f'{{"eventVersion":"1.08","userIdentity":{{{who}}},"eventTime":"2024-01-01T00:00:00Z","eventSource":'
                f'"s3.amazonaws.com","eventName":"ListBuckets","awsRegion":"us-east-1","sourceIPAddress":"192.0.2.1",'
                f'"eventID":"00000000-0000-4000-a000-{n:012}","recipientAccountId":"111122223333"}}]}}').encode()

    def size(self, n):
        return len(self.heads[n % len(self.heads)][0]) + 5 + len(self.last(0, False)) + 8

    def body(self, n):
        head, crc, length = self.heads[n % len(self.heads)]
        tail = self.last(n, n % self.root_in == 0)
        stored = b'\x01' + struct.pack('<HH', len(tail), len(tail) ^ 0xffff) + tail
        return head + stored + struct.pack('<II', zlib.crc32(tail, crc), (length + len(tail)) & 0xffffffff)

    def roots(self, count):
        return -(-count // self.root_in)


def etag(n):
    """Not the MD5, as with SSE-KMS."""
    return f'{n:032x}-1'


class Server:
    """`with Server(keys, logs) as server:` serves s3://example-trail at `server.url`."""

    def __init__(self, keys, logs, tls=None):
        self.keys, self.logs, self.counts, self.tls = keys, logs, {}, None
        if tls:
            self.tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            self.tls.load_cert_chain(*tls)

    def __enter__(self):
        ready = threading.Event()

        async def run():
            self.loop, self.over = asyncio.get_running_loop(), asyncio.Event()
            server = await self.loop.create_server(lambda: Connection(self), '127.0.0.1', 0, ssl=self.tls, backlog=1024)
            self.url = f'http{"s" if self.tls else ""}://127.0.0.1:{server.sockets[0].getsockname()[1]}'
            ready.set()
            await self.over.wait()
        self.thread = threading.Thread(target=lambda: asyncio.run(run()), daemon=True)
        self.thread.start()
        assert ready.wait(10), 'the server does not start'
        return self

    def __exit__(self, *_):
        self.loop.call_soon_threadsafe(self.over.set)
        self.thread.join(10)

    def take(self):
        """What was asked for since the last time."""
        counts, self.counts = self.counts, {}
        return counts

    def place(self, text):
        return bisect.bisect_left(self.keys, text)

    def find(self, key):
        n = self.keys.place(key)
        return n if 0 <= n < len(self.keys) and self.keys[n] == key else None

    def page(self, query):
        value = {name: values[0] for name, values in parse_qs(query, keep_blank_values=True).items()}
        prefix, delimiter, most = value.get('prefix', ''), value.get('delimiter', ''), int(value.get('max-keys', 1000))
        at = self.place(prefix)
        if 'continuation-token' in value:
            at = max(at, int(value['continuation-token']))
        elif 'start-after' in value:
            at = max(at, self.place(value['start-after'] + '\0'))
        if value.get('encoding-type') == 'url':
            named, more = lambda text: quote(text, safe='/'), '<EncodingType>url</EncodingType>'
        else:
            named, more = escape, ''
        parts, keys, folders = [], 0, 0
        while at < len(self.keys) and (key := self.keys[at]).startswith(prefix):
            if keys + folders == most:
                more += f'<NextContinuationToken>{at}</NextContinuationToken>'
                break
            cut = key.find(delimiter, len(prefix)) + 1 if delimiter else 0
            if cut:
                folder = key[:cut]
                parts.append(f'<CommonPrefixes><Prefix>{named(folder)}</Prefix></CommonPrefixes>')
                at, folders = self.place(folder[:-1] + chr(ord(folder[-1]) + 1)), folders + 1
                continue
            parts.append(f'<Contents><Key>{named(key)}</Key><LastModified>2024-01-01T00:00:00.000Z</LastModified><ETag>&quot;'
                         f'{etag(at)}&quot;</ETag><Size>{self.logs.size(at)}</Size><StorageClass>STANDARD</StorageClass></Contents>')
            at, keys = at + 1, keys + 1
        self.note('keys', keys)
        truncated = str('<NextContinuationToken>' in more).lower()
        return (f'<?xml version="1.0" encoding="UTF-8"?><ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/">'
                f'<Name>example-trail</Name><Prefix>{named(prefix)}</Prefix><KeyCount>{keys + folders}</KeyCount><MaxKeys>{most}'
                f'</MaxKeys><IsTruncated>{truncated}</IsTruncated>{more}{"".join(parts)}</ListBucketResult>').encode()

    def note(self, what, n=1):
        self.counts[what] = self.counts.get(what, 0) + n

    def answer(self, head):
        line, _, headers = head.partition(b'\r\n')
        method, target, _ = line.decode().split(' ')
        path, _, query = target.partition('?')
        _, _, key = path.lstrip('/').partition('/')
        if not key:
            if method != 'GET':
                return reply(b'', 'x-amz-bucket-region: us-east-1\r\n')
            self.note('list')
            return reply(self.page(query), 'Content-Type: application/xml\r\n')
        self.note(method.lower())
        n = self.find(unquote(key))
        if n is None:
            return reply(b'<Error><Code>NoSuchKey</Code><Message>The specified key does not exist.</Message></Error>', status='404 Not Found')
        more = f'ETag: "{etag(n)}"\r\nLast-Modified: Mon, 01 Jan 2024 00:00:00 GMT\r\n'
        if method == 'HEAD':
            return reply(b'', more, length=self.logs.size(n))
        body = self.logs.body(n)
        if b'ange: bytes=' in headers and (wanted := re.search(rb'(?i)\r\nrange: bytes=(\d+)-(\d*)', b'\r\n' + headers)):
            first, last = int(wanted[1]), min(int(wanted[2] or len(body)), len(body) - 1)
            return reply(body[first:last + 1], f'{more}Content-Range: bytes {first}-{last}/{len(body)}\r\n', '206 Partial Content')
        return reply(body, more)


def reply(body, headers='', status='200 OK', length=None):
    size = len(body) if length is None else length
    return f'HTTP/1.1 {status}\r\nContent-Length: {size}\r\n{headers}\r\n'.encode() + body


class Connection(asyncio.Protocol):
    def __init__(self, server):
        self.server, self.rest = server, b''

    def connection_made(self, transport):
        self.transport = transport

    def data_received(self, data):
        self.rest += data
        while b'\r\n\r\n' in self.rest:
            head, self.rest = self.rest.split(b'\r\n\r\n', 1)
            self.transport.write(self.server.answer(head))


def certificates(folder):
    """A CA, and a certificate of it for 127.0.0.1, made with openssl. Returns the CA's file, and what a Server wants."""
    def openssl(*args):
        subprocess.run(['openssl', *args], cwd=folder, check=True, capture_output=True)
    new = ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', '2']
    openssl(*new, '-subj', '/CN=a CA', '-keyout', 'ca.key', '-out', 'ca.pem')
    openssl(*new, '-subj', '/CN=127.0.0.1', '-addext', 'subjectAltName=IP:127.0.0.1', '-addext', 'basicConstraints=critical,CA:FALSE',
            '-CA', 'ca.pem', '-CAkey', 'ca.key', '-keyout', 'server.key', '-out', 'server.pem')
    return folder + '/ca.pem', (folder + '/server.pem', folder + '/server.key')


ENVIRONMENT = {name: value for name, value in os.environ.items() if not name.startswith('AWS_') and not name.lower().endswith('_proxy')}
ENVIRONMENT |= {'AWS_ACCESS_KEY_ID': 'testing', 'AWS_SECRET_ACCESS_KEY': 'testing', 'AWS_REGION': 'us-east-1'}


class Run:
    """A command that must succeed: `wall` and `cpu` in seconds, `peak` in MB, and what it printed."""

    def __init__(self, *command, expect=0, stdin=None):
        with open(os.devnull, 'rb') as nothing:
            started = time.perf_counter()
            child = subprocess.Popen(command, stdin=nothing if stdin is None else stdin, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=ENVIRONMENT)
            said = []
            listener = threading.Thread(target=lambda: said.append(child.stderr.read()))
            listener.start()
            self.stdout = child.stdout.read()
            _, status, usage = os.wait4(child.pid, 0)
            self.wall = time.perf_counter() - started
        child.returncode = os.waitstatus_to_exitcode(status)
        listener.join()
        self.stderr = said[0]
        if child.returncode != expect:
            raise SystemExit(f'{command}: exit {child.returncode}\n{self.stderr}')
        self.cpu, self.peak = usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1000
