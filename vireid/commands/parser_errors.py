"""An error of the parser in at most six lines: what was wrong, where, and the nearest right name."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Sequence

from jsonargparse import ArgumentParser

from vireid.commands.layers import Layer
from vireid.commands.parser_messages import innermost
from vireid.commands.parser_rules import RULES, Answer, Refusal

COLUMNS, LINES = 80, 6
BEFORE = len("vireid: error: ")  # what the program writes before the text


def explain(message: str, parser: ArgumentParser, layers: Sequence[Layer]) -> str:
    """The text of an error for the user, in at most six lines.

    Args:
        message: message of the parser, over many lines.
        parser: the parser whose message it is.
        layers: what the user wrote, to find the file.
    """
    fault = innermost(message)
    for pattern, rule in RULES:
        for reason in fault.reasons:
            if (match := re.search(pattern, reason)) and (answer := rule(Refusal(match, fault, message, parser, layers))):
                return _fitted(answer, layers)
    return _fitted(Answer(" ".join(fault.reasons), fault.keys), layers)


def _fitted(answer: Answer, layers: Sequence[Layer]) -> str:
    where = _where(answer.keys, layers)
    texts = [(answer.what, BEFORE, 3), (where, 2, 2), (answer.hint, 2, 2)]
    lines = []
    for text, indent, most in texts:
        settings = {"max_lines": most, "placeholder": " ...", "break_long_words": False, "break_on_hyphens": False}
        lines += textwrap.wrap(text, COLUMNS, initial_indent=" " * indent, subsequent_indent="  ", **settings)  # type: ignore[arg-type]
    return "\n".join(lines[:LINES])[BEFORE:]


def _where(keys: tuple[str, ...], layers: Sequence[Layer]) -> str:
    if not keys:
        return ""
    for layer in reversed(layers):
        if layer.said(keys):
            return f"In {layer.source}: {'.'.join(keys)}" if layer.is_file else f"On the command line: {layer.source}"
    return f"Key: {'.'.join(keys)}"
