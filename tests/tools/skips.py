"""Prints the reasons of skipped tests in a log of Meson's (testlog.json)."""
import json
import re
import sys

for line in open(sys.argv[1]):
    test = json.loads(line)
    if test["result"] != "SKIP":
        continue
    reasons = re.findall(r"^SKIPPED: (.*)$", test.get("stdout", ""), re.M)
    print(f"skipped {test['name']}: {'; '.join(dict.fromkeys(reasons)) or 'no reason given'}")
