"""One case in a process of its own, which is forked from one that has loaded the package."""

from __future__ import annotations

import contextlib
import hashlib
import json
import math
import os
import re
import resource
import select
import shutil
import signal
import sys
import tempfile
import time
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any, NoReturn

from tests.trust.case import READ, REFUSED, Case, Limits, Verdict
from tests.trust.watch import watch
from vireid.cli import main
from vireid.errors import VireidError

OUT = "out"  # folder that commands may write to
LINES = 6  # of a message
CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")
ERROR = "vireid: error: "


def run_case(case: Case, folder: Path, good: Path, known: frozenset[str]) -> Verdict:
    """Run a case and judge it.

    Args:
        case: the case.
        folder: new folder for everything that it writes.
        good: folder with good files.
        known: modules that may be imported.
    """
    for name in ("work", "tmp", "home"):
        (folder / name).mkdir(parents=True)
    reading, writing = os.pipe()
    process = os.fork()
    if process == 0:
        os.close(reading)
        _child(case, folder, good, known, writing)
    os.close(writing)
    said, waited = _listen(reading, process, case.limits.waiting)
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process, signal.SIGKILL)
    _, status, used = os.wait4(process, 0)
    verdict = Verdict(case.title, case.entry, case.valid, said.get("code"), said.get("faults", []), used.ru_utime + used.ru_stime)
    verdict.output = _text(folder / "stdout") + _text(folder / "stderr")
    if waited:
        verdict.faults.append("time: it waits")
    elif "code" not in said and not verdict.faults:
        number = os.WTERMSIG(status) if os.WIFSIGNALED(status) else 0
        verdict.faults.append("time: too much of the processor" if number == signal.SIGXCPU else f"died: of signal {number}")
    verdict.faults += _faults_of_output(case, verdict, _text(folder / "stderr")) if "code" in said else []
    verdict.faults += _faults_of_files(folder, said.get("files", {}))
    shutil.rmtree(folder, ignore_errors=True)
    return verdict


def _listen(pipe: int, process: int, waiting: int) -> tuple[dict[str, Any], bool]:
    """What the process said, and whether it only waited for something."""
    said: dict[str, Any] = {"faults": []}
    content, asleep, before = b"", 0, ""
    while asleep < waiting:
        ready, _, _ = select.select([pipe], [], [], 1)
        if ready:
            piece = os.read(pipe, 1 << 16)
            content += piece
            if not piece:
                break
        now = _activity(process)
        asleep = asleep + 1 if not ready and now == before and "R" not in now and "D" not in now else 0
        before = now
    os.close(pipe)
    for line in content.decode().splitlines():
        found = json.loads(line)
        said["faults"] += found.pop("faults", [])
        said |= found
    return said, asleep >= waiting


def _activity(process: int) -> str:
    """States of the threads of a process, and how much of the processor each has used."""
    found = []
    for task in sorted(Path(f"/proc/{process}/task").glob("*/stat")):
        with contextlib.suppress(OSError):
            words = task.read_text().rpartition(")")[2].split()
            found.append(f"{words[0]} {words[11]} {words[12]}")
    return ", ".join(found)


def _child(case: Case, folder: Path, good: Path, known: frozenset[str], pipe: int) -> NoReturn:
    def say(**what: Any) -> None:
        os.write(pipe, json.dumps(what).encode() + b"\n")

    def report(fault: str) -> None:
        say(faults=[fault])
        os._exit(1)

    try:
        os.setsid()
        _surround(folder)
        case.write(folder / "work", good)
        say(files=_of_user(folder))
        _limit(case.limits)
        watch([folder / "work" / OUT, folder / "tmp"], known, report)
        code, fault = _outcome(case.run)
        sys.settrace(None)
        sys.stdout.flush()
        sys.stderr.flush()
        say(code=code, faults=[fault] if fault else [])
    except BaseException:
        say(faults=[f"harness: {traceback.format_exc()}"])
    finally:
        os._exit(0)


def _surround(folder: Path) -> None:
    """Streams, folders and variables of a process that somebody has just started."""
    for number, name in ((1, "stdout"), (2, "stderr")):
        file = os.open(folder / name, os.O_WRONLY | os.O_CREAT)
        os.dup2(file, number)
        setattr(sys, name, open(number, "w", encoding="utf-8", closefd=False))  # noqa: SIM115 (a descriptor that stays open)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    os.environ |= {"HOME": str(folder / "home"), "TMPDIR": str(folder / "tmp"), "COLUMNS": "200", "TERM": "dumb"}
    for name in ("TORCH_HOME", "XDG_CACHE_HOME", "HF_HOME", "MPLCONFIGDIR"):
        os.environ[name] = str(folder / "home" / name.lower())
    tempfile.tempdir = None
    os.chdir(folder / "work")
    sys.path.insert(0, str(folder / "work"))


def _limit(limits: Limits) -> None:
    seconds = math.ceil(time.process_time()) + limits.seconds
    resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds + 5))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    size = pages * resource.getpagesize() + limits.memory
    resource.setrlimit(resource.RLIMIT_AS, (size, size))


def _outcome(run: tuple[str, ...] | Callable[[], object]) -> tuple[int, str]:
    """Exit code, and the fault if it ended otherwise."""
    try:
        if callable(run):
            run()
        else:
            main(list(run))
    except VireidError as error:
        sys.stderr.write(f"{ERROR}{error}\n")
        return error.exit_code, ""
    except SystemExit as end:
        return (end.code, "") if isinstance(end.code, int) else (READ if end.code is None else 1, "")
    except MemoryError:
        return 1, "memory: none is left"
    except BaseException as error:
        where = traceback.extract_tb(error.__traceback__)[-4:]
        trail = " < ".join(f"{Path(frame.filename).name}:{frame.lineno} {frame.name}" for frame in reversed(where))
        return 1, f"traceback: {type(error).__name__}: {str(error)[:300]} ({trail})"
    return READ, ""


def _faults_of_output(case: Case, verdict: Verdict, errors: str) -> list[str]:
    faults = []
    if found := CONTROL.search(verdict.output):
        faults.append(f"control bytes: {verdict.output[max(0, found.start() - 60) : found.end() + 20]!r}")
    if "Traceback (most recent call last)" in verdict.output:
        faults.append("traceback: printed")
    if verdict.code not in case.codes and "traceback" not in verdict.kinds():
        faults.append(f"code: {verdict.code}, not {' or '.join(map(str, case.codes))}: {verdict.output[-400:]!r}")
    message = errors.rpartition(ERROR)[2].rstrip("\n") if ERROR in errors else ""
    if verdict.code == REFUSED and not message and not (isinstance(case.run, tuple) and case.run[:2] == ("data", "check")):
        faults.append(f"message: none in {errors[-300:]!r}")
    if len(message.split("\n")) > LINES:
        faults.append(f"message: {len(message.splitlines())} lines: {message[:400]!r}")
    if case.shows not in verdict.output:
        faults.append(f"markup: {case.shows!r} is not in {verdict.output[-600:]!r}")
    return faults


def manifest(folder: Path) -> dict[str, str]:
    """Digest of every file and link in the folder."""
    found = {}
    for path in sorted(folder.rglob("*")):
        kind = "link" if path.is_symlink() else "file" if path.is_file() else "other"
        content = hashlib.sha256(path.read_bytes()).hexdigest() if kind == "file" else kind
        found[os.fsencode(path.relative_to(folder)).hex()] = content
    return found


def _faults_of_files(folder: Path, before: dict[str, str]) -> list[str]:
    """Whether files of the user changed, or others came beside them without the watch having seen it."""
    after = _of_user(folder)
    changed = [os.fsdecode(bytes.fromhex(name)) for name in {*before, *after} if before.get(name) != after.get(name)]
    elsewhere = [str(path.relative_to(folder)) for path in (folder / "home").rglob("*")]
    return [f"write: {name}" for name in (*changed, *elsewhere)]


def _of_user(folder: Path) -> dict[str, str]:
    """Digests of what lies beside the folder that commands may write to."""
    return {name: content for name, content in manifest(folder / "work").items() if bytes.fromhex(name).split(b"/")[0] != OUT.encode()}


def _text(file: Path) -> str:
    return file.read_bytes().decode(errors="backslashreplace") if file.exists() else ""
