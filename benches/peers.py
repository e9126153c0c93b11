"""The programs that `compare` runs: where they come from, their command lines, and how to read what they print."""
import json
import os
import shlex
import shutil
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
PROJECT = os.path.dirname(HERE)

SETS = {
    "bench": "--seed 1 --objects 500 --small-kb 20 200 --big-objects 30 --big-kb 5000",
    "small": "--seed 2 --objects 20000 --small-kb 5 20",
    "hard": "--seed 3 --objects 100 --root-share 0.01 --decoys 0.02 --disguise 0.3",
}

CHDB = """
import chdb
out = chdb.query(\"\"\"SELECT {what} FROM file('{files}', 'JSONEachRow', 'Records Array({record})')
    ARRAY JOIN Records AS r WHERE {kind} = 'Root'
    SETTINGS max_threads = 2, input_format_parallel_parsing = 0, input_format_skip_unknown_fields = 1,
    input_format_json_ignore_unknown_keys_in_named_tuple = 1, input_format_json_read_objects_as_strings = 1\"\"\", 'TSV')
print(out, end='')
"""
DUCKDB = """
import duckdb
db = duckdb.connect(config={{'threads': 2}})
db.sql('SET enable_progress_bar = false')
for row in db.sql(\"\"\"SELECT {what} FROM (SELECT unnest(Records) AS r FROM read_json('{files}',
    columns={{Records: 'STRUCT(eventID VARCHAR, userIdentity STRUCT("type" VARCHAR))[]'}},
    format='{form}', maximum_object_size={biggest})) WHERE r.userIdentity."type" = 'Root'\"\"\").fetchall():
    print(row[0])
"""


class Missing(Exception):
    """A program that is not there and could not be installed."""


def say(*words):
    print(*words, file=sys.stderr, flush=True)


def build(command, binary):
    """Builds with cargo, says what failed, and gives the binary's path back."""
    done = subprocess.run(command, cwd=PROJECT, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    if done.returncode or not os.path.exists(binary):
        raise Missing(f"`{' '.join(command)}` failed: {done.stderr.strip()[-300:]}")
    return binary


class Bench:
    """Paths of the programs and sets, found or made on first use."""

    def __init__(self, options):
        self.options = options
        self.target = os.environ.get("CARGO_TARGET_DIR", os.path.join(PROJECT, "target"))
        self.found = {}

    def once(self, name, get):
        """What `get` gives, or the Missing it raised, remembered."""
        if name not in self.found:
            try:
                self.found[name] = get()
            except Missing as why:
                self.found[name] = why
        if isinstance(self.found[name], Missing):
            raise self.found[name]
        return self.found[name]

    def roottrail(self):
        def get():
            if self.options.roottrail:
                return self.options.roottrail
            return build(["cargo", "build", "--release"], os.path.join(self.target, "release", "roottrail"))
        return self.once("roottrail", get)

    def ceiling(self):
        def get():
            if self.options.ceiling:
                return self.options.ceiling
            manifest = os.path.join(HERE, "ceiling", "Cargo.toml")
            if not os.path.exists(manifest):
                raise Missing("no benches/ceiling; name one with --ceiling or CEILING")
            folder = os.path.join(self.target, "ceiling")
            return build(["cargo", "build", "--release", "--manifest-path", manifest, "--target-dir", folder],
                         os.path.join(folder, "release", "ceiling"))
        return self.once("ceiling", get)

    def system(self, name):
        def get():
            if not shutil.which(name) and not self.options.no_install and os.geteuid() == 0 and shutil.which("apt-get"):
                package = {"rg": "ripgrep"}.get(name, name)
                say(f"installing {package}")
                for command in (["apt-get", "update", "-qq"], ["apt-get", "install", "-y", "-qq", package]):
                    subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False)
            return shutil.which(name) or self.missing(name)
        return self.once(name, get)

    def python(self, package):
        """A Python that can import the package."""
        def get():
            folder = os.path.join(self.options.data, "venv")
            python = self.options.python or os.path.join(folder, "bin", "python")
            present = os.path.exists(python) and subprocess.run([python, "-c", f"import {package}"], capture_output=True)
            if present and present.returncode == 0:
                return python
            if not self.options.no_install and not self.options.python:
                say(f"installing {package}")
                subprocess.run([sys.executable, "-m", "venv", folder], check=False)
                if subprocess.run([python, "-m", "pip", "install", "-q", package]).returncode == 0:
                    return python
            return self.missing(package)
        return self.once(package, get)

    @staticmethod
    def missing(name):
        raise Missing(f"{name} is not installed, and installing it failed or was not allowed")

    def set(self, name):
        """The folder of a data set, made where it is missing, and its manifest."""
        folder = os.path.join(self.options.data, name)
        manifest = os.path.join(folder, "manifest.json")
        if not os.path.exists(manifest):
            say(f"making {name}")
            generator = build(["cargo", "build", "--release", "-p", "trailgen", "--bin", "generate_trail"],
                              os.path.join(self.target, "release", "generate_trail"))
            shutil.rmtree(folder, ignore_errors=True)
            subprocess.run([generator, "--out", folder, *SETS[name].split()], check=True, stdout=subprocess.DEVNULL)
        with open(manifest) as file:
            return folder, json.load(file)


def programs(bench):
    """Name -> function of (folder, manifest, ids) giving (command, how to read its output).

    With `ids` the command prints the eventID of each event found, for the comparison one by one; without, it may
    count, which is the less work.
    """
    def roottrail(threads):
        def make(folder, manifest, ids):
            base = os.path.join(bench.options.data, "roottrail")
            output, summary = base + ".ndjson", base + ".json"
            # As for the others, whose output is new: replacing a file would also take the time to free its pages.
            for path in output, summary:
                if os.path.exists(path):
                    os.remove(path)
            command = [bench.roottrail(), "scan", folder, "--threads", str(threads), "-q", "-o", output,
                       "--summary", summary]

            def read(_stdout):
                with open(summary, encoding="utf-8") as file:
                    scanned = json.load(file)["records"]["scanned"]
                if scanned != manifest["events"]:
                    raise RuntimeError(f"{scanned} records scanned of {manifest['events']}")
                with open(output, encoding="utf-8") as file:
                    rows = [json.loads(line) for line in file]
                found = [row["event"]["id"] for row in rows if row["identity"]["kind"] != "assume_root_caller"]
                return found if ids else len(found)
            return command, read
        return make

    def ceiling(threads):
        return lambda folder, _manifest, _ids: ([bench.ceiling(), folder, str(threads)], lambda _stdout: None)

    def lines(ids):
        return (lambda stdout: stdout.split()) if ids else (lambda stdout: len(stdout.split()))

    def number(ids):
        return (lambda stdout: stdout.split()) if ids else (lambda stdout: int(stdout))

    def chdb(record, event_id, kind):
        def make(folder, _manifest, ids):
            code = CHDB.format(what=event_id if ids else "count()", files=folder + "/**/*.json.gz",
                               record=record(ids), kind=kind)
            return [bench.python("chdb"), "-c", code], number(ids)
        return make

    def duckdb(folder, manifest, ids):
        # The quickest form; objects with line breaks inside, as in the set hard, need the other.
        form = "unstructured" if manifest["disguises"] else "newline_delimited"
        code = DUCKDB.format(what="r.eventID" if ids else "count(*)", files=folder + "/**/*.json.gz", form=form,
                             biggest=manifest["max_uncompressed"] + 1_000_000)
        return [bench.python("duckdb"), "-c", code], number(ids)

    def jq(folder, manifest, ids):
        program = '.Records[] | select(.userIdentity.type == "Root") | .eventID'
        # Each process writes a file of its own: their lines must not mix.
        each = f"zcat \"$@\" | {bench.system('jq')} -r {shlex.quote(program)} > \"$OUT/$$\""
        batch = max(1, min(200, manifest["objects"] // 25))
        script = (f"OUT=$(mktemp -d); export OUT; find {shlex.quote(folder)} -name '*.json.gz' -print0 | "
                  f"xargs -0 -P2 -n{batch} sh -c {shlex.quote(each)} sh; cat \"$OUT\"/*; rm -r \"$OUT\"")
        return ["sh", "-c", script], lines(ids)

    def ripgrep(folder, _manifest, ids):
        if ids:
            return None, None  # an object is one line to it: it cannot name the event
        return [bench.system("rg"), "-z", "-j2", "-o", "-I", "-N", '"type":"Root"', folder + "/AWSLogs"], \
            lambda stdout: stdout.count("\n")

    typed = chdb(lambda ids: "Tuple(" + ("eventID String, " if ids else "") + "userIdentity Tuple(type String))",
                 "r.eventID", "r.userIdentity.type")
    raw = chdb(lambda ids: "String", "JSONExtractString(r, 'eventID')", "JSONExtractString(r, 'userIdentity', 'type')")
    return {
        "roottrail": ("roottrail scan, 2 threads", roottrail(2)),
        "roottrail1": ("roottrail scan, 1 thread", roottrail(1)),
        "ceiling": ("inflate only, 2 threads", ceiling(2)),
        "ceiling1": ("inflate only, 1 thread", ceiling(1)),
        "chdb": ("ClickHouse (chdb), typed schema", typed),
        "chdb-raw": ("ClickHouse (chdb), JSONExtract", raw),
        "ripgrep": ("ripgrep -z, `\"type\":\"Root\"`", ripgrep),
        "jq": ("zcat and jq, two processes", jq),
        "duckdb": ("DuckDB, struct schema", duckdb),
    }
