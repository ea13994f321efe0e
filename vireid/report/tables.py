"""Tables of a page, which a reader can sort."""

from __future__ import annotations

from collections.abc import Sequence

from vireid.report.markup import Child, Markup, joined, tag


def cell(shown: Child, value: float | None = None, small: str = "") -> Markup:
    """A cell of numbers.

    Args:
        shown: what stands there.
        value: what it is sorted by.
        small: text below, in small letters.
    """
    below = tag("small", small) if small else None
    return tag("td", shown, below, class_="number", data_v=None if value is None else f"{value:.6g}")


def table(head: Sequence[str], rows: Sequence[Sequence[Child]], caption: str = "", numbers: int = 0, sortable: bool = True) -> Markup:
    """A table. Cells that are no markup of a cell become one.

    Args:
        head: names of the columns.
        rows: cells.
        caption: text above.
        numbers: how many columns, from the left, hold words; the others hold numbers.
        sortable: whether a click on a column sorts the rows.
    """
    names = [tag("th", name, scope="col", class_="number" if place >= numbers else None) for place, name in enumerate(head)]
    body = [tag("tr", *(one if _is_cell(one) else tag("td", one) for one in row)) for row in rows]
    told = tag(
        "table",
        tag("caption", caption) if caption else None,
        tag("thead", tag("tr", *names)),
        tag("tbody", joined(*body)),
        data_sortable=sortable and len(rows) > 1,
    )
    return tag("div", told, class_="scroll", tabindex=0, role="group", aria_label=caption or "table")


def _is_cell(value: Child) -> bool:
    return isinstance(value, Markup) and value.startswith(("<td", "<th"))
