"""oci.py PROGRAM VERSION ARCHIVE: an image as an OCI layout in a tar, without a daemon: the program, the C library that
it needs, CA certificates, and a user who is not root. `skopeo copy oci-archive:ARCHIVE …` or `podman load` takes it."""
import gzip, hashlib, io, json, os, pathlib, re, subprocess, sys, tarfile, time

program, version, archive = sys.argv[1:]
EPOCH = int(os.environ['SOURCE_DATE_EPOCH'])
CREATED = time.strftime('%Y-%m-%dT%H:%M:%SZ', time.gmtime(EPOCH))
CERTIFICATES = '/etc/ssl/certs/ca-certificates.crt'
PASSWD = b'root:x:0:0:root:/:/sbin/nologin\nnonroot:x:65532:65532:nonroot:/home/nonroot:/sbin/nologin\n'
GROUP = b'root:x:0:\nnonroot:x:65532:\n'


def entry(name, mode, kind=tarfile.REGTYPE, size=0, owner=0):
    info = tarfile.TarInfo(name)
    info.mode, info.type, info.size, info.mtime, info.uid, info.gid = mode, kind, size, EPOCH, owner, owner
    return info


def tar(entries):
    """A tar of (name, mode, content) in order; content None is a folder, with its owner in place of a size."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode='w', format=tarfile.PAX_FORMAT) as tape:
        for name, mode, content in entries:
            if content is None:
                owner = 65532 if name.startswith('home/nonroot') else 0
                tape.addfile(entry(name, mode, tarfile.DIRTYPE, owner=owner))
            else:
                tape.addfile(entry(name, mode, size=len(content)), io.BytesIO(content))
    return out.getvalue()


def libraries():
    """The paths under which the loader looks for what the program needs, the loader's among them."""
    text = subprocess.run(['ldd', program], check=True, stdout=subprocess.PIPE, text=True).stdout
    paths = re.findall(r'(/\S+) \(0x', text)
    # Name look-ups of glibc before 2.34 load these; since then they are part of it.
    libc = next(pathlib.Path(path) for path in paths if '/libc.so' in path)
    return paths + [str(path) for name in ('libnss_dns.so.2', 'libnss_files.so.2', 'libresolv.so.2') if (path := libc.with_name(name)).exists()]


files = {path.lstrip('/'): (0o755, pathlib.Path(path).read_bytes()) for path in libraries()}
files |= {
    'usr/bin/roottrail': (0o755, pathlib.Path(program).read_bytes()),
    CERTIFICATES.lstrip('/'): (0o644, pathlib.Path(CERTIFICATES).read_bytes()),
    'etc/passwd': (0o644, PASSWD), 'etc/group': (0o644, GROUP),
    'etc/nsswitch.conf': (0o644, b'passwd: files\ngroup: files\nhosts: files dns\n'),
}
folders = {str(parent) for name in files for parent in pathlib.PurePath(name).parents if str(parent) != '.'}
folders |= {'home', 'home/nonroot', 'tmp', 'data'}
entries = [(name, 0o1777 if name == 'tmp' else 0o755, None) for name in folders]
entries += [(name, *content) for name, content in files.items()]
layer = tar(sorted(entries))
packed = gzip.compress(layer, 9, mtime=0)

blobs = {}


def blob(content, kind):
    digest = hashlib.sha256(content).hexdigest()
    blobs['blobs/sha256/' + digest] = content
    return {'mediaType': f'application/vnd.oci.image.{kind}', 'digest': 'sha256:' + digest, 'size': len(content)}


def as_json(value):
    return json.dumps(value, sort_keys=True, separators=(',', ':')).encode()


config = blob(as_json({
    'architecture': 'amd64', 'os': 'linux', 'created': CREATED,
    'config': {
        'User': '65532:65532', 'WorkingDir': '/data', 'Entrypoint': ['/usr/bin/roottrail'],
        'Env': ['PATH=/usr/bin', 'HOME=/home/nonroot', 'SSL_CERT_FILE=' + CERTIFICATES],
        'Labels': {'org.opencontainers.image.title': 'roottrail', 'org.opencontainers.image.version': version,
                   'org.opencontainers.image.licenses': 'MIT OR Apache-2.0'},
    },
    'rootfs': {'type': 'layers', 'diff_ids': ['sha256:' + hashlib.sha256(layer).hexdigest()]},
    'history': [{'created': CREATED, 'created_by': '.ci/oci.py'}],
}), 'config.v1+json')
manifest = blob(as_json({
    'schemaVersion': 2, 'mediaType': 'application/vnd.oci.image.manifest.v1+json', 'config': config,
    'layers': [blob(packed, 'layer.v1.tar+gzip')],
}), 'manifest.v1+json')
manifest['annotations'] = {'org.opencontainers.image.ref.name': version}
blobs['index.json'] = as_json({'schemaVersion': 2, 'mediaType': 'application/vnd.oci.image.index.v1+json', 'manifests': [manifest]})
blobs['oci-layout'] = as_json({'imageLayoutVersion': '1.0.0'})
out = [(name, 0o755, None) for name in ('blobs', 'blobs/sha256')]
out += [(name, 0o644, content) for name, content in blobs.items()]
pathlib.Path(archive).write_bytes(tar(sorted(out)))
