"""Read the nested messages of jsonargparse: which key of which class is wrong, and why."""

from __future__ import annotations

import re
from dataclasses import dataclass

KEY = re.compile(r'Parser key "(?P<key>[^"]+)":$')
CLASS = re.compile(r"Problem with given class_path '(?P<path>[^']*)':$")
OF_TORCH = re.compile(r"Import path (torch\.\S+) does not correspond")
NESTED = re.compile(r"NestedArg\(key='(\S+)', val='?(.*?)'?\)$")  # an option below the value
NOISE = re.compile(
    r"Does not validate against|Subtypes: |Errors:$|Given value|Expected a path but|Subclass types expect|a (class path|dict) "
)


@dataclass(frozen=True)
class Fault:
    """The innermost thing that is wrong.

    Attributes:
        keys: names that lead to it, outermost first.
        class_path: the class whose arguments are wrong; empty for options of the command.
        reasons: what the parser says, one reason for each type that it tried.
        value: what was given; empty if the message does not tell.
    """

    keys: tuple[str, ...]
    class_path: str
    reasons: tuple[str, ...]
    value: str


def innermost(message: str) -> Fault:
    """The deepest of the alternatives that the parser tried, which is the one that the user meant."""
    above: list[tuple[int, str, str]] = []  # indent, kind, name of the lines that lead to this one
    found: dict[tuple[tuple[int, str, str], ...], list[str]] = {}
    for line in filter(str.strip, message.splitlines()):
        text = line.strip().removeprefix("- ")
        indent = len(line) - len(line.lstrip()) + (2 if line.strip().startswith("- ") else 0)
        above = [entry for entry in above if entry[0] < indent]
        if match := KEY.match(text):
            above.append((indent, "key", match["key"]))
        elif match := CLASS.match(text):
            above.append((indent, "class", match["path"]))
        elif "expects a function or a callable class: " in text and (match := OF_TORCH.search(" ".join(found.get(tuple(above), ())))):
            found.setdefault((*above, (indent, "class", match[1])), []).append(text)  # chosen where a class of ours may stand too
        elif not NOISE.match(text):
            found.setdefault(tuple(above), []).append(text)
    if not found:
        return Fault((), "", (message.strip(),), "")
    way = max(found, key=len)  # the first of equally deep ones
    keys = [part for _, kind, name in way if kind == "key" for part in name.split(".")]
    classes = [name for _, kind, name in way if kind == "class"]
    reasons, value = _without_value(found[way], message)
    return Fault(tuple(keys), classes[-1] if classes else "", reasons, value)


def _without_value(reasons: list[str], message: str) -> tuple[tuple[str, ...], str]:
    split = [re.split(r"\. Got value: ", reason, maxsplit=1) for reason in reasons]
    values = [parts[1] for parts in split if len(parts) > 1]
    given = re.findall(r"^ *Given value: (.*)$", message, re.MULTILINE)
    return tuple(parts[0] for parts in split), NESTED.sub(r"{\1: \2}", (values or given or [""])[0])
