"""Prints what schemathesis reports about each role: figures.py REPORT…, where a report is ROLE.json."""

import json
import sys
from pathlib import Path

operations: set[str] = set()
accepted: set[str] = set()
for path in map(Path, sys.argv[1:]):
    report = json.loads(path.read_text())
    cases = report["test_cases"]
    print(
        f"{path.stem:10}{report['operations']['tested']:4} of {report['operations']['total']} operations,"
        f"{cases['generated']:6} test cases,{cases['unique_failures']:3} failures,{len(report['errors']):2} errors,"
        f"{report['running_time']:5.0f} s"
    )
    rates = report["valid_rates"]
    operations |= rates.keys()
    accepted |= {name for name, phases in rates.items() if any(phase["accepted"] for phase in phases.values())}

if refused := sorted(operations - accepted):
    print("Refused whatever was sent:", ", ".join(refused))
