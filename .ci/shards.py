"""A scan in shards has the bytes of one scan, whoever runs the shards; of twelve workers at once, one commits."""
import json, os, signal, subprocess, tempfile

from s3 import BUCKET, KEY, SECRET, client, fill, moto, seaweedfs

ROOTTRAIL, WORK = os.path.abspath(os.environ['ROOTTRAIL']), 'work'
OUTPUTS = ['csv', 'ecs', 'errors', 'coverage']


def environment(url, **more):
    kept = {name: value for name, value in os.environ.items() if not name.startswith('AWS_')}
    return kept | {'AWS_ACCESS_KEY_ID': KEY, 'AWS_SECRET_ACCESS_KEY': SECRET, 'AWS_REGION': 'us-east-1',
                   'AWS_ENDPOINT_URL_S3': url} | more


def roottrail(url, *args, expect=0):
    done = subprocess.run([ROOTTRAIL, *args], capture_output=True, text=True, env=environment(url))
    assert done.returncode == expect, (args, done.returncode, done.stderr)
    return done


def outputs(url, *args):
    """Everything that a scan or a collection writes, but for what names the command."""
    with tempfile.TemporaryDirectory() as work:
        files = {name: f'{work}/{name}' for name in OUTPUTS}
        roottrail(url, *args, '-q', '-o', work + '/out', '--also', 'csv:' + files['csv'], '--also', 'ecs:' + files['ecs'],
                  '--errors', files['errors'], '--coverage', files['coverage'])
        texts = [open(path).read() for path in [work + '/out', *files.values()]]
    coverage = json.loads(texts[-1])
    coverage.pop('arguments', None)
    return [*texts[:-1], coverage]


def run_shard(roottrail, plan, index, environment):
    """The task of an engine: the program does the work, the engine looks at the exit code."""
    done = subprocess.run([roottrail, 'shard', 'run', '-q', '--plan', plan, '--index', str(index)], env=environment)
    if done.returncode != 0:
        raise RuntimeError(f'shard {index}: exit code {done.returncode}')
    return os.getpid()


def by_xargs(url, plan, shards):
    """As an indexed job: each index twice, three at a time."""
    indexes = '\n'.join(str(n) for n in [*range(shards), *range(shards)])
    run = ['sh', '-c', 'JOB_COMPLETION_INDEX=$1 exec "$0" shard run -q --plan "$2"', ROOTTRAIL, '{}', plan]
    subprocess.run(['xargs', '-P', '3', '-I{}', *run], input=indexes, text=True, check=True, env=environment(url))


def by_dask(url, plan, shards):
    """With a worker that is killed as soon as it has finished a shard: Dask runs its shards once more."""
    from distributed import Client, LocalCluster, as_completed
    with LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None) as cluster, Client(cluster) as dask:
        tasks = [dask.submit(run_shard, ROOTTRAIL, plan, n, environment(url), pure=False, retries=3) for n in range(shards)]
        first = next(iter(as_completed(tasks)))
        victim = first.result()
        os.kill(victim, signal.SIGKILL)
        dask.gather(tasks)
        print(f'Dask: {shards} shards, worker {victim} killed')


def races(url):
    client(url).create_bucket(Bucket=WORK)
    plan = f's3://{WORK}/race/plan.json'
    roottrail(url, 'shard', 'plan', '-q', 'sample-logs', '--shards', '1', '--into', f's3://{WORK}/race')
    run = [ROOTTRAIL, 'shard', 'run', '--plan', plan, '--index', '0', '--threads', '1']
    workers = [subprocess.Popen(run, stderr=subprocess.PIPE, text=True, env=environment(url)) for _ in range(12)]
    told = [worker.communicate()[1] for worker in workers]
    assert all(worker.returncode == 0 for worker in workers), told
    won = sum('objects read' in text for text in told)
    late = sum('somebody' in text for text in told)
    assert (won, late) == (1, 11), told
    met = sum('in the meantime' in text for text in told)
    print(f'SeaweedFS: of 12 workers 1 has committed; {met} met its part as they put theirs')
    scanned, collected = outputs(url, 'scan', 'sample-logs'), outputs(url, 'shard', 'collect', '--plan', plan)
    assert scanned == collected, 'the outputs differ'


def main():
    with moto() as url:
        fill(url, 'sample-logs')
        client(url).create_bucket(Bucket=WORK)
        scanned = outputs(url, 'scan', f's3://{BUCKET}')
        assert scanned[0].count('\n') == 42, scanned[0].count('\n')
        for name, engine, shards in ('xargs', by_xargs, 9), ('dask', by_dask, 12):
            place = f's3://{WORK}/{name}'
            roottrail(url, 'shard', 'plan', '-q', f's3://{BUCKET}', '--shards', str(shards), '--into', place)
            engine(url, place + '/plan.json', shards)
            collected = outputs(url, 'shard', 'collect', '--plan', place + '/plan.json')
            assert scanned == collected, f'{name}: the outputs differ'
            print(f'{name}: {shards} shards have the bytes of one scan')
    with seaweedfs() as url:
        races(url)


# Dask starts its workers anew from this file.
if __name__ == '__main__':
    main()
