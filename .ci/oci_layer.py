"""Checks the sums of an OCI image, and prints where its one layer lies."""
import hashlib, json, pathlib, sys
place = pathlib.Path(sys.argv[1])
def blob(descriptor):
    content = (place / 'blobs' / descriptor['digest'].replace(':', '/')).read_bytes()
    assert hashlib.sha256(content).hexdigest() == descriptor['digest'].split(':')[1] and len(content) == descriptor['size']
    return content
manifest = json.loads(blob(json.loads((place / 'index.json').read_text())['manifests'][0]))
config = json.loads(blob(manifest['config']))
assert config['config']['User'] == '65532:65532', config
layer, = manifest['layers']
blob(layer)
print(place / 'blobs' / layer['digest'].replace(':', '/'))
