"""Which events of a generated set are root's, read the slow way: every event parsed whole, the decision table in
its plain form. It shares no code with the scanner it checks."""
import gzip
import json
import os
import re

ROOT_ARN = re.compile(r"arn:aws[a-z0-9-]*:iam::[^:/]*:root")
RECOVERY = ("PasswordRecoveryRequested", "PasswordRecoveryCompleted")


def is_root(event):
    """Whether the event is one of the five kinds of root."""
    who = event.get("userIdentity") or {}
    issuer = (who.get("sessionContext") or {}).get("sessionIssuer") or {}
    type_of = who.get("type", "")
    if issuer.get("type") == "Root" or type_of == "FederatedUser" and ROOT_ARN.fullmatch(issuer.get("arn", "")):
        return True
    if type_of.lower() == "root" or ROOT_ARN.fullmatch(who.get("arn", "")):
        return True
    return "type" not in who and event["eventSource"] == "signin.amazonaws.com" and event["eventName"] in RECOVERY


def truth(folder):
    """The eventIDs of all root events below the folder."""
    found = set()
    for base, _, names in os.walk(folder):
        for name in names:
            if name.endswith(".json.gz"):
                with gzip.open(os.path.join(base, name)) as file:
                    found.update(event["eventID"] for event in json.load(file)["Records"] if is_root(event))
    return found
