"""A scan in shards on Spark, which loses an executor that is at work on one of them: the bytes of one scan."""
import http.client, os, pathlib, signal, subprocess, sys, tempfile, threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from s3 import BUCKET, client, fill, moto
from shards import ROOTTRAIL, WORK, environment, outputs, roottrail

SHARDS = 9
PLAN = f's3://{WORK}/spark/plan.json'
# What an event may take before this is a hang.
LAST_RESORT = 300


class Pit(ThreadingHTTPServer):
    """A way to S3 on which so many requests are answered, and the next ones never."""
    daemon_threads = True

    def __init__(self, url, passes):
        super().__init__(('127.0.0.1', 0), Passing)
        self.to, self.left, self.lock = url.removeprefix('http://'), passes, threading.Lock()
        self.held, self.done = threading.Event(), threading.Event()
        threading.Thread(target=self.serve_forever, daemon=True).start()

    def passes(self):
        with self.lock:
            self.left -= 1
            return self.left >= 0


class Passing(BaseHTTPRequestHandler):
    protocol_version = 'HTTP/1.1'

    def do_GET(self):
        body = self.rfile.read(int(self.headers.get('Content-Length', 0)))
        if not self.server.passes():
            self.server.held.set()
            self.server.done.wait()
            self.close_connection = True
            return
        there = http.client.HTTPConnection(self.server.to)
        there.request(self.command, self.path, body, dict(self.headers))
        answer = there.getresponse()
        content = answer.read()
        self.send_response(answer.status)
        for name, value in answer.getheaders():
            if name.lower() not in ('connection', 'content-length', 'date', 'server', 'transfer-encoding'):
                self.send_header(name, value)
        self.send_header('Content-Length', str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    do_PUT = do_POST = do_GET

    def log_message(self, *_):
        pass


def processes():
    """The parent of each process."""
    parents = {}
    for stat in pathlib.Path('/proc').glob('[0-9]*/stat'):
        try:
            parents[int(stat.parent.name)] = int(stat.read_text().rpartition(')')[2].split()[1])
        except (FileNotFoundError, ProcessLookupError):
            pass
    return parents


def executor_of(worker):
    """The executor's process above a worker, and all processes below the executor, itself included."""
    parents, executor = processes(), worker
    while b'CoarseGrainedExecutorBackend' not in pathlib.Path(f'/proc/{executor}/cmdline').read_bytes():
        executor = parents[executor]
        assert executor > 1, f'no executor above {worker}'
    below = {executor}
    while more := {child for child, parent in parents.items() if parent in below} - below:
        below |= more
    assert worker in below
    return executor, below


def job(url, work):
    """Runs the job. The first shard to start comes to the pit, and its executor is killed there."""
    pit = Pit(url, 4)
    # The program under a name of its own: it says who was first.
    program = work / 'roottrail'
    program.write_text(f'''#!/bin/sh
if [ "$2" = run ] && mkdir {work}/first 2>/dev/null; then
  echo "$$ $*" >{work}/worker
  AWS_ENDPOINT_URL_S3=http://127.0.0.1:{pit.server_port}
fi
exec {ROOTTRAIL} "$@"
''')
    program.chmod(0o755)
    home = pathlib.Path(sys.executable).parent
    command = [home / 'spark-submit', '--master', 'local-cluster[2,1,1024]', '--conf', 'spark.ui.enabled=false',
               'examples/spark/run_shards.py', '--roottrail', program, PLAN, '--', '--threads', '1']
    of_spark = {'PYSPARK_PYTHON': sys.executable, 'SPARK_LOCAL_IP': '127.0.0.1', 'SPARK_WORKER_DIR': f'{work}/executors',
                'SPARK_LOCAL_DIRS': f'{work}/local'}
    with open(work / 'log', 'w+') as log:
        spark = subprocess.Popen(command, stdout=log, stderr=log, env=environment(url, **of_spark), start_new_session=True)
        try:
            met = pit.held.wait(LAST_RESORT)
            worker, _, arguments = (work / 'worker').read_text().partition(' ') if met else ('', '', '')
            assert met, 'no shard has come to the pit'
            shard = int(arguments.split('--index ')[1].split()[0])
            executor, below = executor_of(int(worker))
            for process in [executor, *below - {executor}]:
                try:
                    os.kill(process, signal.SIGKILL)
                except ProcessLookupError:
                    pass
            part = f'spark/parts/part-{shard:05}.ndjson.gz'
            listed = client(url).list_objects_v2(Bucket=WORK, Prefix=part)
            assert listed['KeyCount'] == 0, 'the shard was committed before the kill'
            assert spark.wait(LAST_RESORT) == 0, f'spark-submit: {spark.returncode}'
            log.seek(0)
            assert 'Lost executor' in log.read(), 'Spark lost no executor'
            print(f'Spark: {SHARDS} shards, executor {executor} and {len(below) - 1} processes below it killed, shard {shard} in work')
        except BaseException:
            log.seek(0)
            sys.stderr.write(log.read()[-20000:])
            raise
        finally:
            if spark.poll() is None:
                os.killpg(spark.pid, signal.SIGKILL)
            pit.done.set()
            pit.shutdown()


def main():
    with moto() as url, tempfile.TemporaryDirectory() as work:
        fill(url, 'sample-logs')
        client(url).create_bucket(Bucket=WORK)
        scanned = outputs(url, 'scan', f's3://{BUCKET}')
        assert scanned[0].count('\n') == 42, scanned[0].count('\n')
        roottrail(url, 'shard', 'plan', '-q', f's3://{BUCKET}', '--shards', str(SHARDS), '--into', f's3://{WORK}/spark')
        job(url, pathlib.Path(work))
        assert scanned == outputs(url, 'shard', 'collect', '--plan', PLAN), 'the outputs differ'
        print(f'Spark: {SHARDS} shards have the bytes of one scan')


if __name__ == '__main__':
    main()
