"""sample-logs in a bucket on moto give the findings of the disk."""
import hashlib, json
from s3 import BUCKET, Scan, as_from_disk, fill, moto

with moto() as url:
    keys = fill(url, 'sample-logs')
    print(len(keys), 'objects in', url)
    disk, bucket = Scan('sample-logs'), Scan(f's3://{BUCKET}', '--endpoint-url', url)
print(bucket.stderr)
assert (disk.exit, bucket.exit) == (0, 0), (disk.exit, bucket.exit)
assert disk.findings.count('\n') == 42, disk.findings.count('\n')
for line in bucket.findings.splitlines():
    evidence = json.loads(line)['evidence']
    stored = open(evidence['uri'].replace(f's3://{BUCKET}', 'sample-logs'), 'rb').read()
    assert evidence['etag'] == hashlib.md5(stored).hexdigest(), evidence
assert as_from_disk(bucket.findings, 'sample-logs') == disk.findings, 'the findings differ'
for part in 'objects', 'records', 'findings', 'bytes', 'coverage':
    assert bucket.summary[part] == disk.summary[part], part
print('the same', disk.findings.count('\n'), 'findings from the bucket as from disk')
