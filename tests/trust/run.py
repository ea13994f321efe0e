"""The corpus, run from a process that has loaded the package once."""

from __future__ import annotations

import contextlib
import io
import os
import sys
import traceback
from collections.abc import Iterable, Iterator, Sequence
from importlib.abc import MetaPathFinder
from pathlib import Path
from types import ModuleType

import torch

from tests.trust.case import READ, REFUSED, Case, Verdict
from tests.trust.cases import CASES
from tests.trust.child import run_case
from vireid.cli import main

WARM = (  # commands that load what every command loads
    ("test", "--ckpt", "absent.ckpt"),
    ("fit", "-c", "train/agw.yaml", "-c", "data/sysu.yaml", "--data.root", "absent"),
    ("genotype", "show", "absent.json"),
    ("genotype", "validate", "absent.json"),
    ("convert", "absent.t", "--from", "agw", "--output", "absent.ckpt"),
    ("data", "check", "absent"),
    ("summarize", "absent"),
    ("compare", "absent", "absent"),
    ("report", "absent"),
    ("study", "--folder", "absent"),
    ("configs", "absent"),
)


QUICK = {  # every how manieth good and hostile case of an entry is in the quick part
    "checkpoint": (3, 24),
    "archive": (3, 40),
    "genotype": (5, 30),
    "configuration": (4, 40),
    "list": (6, 25),
    "table": (5, 25),
    ".mat": (4, 20),
    ".npz": (4, 30),
    "image": (6, 30),
    "CIFAR": (3, 25),
    "weights": (4, 30),
    "results": (7, 30),
    "report": (3, 30),
    "shards": (3, 30),
    "name": (8, 40),
}


def run_cases(folder: Path, cases: Iterable[Case]) -> Iterator[Verdict]:
    """Run cases one after another.

    Args:
        folder: empty folder.
        cases: the cases.
    """
    torch.set_num_threads(1)
    known = warm()
    good = folder / "good"
    good.mkdir()
    make_good(good)
    for number, case in enumerate(cases):
        yield run_case(case, folder / f"case{number}", good, known)


def quick() -> list[Case]:
    """A part of the corpus, of every entry."""
    found = []
    for entry, (of_good, of_hostile) in QUICK.items():
        for valid, step in ((True, of_good), (False, of_hostile)):
            found += [case for case in CASES if (case.entry, case.valid) == (entry, valid)][::step]
    return found


class Searched(MetaPathFinder):
    """Finds no module, but knows which were searched: parsers ask for packages that need not be there."""

    def __init__(self) -> None:
        self.names: set[str] = set()

    def find_spec(self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None) -> None:
        self.names.add(fullname)


def warm() -> frozenset[str]:
    """Load the package, and everything that its commands load where nothing is wrong; the names of the modules come back."""
    searched = Searched()
    sys.meta_path.insert(0, searched)
    import matplotlib.backends.backend_svg  # noqa: F401  # and the list of fonts
    import rich.traceback  # noqa: F401
    import timm  # type: ignore[import-untyped]  # noqa: F401
    import yaml.representer  # type: ignore[import-untyped]  # noqa: F401

    os.environ |= {"COLUMNS": "200", "TERM": "dumb"}
    for words in WARM:
        with contextlib.suppress(SystemExit), contextlib.redirect_stderr(io.StringIO()), contextlib.redirect_stdout(io.StringIO()):
            main(list(words))
    sys.meta_path.remove(searched)
    return frozenset({*sys.modules, *searched.names})


def make_good(folder: Path) -> None:
    """Write the good files in a process of its own, because a training starts threads."""
    process = os.fork()
    if process == 0:
        try:
            with open(folder.parent / "good.txt", "w", encoding="utf-8") as text:  # noqa: PTH123
                os.dup2(text.fileno(), 1)
                os.dup2(text.fileno(), 2)
                from tests.trust.good import make_all

                make_all(folder)
                os._exit(0)
        except BaseException:
            traceback.print_exc()
            sys.stderr.flush()
        os._exit(1)
    if os.waitpid(process, 0)[1] != 0:
        raise RuntimeError(f"The good files cannot be written: {(folder.parent / 'good.txt').read_text()[-3000:]}")


def table(verdicts: Sequence[Verdict]) -> str:
    """Counts by entry."""
    lines = [f"{'entry':<16}{'hostile':>8}{'refused':>8}{'read':>8}{'good':>8}{'read':>8}{'at fault':>10}{'seconds':>9}"]
    for entry in (*dict.fromkeys(verdict.entry for verdict in verdicts), "all"):
        of = [verdict for verdict in verdicts if entry in (verdict.entry, "all")]
        hostile, good = ([verdict for verdict in of if verdict.valid == valid] for valid in (False, True))
        counts = [len(hostile), *(sum(verdict.code == code for verdict in hostile) for code in (REFUSED, READ))]
        counts += [len(good), sum(verdict.code == READ for verdict in good)]
        faults, seconds = sum(bool(verdict.faults) for verdict in of), sum(verdict.seconds for verdict in of)
        lines.append(f"{entry:<16}" + "".join(f"{count:>8}" for count in counts) + f"{faults:>10}{seconds:>9.1f}")
    return "\n".join(lines) + "\n"
