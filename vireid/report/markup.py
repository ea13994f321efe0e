"""HTML that is safe by construction: every text is escaped, unless it was made here."""

from __future__ import annotations

from html import escape

from vireid.printable import visible

EMPTY = ("br", "img", "input", "meta", "link")  # tags without content


class Markup(str):
    """Text that is HTML already."""

    __slots__ = ()


Child = str | int | None


def text(value: object) -> Markup:
    """A name or number of the outside world as text, whatever characters it holds."""
    return value if isinstance(value, Markup) else Markup(escape(visible(str(value))))


def tag(name: str, *children: Child, **attributes: str | int | bool | None) -> Markup:
    """An element.

    Args:
        name: of the tag.
        children: texts, which are escaped, and markup; ``None`` is left out.
        attributes: by name; a trailing underscore is dropped (``class_``), others become hyphens. ``None`` and ``False`` are left out.

    Example:
        >>> tag("p", "<b>", tag("b", 3), class_="small", hidden=True)
        '<p class="small" hidden>&lt;b&gt;<b>3</b></p>'
    """
    told = []
    for key, value in attributes.items():
        if value is None or value is False:
            continue
        shown = key.rstrip("_").replace("_", "-")
        told.append(f" {shown}" if value is True else f' {shown}="{text(value)}"')
    start = Markup(f"<{name}{''.join(told)}>")
    return start if name in EMPTY else Markup(f"{start}{joined(*children)}</{name}>")


def joined(*children: Child) -> Markup:
    """Texts and markup, one after the other; ``None`` is left out."""
    return Markup("".join(text(child) for child in children if child is not None))
