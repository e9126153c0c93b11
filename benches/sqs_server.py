"""A queue of SQS in this process, for a client that follows it for long: leases, a dead-letter queue, and faults by chance.

It does what such a client asks for (ReceiveMessage, DeleteMessageBatch, ChangeMessageVisibilityBatch, GetQueueAttributes;
JSON over HTTP), and checks no signatures. What goes wrong is what SQS allows itself: an answer of 503, a lease that ends
while the message is worked on, a deletion by a receipt that is not the latest and has no effect. Each question looks
through all messages that are there, which should be a few thousand at most.
"""
import json, threading, time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class Answering(BaseHTTPRequestHandler):
    """Answers in JSON, over connections that stay."""
    protocol_version, disable_nagle_algorithm = 'HTTP/1.1', True

    def body(self):
        return self.rfile.read(int(self.headers['Content-Length']))

    def answer(self, status, value):
        body = json.dumps(value).encode()
        self.send_response(status)
        self.send_header('Content-Length', str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


class Listener(ThreadingHTTPServer):
    """`handler` answers whoever connects to `url`, from a thread of this process on."""

    def __init__(self, handler):
        super().__init__(('127.0.0.1', 0), handler)
        self.url = f'http://127.0.0.1:{self.server_port}'
        threading.Thread(target=self.serve_forever, daemon=True).start()

    def handle_error(self, *_):
        pass  # clients are killed


class Message:
    def __init__(self, body):
        self.body, self.received, self.hidden_until, self.receipt = body, 0, 0.0, None


class Queue:
    """The messages, and those that were taken `most` times; `faults` is the share of the questions and takings that go wrong."""

    def __init__(self, most, numbers, faults):
        self.most, self.numbers, self.faults = most, numbers, faults
        self.messages, self.sent, self.dead, self.changed = {}, 0, [], threading.Condition()

        class Handler(Answering):
            def do_POST(handler):
                question = json.loads(handler.body())
                handler.answer(*self.reply(handler.headers['X-Amz-Target'].removeprefix('AmazonSQS.'), question))
        self.listener = Listener(Handler)
        self.url = self.listener.url + '/111122223333/trail'

    def send(self, body):
        with self.changed:
            self.messages[self.sent] = Message(body)
            self.sent += 1
            self.changed.notify_all()

    def left(self):
        with self.changed:
            return len(self.messages)

    def reply(self, action, question):
        with self.changed:
            if self.numbers.random() < self.faults:
                return 503, {'__type': 'com.amazonaws.sqs#ServiceUnavailable', 'message': 'by chance'}
            if action == 'ReceiveMessage':
                return 200, {'Messages': self.receive(question)}
            if action == 'GetQueueAttributes':
                return 200, {'Attributes': self.attributes()}
            change = {'DeleteMessageBatch': self.delete, 'ChangeMessageVisibilityBatch': self.extend}[action]
            for entry in question['Entries']:
                number = int(entry['ReceiptHandle'].split('.')[0])
                if number in self.messages:
                    change(number, entry, self.messages[number].receipt == entry['ReceiptHandle'])
            return 200, {'Successful': [{'Id': entry['Id']} for entry in question['Entries']], 'Failed': []}

    def delete(self, number, _, latest):
        if latest or self.numbers.random() < 0.5:
            del self.messages[number]

    def extend(self, number, entry, latest):
        if latest:
            self.messages[number].hidden_until = time.monotonic() + entry['VisibilityTimeout']

    def receive(self, question):
        end = time.monotonic() + question['WaitTimeSeconds']
        while not (taken := self.take(question)) and (now := time.monotonic()) < end:
            back = min((message.hidden_until for message in self.messages.values()), default=end)
            self.changed.wait(max(min(back, end) - now, 0.001))
        return taken

    def take(self, question):
        taken, now = [], time.monotonic()
        for number, message in list(self.messages.items()):
            if message.hidden_until > now:
                continue
            if message.received == self.most:
                self.dead.append(self.messages.pop(number).body)
                continue
            lease = question['VisibilityTimeout'] * (self.numbers.random() if self.numbers.random() < self.faults else 1)
            message.received, message.hidden_until = message.received + 1, now + lease
            message.receipt = f'{number}.{message.received}'
            taken.append({'MessageId': f'message-{number}', 'ReceiptHandle': message.receipt, 'Body': message.body,
                          'Attributes': {'ApproximateReceiveCount': str(message.received), 'SentTimestamp': '1767225600000'}})
            if len(taken) == question['MaxNumberOfMessages']:
                break
        return taken

    def attributes(self):
        hidden = sum(message.hidden_until > time.monotonic() for message in self.messages.values())
        policy = {'deadLetterTargetArn': 'arn:aws:sqs:us-east-1:111122223333:dead', 'maxReceiveCount': self.most}
        return {'ApproximateNumberOfMessages': str(len(self.messages) - hidden), 'ApproximateNumberOfMessagesDelayed': '0',
                'ApproximateNumberOfMessagesNotVisible': str(hidden), 'RedrivePolicy': json.dumps(policy)}
