"""The one way to write to a terminal by rich. What is printed is shown as it is: nothing is markup, and nothing is obeyed."""

from __future__ import annotations

import io
from collections.abc import Iterable
from importlib.util import find_spec
from typing import Any, TypeVar

from rich.console import Console, ConsoleOptions, RenderableType
from rich.segment import Segment
from rich.text import Text

from vireid.printable import visible

T = TypeVar("T")
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
    """The console of the terminal. In a notebook, what it prints is plain text, and nothing moves."""
    found = PlainConsole(stderr=stderr)
    return PlainConsole(stderr=stderr, force_jupyter=False, force_terminal=False) if found.is_jupyter else found


def moving_console() -> Console:
    """The console for a line that is drawn again and again. In a notebook such a line needs ipywidgets, and stays still without it."""
    return PlainConsole() if find_spec("ipywidgets") else console()


def table_console() -> Console:
    """The console of the terminal, or one of 120 columns if the output is a pipe."""
    found = console()
    if not found.is_terminal:
        found.width = WIDTH
    return found


def text_console() -> Console:
    """A console of 120 columns that writes into a text, which is its ``file``."""
    return PlainConsole(file=io.StringIO(), width=WIDTH, color_system=None)


def track(values: Iterable[T], name: str, total: int | None = None, disable: bool = False, stderr: bool = False) -> Iterable[T]:
    """The values, and on a terminal a bar that shows how many have come; nothing of it stays."""
    from rich import progress

    shown = console(stderr)
    return progress.track(values, name, total, transient=True, console=shown, disable=disable or not shown.is_terminal)


def say(text: str, stderr: bool = False) -> None:
    """Print lines of text, which are not folded."""
    console(stderr).print(text, soft_wrap=True)
