"""Takes the time of packing out of an RPM: python3 .ci/rpm_time.py FILE.

cargo-generate-rpm writes it into the gzip header of the payload. Only the MD5 of header and payload covers it.
"""
import hashlib, pathlib, struct, sys

LEAD, MD5 = 96, 1004
path = pathlib.Path(sys.argv[1])
data = bytearray(path.read_bytes())
entries, size = struct.unpack_from('>II', data, LEAD + 8)
index = {tag: offset for tag, _, offset, _ in struct.iter_unpack('>IIII', data[LEAD + 16:LEAD + 16 * (entries + 1)])}
store = LEAD + 16 * (entries + 1)
header = store + -(-size // 8) * 8
entries, size = struct.unpack_from('>II', data, header + 8)
payload = header + 16 * (entries + 1) + size
assert data[payload:payload + 3] == b'\x1f\x8b\x08', 'the payload is not gzip'
data[payload + 4:payload + 8] = bytes(4)
data[store + index[MD5]:store + index[MD5] + 16] = hashlib.md5(data[header:]).digest()
path.write_bytes(data)
