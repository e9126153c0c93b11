"""The public surface of the library, as rustdoc's pages show it: each item's declaration and its own methods.

usage: public_api.py DOC/roottrail FILE [--write]

Compares the surface with FILE and shows what differs, or writes FILE. Declarations come without their attributes but
`#[non_exhaustive]`, implementations of traits by their names.
"""
import difflib, html, pathlib, re, sys

ITEM = re.compile(r'<li><a href="([^"]+)">([^<]+)</a></li>')
DECLARATION = re.compile(r'<pre class="rust item-decl"><code>(.*?)</code></pre>', re.S)
# A page's own methods stand before the implementations of traits.
OWN = re.compile(r'<section id="(?:method|associatedconstant|associatedtype)\.[^"]*" class="[^"]*">(.*?)</section>', re.S)
HEADER = re.compile(r'<h4 class="code-header">(.*?)</h4>', re.S)
TRAIT = re.compile(r'<section id="impl-[^"]*" class="impl">.*?<h3 class="code-header">(.*?)</h3>', re.S)


def text_of(markup):
    markup = re.sub(r'<a class="(?:src[^"]*|anchor)"[^>]*>.*?</a>|<div class="where">|<span class="comment">.*?</span>', ' ', markup, flags=re.S)
    words = html.unescape(re.sub(r'<[^>]+>', '', markup))
    words = re.sub(r'#\[(?!non_exhaustive)[^\]]*\]', '', words)
    return ' '.join(words.split())


def surface(folder):
    for place, name in ITEM.findall((folder / 'all.html').read_text()):
        page = (folder / place).read_text()
        kind = pathlib.PurePath(place).name.partition('.')[0]
        declaration = DECLARATION.search(page)
        yield f'{kind} {name}: {text_of(declaration[1]) if declaration else ""}'
        own, _, rest = page.partition('id="trait-implementations"')
        if kind != 'trait':
            for section in OWN.findall(own):
                yield f'  {name}: {text_of(HEADER.search(section)[1])}'
        traits, _, _ = rest.partition('id="synthetic-implementations"')
        for trait in sorted({text_of(trait) for trait in TRAIT.findall(traits)}):
            yield f'  {name}: {trait}'


def main():
    folder, file = map(pathlib.Path, sys.argv[1:3])
    now = [line + '\n' for line in surface(folder)]
    assert len(now) > 500, f'{folder} shows only {len(now)} lines: has rustdoc another form?'
    if sys.argv[3:] == ['--write']:
        file.write_text(''.join(now))
        return
    before = file.read_text().splitlines(keepends=True)
    changes = list(difflib.unified_diff(before, now, 'the public surface on record', 'the public surface now', n=0))
    if changes:
        sys.stdout.writelines(changes)
        sys.exit('the public surface changed: say so in CHANGELOG.md, and put it on record with .ci/checks/31-public-api --write')
    print(f'{len(now)} lines, as on record')


main()
