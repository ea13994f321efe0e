"""Tries all faults, or some, from a process that has loaded the package once."""

from __future__ import annotations

import shutil
import traceback
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from tests.faults import disks, folders, ranks, stops
from tests.faults.case import Case, Place, Verdict, World
from tests.faults.mounts import own_mounts
from tests.faults.processes import Absent, in_a_fork, warm
from tests.faults.subjects import make_good

CASES = [*stops.cases(), *disks.cases(), *folders.cases(), *ranks.cases()]


def run_cases(folder: Path, cases: Iterable[Case]) -> Iterator[Verdict]:
    """Try faults one after another.

    Args:
        folder: empty folder.
        cases: the faults.
    """
    warm()
    (folder / "good").mkdir()
    if said := in_a_fork(lambda: make_good(folder / "good")):
        raise RuntimeError(f"The good files cannot be written: {said}")
    world = World(folder)
    for number, case in enumerate(cases):
        yield _tried(world, case, f"case{number}")


def _tried(world: World, case: Case, name: str) -> Verdict:
    verdict = Verdict(case.kind, case.subject, case.title)
    place = Place(world, name)
    try:
        if case.isolated:
            world.reference(case.subject)
            verdict.fault = in_a_fork(lambda: _with_mounts(case, place))
        else:
            case.run(place)
    except Absent as reason:
        verdict.skipped = str(reason)
    except Exception as error:
        verdict.fault = str(error) if isinstance(error, AssertionError) else "".join(traceback.format_exception(error))
    finally:
        place.close()
    verdict.cpu = round(place.cpu, 2)
    if verdict.fault.startswith(Absent.__name__):
        verdict.skipped, verdict.fault = verdict.fault, ""
    if not verdict.fault:
        shutil.rmtree(place.folder)
    return verdict


def _with_mounts(case: Case, place: Place) -> None:
    try:
        own_mounts()
    except OSError as error:
        raise Absent(f"mounting is not permitted here: {error.strerror}") from error
    try:
        case.run(place)
    finally:
        place.close()


def table(verdicts: Sequence[Verdict]) -> str:
    """Counts by kind of fault and by command."""
    kinds, names = (list(dict.fromkeys(getattr(verdict, key) for verdict in verdicts)) for key in ("kind", "subject"))
    width = max(map(len, (*kinds, "all"))) + 2
    lines = [f"{'':<{width}}" + "".join(f"{name:>12}" for name in (*names, "all", "at fault", "skipped", "CPU s"))]
    for kind in (*kinds, "all"):
        of = [verdict for verdict in verdicts if kind in (verdict.kind, "all")]
        tried = [verdict for verdict in of if not verdict.skipped]
        counts = [sum(verdict.subject == name for verdict in tried) for name in names]
        counts += [len(tried), sum(bool(verdict.fault) for verdict in of), len(of) - len(tried)]
        lines.append(
            f"{kind:<{width}}" + "".join(f"{count or '':>12}" for count in counts) + f"{sum(verdict.cpu for verdict in of):>12.0f}"
        )
    lines += [f"skipped: {verdict.title}: {verdict.skipped}" for verdict in verdicts if verdict.skipped]
    return "\n".join(lines) + "\n"
