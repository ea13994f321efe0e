"""``python -m tests.trust [--quick] [--planted] [--json] [PART OF A TITLE ...]``: run cases, and print what became of them by entry."""

from __future__ import annotations

import json
import sys
import tempfile
from dataclasses import asdict
from pathlib import Path

from tests.trust.cases import CASES
from tests.trust.planted import planted
from tests.trust.run import quick, run_cases, table


def main(words: list[str]) -> int:
    """Run the cases whose title holds one of the words; all of them without words. Exit code 1 if one of them is at fault."""
    parts = [word for word in words if not word.startswith("--")]
    cases = [*(quick() if "--quick" in words else CASES), *(planted() if "--planted" in words else ())]
    asked = [case for case in cases if not parts or any(part in case.title for part in parts)]
    verdicts = []
    with tempfile.TemporaryDirectory() as folder:
        for verdict in run_cases(Path(folder), asked):
            verdicts.append(verdict)
            if "--json" in words:
                sys.stdout.write(json.dumps(asdict(verdict)) + "\n")
            elif verdict.faults:
                sys.stdout.write(f"{verdict.title}\n" + "".join(f"    {fault}\n" for fault in verdict.faults))
                sys.stdout.flush()
    if "--json" not in words:
        sys.stdout.write(table(verdicts))
    return int(any(verdict.faults for verdict in verdicts))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
