#!/usr/bin/env python3
"""Trims the official OCSF export to what tests/integration/ocsf.rs checks.

usage: trim.py EXPORT.json > schema-1.8.0.json      EXPORT: https://schema.ocsf.io/1.8.0/export/v2/schema
Keeps three classes, the objects that roottrail writes, and of each attribute its type, requirement, values, profiles and
whether it is deprecated. Descriptions are left out.
"""
import json
import sys

CLASSES = ["detection_finding", "authentication", "api_activity"]
OBJECTS = """account actor analytic api attack auth_factor cloud evidences feature finding_info http_request metadata
network_endpoint observable product programmatic_credential request response service session sub_technique technique tls
user""".split()
export = json.load(open(sys.argv[1], encoding="utf-8"))


def attribute(a):
    kept = {k: a[k] for k in ("type", "requirement", "is_array", "object_type", "profiles") if a.get(k)}
    if "enum" in a:
        kept["enum"] = {k: v["caption"] for k, v in sorted(a["enum"].items())}
    if "@deprecated" in a:
        kept["deprecated"] = True
    return kept


def item(i):
    kept = {k: i[k] for k in ("name", "uid", "constraints") if i.get(k)}
    kept["attributes"] = {k: attribute(v) for k, v in sorted(i["attributes"].items())}
    return kept


json.dump(
    {
        "version": export["version"],
        "classes": {c: item(export["classes"][c]) for c in CLASSES},
        "objects": {o: item(export["objects"][o]) for o in OBJECTS},
        "types": {k: {"type": v.get("type", k), **({"regex": v["regex"]} if "regex" in v else {})}
                  for k, v in sorted(export["dictionary"]["types"]["attributes"].items())},
    },
    sys.stdout,
    indent=1,
    ensure_ascii=False,
)
print()
