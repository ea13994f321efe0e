"""What a reader does beside reading. The watch begins in a process of its own, and cannot be taken off again."""

from __future__ import annotations

import inspect
import os
import re
import sys
import threading
from collections.abc import Callable, Sequence
from importlib.abc import MetaPathFinder
from pathlib import Path
from types import FrameType, ModuleType
from typing import Any

import vireid

WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND
CHANGES = {  # audited call: places of paths among its arguments, and of the descriptors of folders that they are relative to
    "os.chmod": ((0,), (2,)),
    "os.chown": ((0,), (3,)),
    "os.link": ((0, 1), (2, 3)),
    "os.mkdir": ((0,), (2,)),
    "os.remove": ((0,), (1,)),
    "os.rename": ((0, 1), (2, 3)),
    "os.rmdir": ((0,), (1,)),
    "os.setxattr": ((0,), ()),
    "os.symlink": ((1,), (2,)),
    "os.truncate": ((0,), ()),
    "os.utime": ((0,), (3,)),
    "shutil.move": ((0, 1), ()),
    "shutil.rmtree": ((0,), ()),
}
PROCESSES = ("os.system", "os.exec", "os.fork", "os.forkpty", "os.posix_spawn", "os.spawn", "os.startfile", "os.kill", "os.killpg")
PROCESSES += ("subprocess.Popen", "pty.spawn", "signal.pthread_kill", "webbrowser.open")
HARMLESS_SOCKETS = ("socket.gethostname",)
PICKLED = re.compile(r"numpy\..*|numpy|_codecs")  # modules whose names a pickle of CIFAR-100 may hold
LOADERS = ("pickle", "pydoc", "pkgutil", "runpy", "logging.config")  # of the standard library; they import what a text names
LAZY = ("encodings.",)
ASKING = ("lightning_fabric", "lightning_utilities", "pytorch_lightning", "torch")  # which use packages of others where these are
TRACED = (str(Path(vireid.__file__).parent) + os.sep, str(Path(__file__).with_name("planted.py")))
GENERATOR = inspect.CO_GENERATOR  # each value of it would be a call
NO_MEMORY = re.compile(r"can't allocate memory|not enough memory|Unable to allocate|bad_alloc|Cannot allocate|array is too big", re.I)

Report = Callable[[str], None]


def watch(folders: Sequence[Path], known: frozenset[str], report: Report) -> None:
    """Report what the process does from now on, before it happens.

    Args:
        folders: where it may write.
        known: modules that may be imported: those that are loaded where nothing is wrong.
        report: called with the kind of what happens, a colon, and what it is. It does not return if that must not happen.
    """
    allowed = tuple(os.path.realpath(folder) + os.sep for folder in folders)
    inside = threading.local()

    def hook(event: str, arguments: tuple[Any, ...]) -> None:
        if getattr(inside, "hook", False):
            return
        inside.hook = True
        try:
            if fault := _fault(event, arguments, allowed):
                report(fault)
        finally:
            inside.hook = False

    _trace(report)
    sys.meta_path.insert(0, _Imports(known, report))
    sys.addaudithook(hook)


class _Imports(MetaPathFinder):
    """Finds no module, but hears of every search. The audit knows only of import statements."""

    def __init__(self, known: frozenset[str], report: Report) -> None:
        self.known, self.report = known, report

    def find_spec(self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None) -> None:
        if fullname not in self.known and not _own_import(fullname) and self._is_there(fullname, path, target):
            self.report(f"import: {fullname[:200]}")

    def _is_there(self, *module: Any) -> bool:
        """Whether another finder finds it. Many packages ask for others that nobody has installed."""
        return any(finder.find_spec(*module) is not None for finder in sys.meta_path if finder is not self)


def _fault(event: str, arguments: tuple[Any, ...], folders: tuple[str, ...]) -> str:
    if event == "open":
        path, _, flags = arguments
        writes = isinstance(flags, int) and flags & WRITING and not isinstance(path, int)
        return _outside(path, folders) if writes else ""
    if event == "pickle.find_class":
        return "" if PICKLED.fullmatch(str(arguments[0])) else f"import: {arguments[0]}.{arguments[1]} in a pickle"
    if event in CHANGES:
        places, relative = CHANGES[event]
        at = [arguments[place] if place < len(arguments) else -1 for place in relative] + [-1] * len(places)
        return next(filter(None, (_outside(arguments[place], folders, fd) for place, fd in zip(places, at, strict=False))), "")
    if event.startswith("socket.") and event not in HARMLESS_SOCKETS:
        return f"socket: {event} {arguments[1:]}"
    return f"process: {event} {arguments[:1]}" if event in PROCESSES else ""


def _outside(path: Any, folders: tuple[str, ...], descriptor: Any = -1) -> str:
    """A fault if the path lies in none of the folders."""
    if isinstance(path, int):
        path = f"/proc/self/fd/{path}"
    name = os.fsdecode(path)
    if isinstance(descriptor, int) and descriptor >= 0 and not name.startswith(os.sep):
        name = str(Path(f"/proc/self/fd/{descriptor}").readlink() / name)
    real = os.path.realpath(name) + os.sep
    return "" if real.startswith(folders) or real == "/dev/null/" else f"write: {real[:-1]}"


def _own_import(module: str) -> bool:
    """Whether it is a part of ours, or a package imports a part of itself, or the standard library another part of that."""
    top, importer = module.partition(".")[0], _importer()
    by = importer.partition(".")[0]
    if top in ("vireid", by) or module.startswith(LAZY) or by in ASKING:
        return True
    return {top, by} <= sys.stdlib_module_names and importer not in LOADERS


def _importer() -> str:
    frame: FrameType | None = sys._getframe(1)
    while frame is not None:
        name = str(frame.f_globals.get("__name__"))
        if name != __name__ and not name.startswith("importlib"):
            return name
        frame = frame.f_back
    return ""


def _trace(report: Report) -> None:
    """Report that memory was refused, also where the package goes on from there."""

    def inside(frame: FrameType, event: str, argument: Any) -> Any:
        if event == "exception" and (isinstance(argument[1], MemoryError) or _no_memory(argument[1])):
            report(f"memory: {type(argument[1]).__name__} in {frame.f_globals.get('__name__')}")
        return inside

    def call(frame: FrameType, event: str, argument: Any) -> Any:
        code = frame.f_code
        if code.co_flags & GENERATOR or not code.co_filename.startswith(TRACED):
            return None
        frame.f_trace_lines = False
        return inside

    threading.settrace(call)
    sys.settrace(call)


def _no_memory(error: Any) -> bool:
    return isinstance(error, (RuntimeError, ValueError, OSError)) and bool(NO_MEMORY.search(str(error)[:500]))
