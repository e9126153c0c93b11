"""What the program is made of: notices of all crates, a CycloneDX SBOM, and the list that `cargo auditable` embeds.

Only crates that end up in the program or build it on the target are listed, not those of the tests. A crate without
a licence text in its package is an error unless its licence is one of those whose text stands in this repository."""
import argparse, datetime, json, os, pathlib, re, subprocess, sys, zlib

OWN_TEXTS = {'MIT': 'LICENSE-MIT', 'Apache-2.0': 'LICENSE-APACHE'}
NAMES = re.compile(r'(licen[cs]e|copying|copyright|notice|unlicense)', re.I)


def metadata(target):
    command = ['cargo', 'metadata', '--locked', '--format-version', '1', '--filter-platform', target]
    return json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout)


def closure(meta):
    """The packages that the program needs: id → kind (`runtime`, `build`), and the edges between them."""
    nodes = {node['id']: node for node in meta['resolve']['nodes']}
    root = next(package['id'] for package in meta['packages'] if package['name'] == 'roottrail')
    macros = {package['id'] for package in meta['packages'] if any('proc-macro' in target['kind'] for target in package['targets'])}
    kinds, edges, waiting = {}, {}, [(root, 'runtime')]
    while waiting:
        id_, kind = waiting.pop()
        # What a macro needs is in the compiler's process, not in the program.
        kind = 'build' if id_ in macros else kind
        if kinds.get(id_) in ('runtime', kind):
            continue
        kinds[id_] = kind
        edges.setdefault(id_, set())
        for dependency in nodes[id_]['deps']:
            of = {entry['kind'] for entry in dependency['dep_kinds']}
            if None in of:
                waiting.append((dependency['pkg'], kind))
            elif 'build' in of:
                waiting.append((dependency['pkg'], 'build'))
            else:
                continue
            edges[id_].add(dependency['pkg'])
    return root, kinds, edges


def checksums():
    text, sums = pathlib.Path('Cargo.lock').read_text(), {}
    for block in text.split('[[package]]')[1:]:
        field = dict(re.findall(r'^(\w+) = "(.*)"$', block, re.M))
        sums[field['name'], field['version']] = field.get('checksum')
    return sums


def texts(package):
    folder = pathlib.Path(package['manifest_path']).parent
    found = [path for path in folder.iterdir() if path.is_file() and NAMES.match(path.name)]
    found += [path for sub in ('LICENSES', 'licenses') for path in (folder / sub).glob('*') if path.is_file()]
    if package['license_file']:
        found.append(folder / package['license_file'])
    return sorted({path.resolve() for path in found})


def notices(packages):
    out = ['roottrail contains the crates below, each under the licence that is named with it.\n',
           'It also contains parts of the Rust standard library (MIT OR Apache-2.0, https://www.rust-lang.org)\n',
           'and of LLVM: compiler-rt and libunwind (Apache-2.0 WITH LLVM-exception, https://llvm.org).\n']
    known, lacking = {}, []
    for package in packages:
        where = package['repository'] or package['homepage'] or 'https://crates.io/crates/' + package['name']
        out.append(f"\n{'=' * 100}\n{package['name']} {package['version']}: {package['license']}\n{where}\n")
        if package['authors']:
            out.append('by ' + ', '.join(package['authors']) + '\n')
        paths = texts(package)
        if not paths:
            alternatives = re.split(r' OR |/', package['license'] or '')
            own = next((OWN_TEXTS[name] for name in alternatives if name in OWN_TEXTS), None)
            if own is None:
                lacking.append(f"{package['name']} {package['version']} ({package['license']})")
                continue
            paths = [pathlib.Path(own).resolve()]
        for path in paths:
            text = path.read_text(errors='replace').strip()
            if text in known:
                out.append(f'\n-- {path.name}: as printed above with {known[text]}\n')
            else:
                known[text] = f"{package['name']} {package['version']}, {path.name}"
                out.append(f'\n-- {path.name}\n\n{text}\n')
    if lacking:
        sys.exit('no licence text for ' + ', '.join(lacking))
    return ''.join(out)


def purl(package):
    return f"pkg:cargo/{package['name']}@{package['version']}"


def sbom(meta, root, kinds, edges):
    by_id, sums = {package['id']: package for package in meta['packages']}, checksums()

    def component(id_):
        package = by_id[id_]
        entry = {'type': 'application' if id_ == root else 'library', 'bom-ref': purl(package),
                 'name': package['name'], 'version': package['version'], 'purl': purl(package)}
        if package['description']:
            entry['description'] = ' '.join(package['description'].split())
        if package['license']:
            entry['licenses'] = [{'expression': package['license'].replace('/', ' OR ')}]
        if sums.get((package['name'], package['version'])):
            entry['hashes'] = [{'alg': 'SHA-256', 'content': sums[package['name'], package['version']]}]
        if package['repository']:
            entry['externalReferences'] = [{'type': 'vcs', 'url': package['repository']}]
        if id_ != root:
            entry['scope'] = 'required' if kinds[id_] == 'runtime' else 'excluded'
        return entry

    order = sorted(kinds, key=lambda id_: purl(by_id[id_]))
    time = datetime.datetime.fromtimestamp(int(os.environ['SOURCE_DATE_EPOCH']), datetime.timezone.utc)
    return {
        '$schema': 'http://cyclonedx.org/schema/bom-1.5.schema.json', 'bomFormat': 'CycloneDX', 'specVersion': '1.5',
        'version': 1,
        'metadata': {'timestamp': time.strftime('%Y-%m-%dT%H:%M:%SZ'), 'component': component(root)},
        'components': [component(id_) for id_ in order if id_ != root],
        'dependencies': [{'ref': purl(by_id[id_]), 'dependsOn': sorted(purl(by_id[to]) for to in edges[id_])} for id_ in order],
    }


def audit(meta, root, kinds, edges):
    """The content of the section .dep-v0 (https://github.com/rust-secure-code/cargo-auditable, PARSING.md)."""
    by_id = {package['id']: package for package in meta['packages']}
    order = sorted(kinds, key=lambda id_: (by_id[id_]['name'], by_id[id_]['version']))
    place = {id_: n for n, id_ in enumerate(order)}
    packages = []
    for id_ in order:
        package = by_id[id_]
        entry = {'name': package['name'], 'version': package['version'],
                 'source': 'crates.io' if package['source'] else 'local'}
        if kinds[id_] == 'build':
            entry['kind'] = 'build'
        if edges[id_]:
            entry['dependencies'] = sorted(place[to] for to in edges[id_])
        if id_ == root:
            entry['root'] = True
        packages.append(entry)
    return zlib.compress(json.dumps({'packages': packages}, separators=(',', ':')).encode(), 9)


parser = argparse.ArgumentParser()
for option in '--target', '--notices', '--sbom', '--audit':
    parser.add_argument(option, required=True)
args = parser.parse_args()
meta = metadata(args.target)
root, kinds, edges = closure(meta)
shipped = sorted((package for package in meta['packages'] if kinds.get(package['id']) == 'runtime' and package['id'] != root),
                 key=lambda package: (package['name'], package['version']))
pathlib.Path(args.notices).write_text(notices(shipped))
pathlib.Path(args.sbom).write_text(json.dumps(sbom(meta, root, kinds, edges), indent=1, ensure_ascii=False) + '\n')
pathlib.Path(args.audit).write_bytes(audit(meta, root, kinds, edges))
print(f'{len(shipped)} crates in the program, {len(kinds) - len(shipped) - 1} more build it', file=sys.stderr)
