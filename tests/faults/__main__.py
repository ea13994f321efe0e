"""``python -m tests.faults [--quick] [--json] [PART OF A TITLE ...]``: try faults, and print how many of each kind befell which command."""

from __future__ import annotations

import json
import sys
import tempfile
from dataclasses import asdict
from pathlib import Path

from tests.faults.run import CASES, run_cases, table


def main(words: list[str]) -> int:
    """Try the faults whose title holds one of the words; all of them without words. Exit code 1 if a command did not bear one."""
    parts = [word for word in words if not word.startswith("--")]
    cases = [case for case in CASES if case.quick or "--quick" not in words]
    asked = [case for case in cases if not parts or any(part in case.title for part in parts)]
    verdicts = []
    folder = Path(tempfile.mkdtemp(prefix="faults"))
    for verdict in run_cases(folder, asked):
        verdicts.append(verdict)
        sys.stdout.write(json.dumps(asdict(verdict)) + "\n" if "--json" in words else f"{verdict.title}: {verdict.fault or 'borne'}\n")
        sys.stdout.flush()
    if "--json" not in words:
        sys.stdout.write(table(verdicts))
    return int(any(verdict.fault for verdict in verdicts))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
