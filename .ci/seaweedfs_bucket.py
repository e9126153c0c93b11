"""A bucket on SeaweedFS gives the findings of the disk."""
import asyncio, contextlib, gzip, os, shutil, tempfile, threading, urllib.parse
from s3 import BUCKET, Scan, as_from_disk, fill, seaweedfs


@contextlib.contextmanager
def listener(upstream):
    """Passes everything on, and counts GETs with roottrail's own signature, and refusals."""
    seen, ready, address = {'own': 0, 'refused': 0}, threading.Event(), urllib.parse.urlsplit(upstream)

    async def pump(reader, writer, what, text):
        with contextlib.suppress(ConnectionError):
            while data := await reader.read(1 << 16):
                seen[what] += data.lower().count(text)
                writer.write(data)
                await writer.drain()
        writer.close()

    async def connection(reader, writer):
        up_reader, up_writer = await asyncio.open_connection(address.hostname, address.port)
        # The SDK names itself otherwise.
        await asyncio.gather(pump(reader, up_writer, 'own', b'\r\nuser-agent: roottrail/'),
                             pump(up_reader, writer, 'refused', b'http/1.1 403 '))

    async def run():
        seen['loop'], seen['over'] = asyncio.get_running_loop(), asyncio.Event()
        server = await asyncio.start_server(connection, '127.0.0.1', 0)
        seen['url'] = f'http://127.0.0.1:{server.sockets[0].getsockname()[1]}'
        ready.set()
        await seen['over'].wait()
    thread = threading.Thread(target=lambda: asyncio.run(run()), daemon=True)
    thread.start()
    assert ready.wait(10)
    yield seen
    seen['loop'].call_soon_threadsafe(seen['over'].set)
    thread.join(10)


with tempfile.TemporaryDirectory() as work, seaweedfs() as url, listener(url) as seen:
    trail = work + '/trail'
    shutil.copytree('sample-logs', trail)
    # Names that a signature must encode, and a second organization behind a prefix of its own.
    day = 'AWSLogs/111122223333/CloudTrail/us-east-1/2025/11/18'
    logs = [name for name in sorted(os.listdir(f'{trail}/{day}')) if b'"Root"' in gzip.open(f'{trail}/{day}/{name}').read()]
    for odd in 'a space.json.gz', 'plus+percent%41.json.gz', 'ü~(1)!.json.gz':
        os.makedirs(f'{trail}/other/{day}', exist_ok=True)
        shutil.copy(f'{trail}/{day}/{logs.pop()}', f'{trail}/other/{day}/{odd}')
    keys = fill(url, trail)
    print(len(keys), 'objects in', url)
    prefixes = ['', 'AWSLogs/', 'AWSLogs/111122223333/', 'AWSLogs/111122223333/CloudTrail/us-east-1/2025/11/1',
                'other/', 'other/AWSLogs/111122223333/CloudTrail/']
    for options in [], ['--account', '111122223333', '--trail-region', 'us-east-1', '--start', '2025-11-18']:
        for prefix in prefixes:
            part = tempfile.mkdtemp(dir=work)
            for key in keys:
                if key.startswith(prefix):
                    os.makedirs(os.path.dirname(f'{part}/{key}'), exist_ok=True)
                    os.link(f'{trail}/{key}', f'{part}/{key}')
            expected = Scan(part, *options)
            seen['own'] = seen['refused'] = 0
            found = Scan(f's3://{BUCKET}/{prefix}', '--endpoint-url', seen['url'], *options)
            assert found.exit == 0, (prefix, found.exit, found.stderr)
            lines = sorted(as_from_disk(found.findings, part).splitlines())
            assert lines and lines == sorted(expected.findings.splitlines()), f'{prefix}: the findings differ'
            objects = found.summary['objects']['scanned']
            assert seen['own'] >= objects and seen['refused'] == 0, (prefix, objects, seen)
            print(f'{prefix or "all"} {" ".join(options)}: {len(lines)} findings, {objects} objects, none refused')
    wrong = Scan(f's3://{BUCKET}', '--endpoint-url', url, secret='wrong')
    assert wrong.exit == 1 and 'SignatureDoesNotMatch' in wrong.stderr, (wrong.exit, wrong.stderr)
print('the same findings as from disk; a wrong secret is refused')
