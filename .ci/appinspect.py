"""The report of splunk-appinspect has no failure and no warning."""
import json, sys
report = json.load(open(sys.argv[1]))
bad = [(check['result'], check['name'], [message['message'] for message in check['messages']])
       for part in report['reports'] for group in part['groups'] for check in group['checks']
       if check['result'] in ('error', 'failure', 'future_failure', 'warning')]
assert not bad, bad
assert report['summary']['success'] > 50, report['summary']
print(report['summary'])
