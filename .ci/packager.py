"""packager.py STAGE FOLDER: a manifest for cargo-deb and cargo-generate-rpm with the files of a release.
packager.py --formula ARCHIVE: a Homebrew formula for the archive."""
import hashlib, json, os, pathlib, sys, tomllib

PACKAGE = tomllib.loads(pathlib.Path('Cargo.toml').read_text())['package']
# The file of the stage, where it goes, and its mode.
FILES = [
    ('roottrail', 'usr/bin/roottrail', '755'),
    ('man/roottrail.1', 'usr/share/man/man1/roottrail.1', '644'),
    ('completions/roottrail.bash', 'usr/share/bash-completion/completions/roottrail', '644'),
    ('completions/_roottrail', 'usr/share/zsh/{vendor}/_roottrail', '644'),
    ('completions/roottrail.fish', 'usr/share/fish/vendor_completions.d/roottrail.fish', '644'),
    ('README.md', 'usr/share/doc/roottrail/README.md', '644'),
    ('CHANGELOG.md', 'usr/share/doc/roottrail/CHANGELOG.md', '644'),
    ('roottrail.cdx.json', 'usr/share/doc/roottrail/roottrail.cdx.json', '644'),
    ('licenses/LICENSE-APACHE', 'usr/share/doc/roottrail/LICENSE-APACHE', '644'),
    ('licenses/LICENSE-MIT', 'usr/share/doc/roottrail/LICENSE-MIT', '644'),
    ('licenses/THIRD-PARTY.txt', 'usr/share/doc/roottrail/THIRD-PARTY.txt', '644'),
]
FORMULA = '''\
class Roottrail < Formula
  desc "{description}"
  homepage "{homepage}"
  version "{version}"
  license any_of: ["MIT", "Apache-2.0"]

  on_linux do
    on_intel do
      url "{repository}/releases/download/v{version}/{archive}"
      sha256 "{sha256}"
    end
  end

  def install
    bin.install "roottrail"
    man1.install "man/roottrail.1"
    bash_completion.install "completions/roottrail.bash" => "roottrail"
    zsh_completion.install "completions/_roottrail"
    fish_completion.install "completions/roottrail.fish"
    doc.install "README.md", "CHANGELOG.md", "roottrail.cdx.json", "licenses"
  end

  test do
    (testpath/"empty.json").write '{{"Records":[]}}'
    system bin/"roottrail", "scan", "empty.json"
  end
end
'''


def manifest(stage):
    """TOML is written here as JSON values, which these are in both."""
    text = {name: json.dumps(PACKAGE[name]) for name in ('name', 'version', 'description', 'license', 'repository', 'homepage')}
    deb = [[f'{stage}/{file}', to.format(vendor='vendor-completions'), mode] for file, to, mode in FILES]
    rpm = ', '.join('{{ source = {}, dest = {}, mode = "{}" }}'.format(
        json.dumps(f'{stage}/{file}'), json.dumps('/' + to.format(vendor='site-functions')), mode) for file, to, mode in FILES)
    return f'''[package]
edition = "2021"
{"".join(f"{name} = {value}" + chr(10) for name, value in text.items())}
[package.metadata.deb]
maintainer = "the roottrail authors <roottrail@example.invalid>"
copyright = "the roottrail authors"
depends = "libc6 (>= 2.28)"
recommends = "ca-certificates"
section = "utils"
priority = "optional"
extended-description = {text["description"]}
assets = {json.dumps(deb)}

[package.metadata.generate-rpm]
assets = [{rpm}]
auto-req = "no"
requires = {{ "glibc" = ">= 2.28" }}
recommends = {{ ca-certificates = "*" }}

[workspace]
'''


if sys.argv[1] == '--formula':
    archive = pathlib.Path(sys.argv[2])
    sha256 = hashlib.sha256(archive.read_bytes()).hexdigest()
    print(FORMULA.format(**PACKAGE, archive=archive.name, sha256=sha256), end='')
else:
    stage, folder = map(pathlib.Path, sys.argv[1:])
    (folder / 'src').mkdir(parents=True)
    (folder / 'src/main.rs').write_text('fn main() {}\n')
    (folder / 'Cargo.toml').write_text(manifest(stage))
    (folder / 'Cargo.lock').write_text(f'version = 3\n\n[[package]]\nname = "roottrail"\nversion = "{PACKAGE["version"]}"\n')
    for path in folder.rglob('*'):
        os.utime(path, (int(os.environ['SOURCE_DATE_EPOCH']),) * 2)
