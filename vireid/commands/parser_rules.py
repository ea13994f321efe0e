"""What may be wrong with a command line. One function for each fault says what is wrong and what would be right."""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import yaml  # type: ignore[import-untyped]  # ships no type information
from jsonargparse import ArgumentParser

from vireid.commands.class_arguments import argument_names, imported, public_subclasses
from vireid.commands.layers import INSIDE, Layer, read_configuration, yaml_problem
from vireid.commands.parser_messages import Fault

RUNS = ("fit", "validate", "test", "predict")
TYPES = {"int": "a whole number", "float": "a number", "bool": "true or false", "str": "a text", "NoneType": "null", "list": "a list"}


@dataclass(frozen=True)
class Refusal:
    """What a rule knows.

    Attributes:
        match: match of the rule's pattern in a reason of the parser.
        fault: all reasons, and where the fault is.
        message: the parser's whole message.
        parser: the parser.
        layers: files and options of the command line.
    """

    match: re.Match[str]
    fault: Fault
    message: str
    parser: ArgumentParser
    layers: Sequence[Layer]

    @property
    def keys(self) -> tuple[str, ...]:
        """The keys without the subcommand."""
        keys = self.fault.keys
        return keys[1:] if keys[:1] and keys[0] in RUNS else keys

    @property
    def name(self) -> str:
        """Name of the command, such as ``vireid fit``."""
        return self.parser.prog.replace(" [options]", "")


@dataclass(frozen=True)
class Answer:
    """Parts of the text.

    Attributes:
        what: what was wrong.
        keys: where it is wrong, as keys of the configuration; empty if ``what`` says it.
        hint: what would be right.
    """

    what: str
    keys: tuple[str, ...] = ()
    hint: str = ""


def _unnamed(refusal: Refusal) -> Answer | None:
    """Options of a part, before a file or an option has said of which class it is."""
    if not refusal.fault.value.startswith("{") and any(layer.names_class(refusal.keys) for layer in refusal.layers):
        return None
    base = (refusal.match[1] or refusal.match[2] or "").rpartition(".")[2]
    known = _subclasses(base, refusal.message)
    hint = f"Such as --{'.'.join(refusal.keys)}={known[0]}. There are {', '.join(known)}." if known else ""
    return Answer(f"`{refusal.keys[-1]}` needs a class before its options.", refusal.keys, hint)


def _argument(refusal: Refusal) -> Answer:
    return _no_argument(refusal, refusal.match[1])


def _no_argument(refusal: Refusal, path: str) -> Answer:
    keys, of = [key for key in path.split(".") if key not in INSIDE], refusal.fault.class_path
    known = argument_names(of) if of else [key.split(".")[-1] for key in _options(refusal.parser)]
    name = keys[0] if of and keys[0] not in known else ".".join(keys)
    hint = f"It takes {', '.join(known) or 'no arguments'}." if of else ""
    return Answer(f"`{name}` is no argument of {of or refusal.name}.{_near(name, known)}", (*refusal.keys, *name.split(".")), hint)


def _key(refusal: Refusal) -> Answer:
    key = refusal.match[1]
    return Answer(f"There is no key `{key}`.{_near(key, _options(refusal.parser))}", tuple(key.split(".")))


def _option(refusal: Refusal) -> Answer:
    name = re.split(r"[\s=]", refusal.match[1])[0]
    if not name.startswith("-"):
        return Answer(f"`{refusal.name}` has no place for {name!r}.", hint="An option begins with two hyphens, as in --output FILE.")
    if refusal.fault.class_path:
        return _no_argument(refusal, name.lstrip("-"))
    near = _near(name, [f"--{key}" for key in _options(refusal.parser)])
    return Answer(f"`{refusal.name}` has no option {name}.{near}", hint="" if near else f"`{refusal.name} --help` lists its options.")


def _required(refusal: Refusal) -> Answer:
    *subcommand, _ = refusal.match[1].split(", ")[0].split(".")
    names = [name.split(".")[-1] for name in refusal.match[1].split(", ")]
    listed = " and ".join(f"`{name}`" for name in names)
    if refusal.fault.class_path:
        dotted = ".".join((*refusal.keys, names[0]))
        return Answer(f"{refusal.fault.class_path} needs {listed}.", refusal.keys, f"Set it: --{dotted}=..., or in a file.")
    if set(names) & {"data", "model"}:
        named = " and ".join({"data": "data (-c data/NAME)", "model": "a model (-c train/NAME)"}.get(name, name) for name in names)
        return Answer(f"The command needs {named}.", hint="`vireid configs` lists what there is.")
    command = " ".join([refusal.name, *subcommand])
    return Answer(f"`{command}` needs {listed}.", hint=f"`{command} --help` says more.")


def _choice(refusal: Refusal) -> Answer:
    name, value, choices = refusal.match.groups()
    known = re.findall(r"[\w-]+", choices)
    what = f"`{name}` cannot be {value!r}." if name.startswith("-") else f"`{refusal.name}` has no {name} {value!r}."
    return Answer(what + _near(value, known), hint=f"Choose from {', '.join(known)}.")


def _no_class(refusal: Refusal) -> Answer:
    missing = dict.fromkeys(path for layer in refusal.layers for path in layer.classes() if not _is_there(path))
    inner = refusal.fault.class_path
    paths = list(missing | dict.fromkeys([refusal.fault.value if not inner or _is_there(inner) else inner]))
    near = [found for path in paths for found in difflib.get_close_matches(path, _neighbours(path), n=1)]
    what = f"There is no class {paths[0]!r}." if len(paths) == 1 else f"There are no classes {', '.join(map(repr, paths))}."
    return Answer(what + (f" Did you mean {', '.join(near)}?" if near else ""), refusal.keys, "" if near else _why(paths[0]))


def _no_subclass(refusal: Refusal) -> Answer:
    base = refusal.match[1] or refusal.match[2]
    known = _subclasses(base, refusal.message)
    hint = f"Choose from {', '.join(known)}." if known else ""
    return Answer(f"{refusal.fault.value!r} is no {base}.{_near(refusal.fault.value, known)}", refusal.keys, hint)


def _abstract(refusal: Refusal) -> Answer:
    path = refusal.match[1] or refusal.fault.value
    known = _subclasses(path.rpartition(".")[2], refusal.message)
    hint = f"Choose from {', '.join(known)}." if known else ""
    if not path.startswith("vireid.") and (lacking := ", ".join(sorted(getattr(imported(path), "__abstractmethods__", ())))):
        return Answer(f"{path} does not define {lacking}.", refusal.keys, hint)
    return Answer(f"{path} is a base of other classes and does nothing itself.", refusal.keys, hint)


def _type(refusal: Refusal) -> Answer:
    wanted = [_phrase(reason) for reason in refusal.fault.reasons if reason.startswith("Expected a")]
    known = [name for reason in refusal.fault.reasons for name in _literals(reason)]
    name, value = refusal.keys[-1] if refusal.keys else "the value", refusal.fault.value
    return Answer(f"`{name}` must be {' or '.join(wanted)}, got {value!r}.{_near(value, known)}", refusal.keys)


def _value(refusal: Refusal) -> Answer:
    given = [layer.source for layer in refusal.layers if layer.source.split(".")[0] == refusal.match[1]]
    return Answer(f"{given[-1] if given else refusal.match[1]} needs a value.")


def _yaml(refusal: Refusal) -> Answer:
    for layer in refusal.layers:
        if layer.is_file and (problem := _yaml_problem(Path(layer.source))):
            return Answer(f"{layer.source!r} is no YAML: {problem}.")
    return Answer(f"A configuration is no YAML: {refusal.match[1]}.")


Rule = Callable[[Refusal], Answer | None]
RULES: tuple[tuple[str, Rule], ...] = (
    (r"Problems parsing config: (.*)", _yaml),
    (r"class, but (\S+) is abstract|Not a valid subclass of (\w+)|No module named '\{()()", _unnamed),
    (r"Option '(.+)' is not accepted", _argument),
    (r"(?:Subcommand|Group) '.+' does not accept option '(.+)'", _key),
    (r"unrecognized arguments: (.+)", _option),
    (r"the following arguments are required: (.+)", _required),
    (r"argument (\S+): invalid choice: '(.*)' \(choose from (.*)\)", _choice),
    (r"argument (?:\S+/)?(\S+): expected (?:one|at least one) argument", _value),
    (r"Expected an instantiatable class, but (?:(\S+) )?is abstract", _abstract),
    (r"has no attribute|No module named|Expected a dot import path|cannot import name", _no_class),
    (r"does not correspond to a subclass of (\w+)|Not a valid subclass of (\w+)", _no_subclass),
    (r"Expected a ", _type),
)


def _near(name: str, known: Iterable[str]) -> str:
    """A sentence that names the nearest right path up to the first part that is wrong; nothing if none is near."""
    parts, paths = name.split("."), [path.split(".") for path in known]
    for depth, part in enumerate(parts):
        beside = {path[depth] for path in paths if path[:depth] == parts[:depth] and len(path) > depth}
        if part not in beside:
            close = difflib.get_close_matches(part, sorted(beside), n=1, cutoff=0.7)
            return f" Did you mean {'.'.join([*parts[:depth], *close])}?" if close else ""
    return ""


def _options(parser: ArgumentParser) -> list[str]:
    return list(parser.get_defaults().keys())


def _is_there(path: str) -> bool:
    try:
        return imported(path) is not None
    except ImportError:
        return False


def _neighbours(path: str) -> list[str]:
    """What lies beside a name that does not exist."""
    module = path.rpartition(".")[0]
    try:
        return [f"{module}.{name}" for name in dir(__import__(module, fromlist=["_"])) if not name.startswith("_")]
    except (ImportError, ValueError):
        return []


def _why(path: str) -> str:
    module, dot, _ = path.rpartition(".")
    if not dot:
        return "Give the whole path, such as vireid.losses.CrossEntropy."
    return "" if _neighbours(path) else f"The module {module!r} cannot be imported; is its folder in PYTHONPATH?"


def _subclasses(base: str, message: str) -> list[str]:
    """Public classes for a base that the message names among its types."""
    for path in re.findall(rf"([\w.]+\.{base})\b", message):
        try:
            found = imported(path)
        except ImportError:
            continue
        if isinstance(found, type) and path.startswith("vireid."):
            return list(public_subclasses(found))
    return []


def _phrase(reason: str) -> str:
    if literals := _literals(reason):
        return "one of " + ", ".join(literals)
    found = re.search(r"<class '(\w+)'>", reason)
    return TYPES.get(found[1], found[1]) if found else reason.removeprefix("Expected a ")


def _literals(reason: str) -> list[str]:
    found = re.search(r"Literal\[(.*)\]", reason)
    return [text.strip("' ") for text in found[1].split(",")] if found else []


def _yaml_problem(path: Path) -> str:
    try:
        read_configuration(path)
    except (OSError, ValueError, RecursionError, yaml.YAMLError) as error:
        return yaml_problem(error)
    return ""
