"""The one way to write to a terminal by rich. What is printed is shown as it is: nothing is markup, and nothing is obeyed."""

from __future__ import annotations

import io
from collections.abc import Iterable
from typing import Any

from rich.console import Console, ConsoleOptions, RenderableType
from rich.segment import Segment
from rich.text import Text

from vireid.printable import visible

WIDTH = 120  # columns of an output that is no terminal; rich would take 80


class PlainConsole(Console):
    """A console to which all texts are plain: brackets are brackets, and control characters are spelled out."""

    def __init__(self, **settings: Any) -> None:
        super().__init__(**settings, markup=False, highlight=False, emoji=False)

    def render_str(self, text: str, **how: Any) -> Text:
        """The text, which takes the room that it will be printed in."""
        return super().render_str(visible(text), **how)

    def render(self, renderable: RenderableType, options: ConsoleOptions | None = None) -> Iterable[Segment]:
        """Pieces of the output, those of :class:`rich.text.Text` among them."""
        for piece in super().render(renderable, options):
            yield piece if piece.control else Segment(visible(piece.text), piece.style)


def console(stderr: bool = False) -> Console:
    """The console of the terminal."""
    return PlainConsole(stderr=stderr)


def table_console() -> Console:
    """The console of the terminal, or one of 120 columns if the output is a pipe."""
    found = console()
    return found if found.is_terminal else PlainConsole(width=WIDTH)


def text_console() -> Console:
    """A console of 120 columns that writes into a text, which is its ``file``."""
    return PlainConsole(file=io.StringIO(), width=WIDTH, color_system=None)


def say(text: str, stderr: bool = False) -> None:
    """Print lines of text, which are not folded."""
    console(stderr).print(text, soft_wrap=True)
