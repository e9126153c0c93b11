"""Every object, record and root record of the shared data is there: the folder of a scan."""
import json, sys
summary = json.load(open(sys.argv[1] + '/summary.json'))
lines = [json.loads(line) for line in open(sys.argv[1] + '/findings.ndjson')]
got = [summary['objects']['scanned'], summary['records']['scanned'], summary['records']['matched']]
print('objects, records, matched:', *got, '- findings:', len(lines))
assert got == [92, 225, 143], got
assert len(lines) == summary['findings']['written']
