"""The API reference as pages of HTML: ``pip install -e '.[docs]' && python .github/reference.py FOLDER``.

pdoc neither follows names that are imported on first use, nor lists the subpackages of a package that has ``__all__``. This driver does.
It turns roles such as ``:class:`X``` into links, reports those that lead nowhere, and shows how a configuration chooses a class.
"""

from __future__ import annotations

import importlib
import inspect
import pkgutil
import re
import sys
import typing
from functools import cached_property
from pathlib import Path

import pdoc.doc
import pdoc.docstrings
import pdoc.render
import yaml

import vireid
from vireid.settings import Recorded, class_path, plain

ROLE = re.compile(r":(?:class|func|meth|data|attr|mod):`~?([^`]+)`")
MODULES = ("vireid.errors", "vireid.losses.functional")  # with pages of their own, beside all packages
OTHERS = ("torch.", "pytorch_lightning.", "torchmetrics.")  # whose documentation is elsewhere
MARK = "\N{INVISIBLE SEPARATOR}"  # behind every role, until its link has been checked
DEAD = re.compile(rf"<code>([^<]*)</code>{MARK}")
LINK = re.compile(r'<a href="([^":]*)">(.*?)</a>')


class Page(pdoc.doc.Module):
    """A package with every name of its ``__all__``; below it stand the packages that have pages too."""

    def __init__(self, name: str, names: list[str]) -> None:
        package = importlib.import_module(name)
        for each in getattr(package, "__all__", ()):
            found = vars(package)[each] = getattr(package, each)  # an import on first use
            if hasattr(found, "_fields"):  # typing.NamedTuple keeps what its annotations were written as
                found.__new__.__annotations__ = typing.get_type_hints(found)
            if is_chosen(found) and (shown := choice(found)) not in found.__doc__:
                found.__doc__ += shown
        super().__init__(package)
        self.below = [Page(each, names) for each in names if each.rpartition(".")[0] == name]

    @cached_property
    def submodules(self) -> list[pdoc.doc.Module]:
        return list(self.below)

    def all(self) -> dict[str, Page]:
        """This page and those below it, by name."""
        return {self.fullname: self} | {name: page for each in self.below for name, page in each.all().items()}


def is_chosen(found: object) -> bool:
    """Whether a configuration may choose a class by its path."""
    return inspect.isclass(found) and issubclass(found, Recorded) and not inspect.isabstract(found)


def choice(found: type) -> str:
    """How a configuration chooses a class: its path, and its arguments with their defaults."""
    arguments = [each for each in inspect.signature(found).parameters.values() if each.kind is not each.VAR_KEYWORD]
    values = {each.name: "..." if each.default is each.empty else plain(each.default) for each in arguments}
    content = {"class_path": class_path(found), **({"init_args": values} if values else {})}
    lines = yaml.safe_dump(content, sort_keys=False).splitlines()
    return "\n\n    In a configuration::\n\n" + "".join(f"        {line}\n" for line in lines)


def packages() -> list[str]:
    """Packages whose names have a page: those of ``__all__``, unless the package above has all of them."""
    found = ["vireid", *MODULES, *(module.name for module in pkgutil.walk_packages(vireid.__path__, "vireid.") if module.ispkg)]
    public = {name: set(getattr(importlib.import_module(name), "__all__", ())) for name in found}
    return [name for name in found if name in MODULES or public[name] - public.get(name.rpartition(".")[0], set())]


def pages() -> dict[str, Page]:
    """Every page by name of its package."""
    return Page("vireid", packages()).all()


def write(folder: Path) -> list[str]:
    """Write all pages; roles that lead to no page, a line each."""
    pdoc.render.configure(docformat="google", show_source=False, footer_text=f"vireid {vireid.__version__}")
    plain = pdoc.docstrings.convert
    pdoc.docstrings.convert = lambda text, *how: plain(ROLE.sub(rf"`\1`{MARK}", text.replace("::\n\n", ":\n\n")), *how)
    made = pages()
    written = {name: pdoc.render.html_module(page, made) for name, page in made.items()}
    roles = {(name, role) for name, text in written.items() for role in DEAD.findall(text) if not role.startswith(OTHERS)}
    anchors = {name: set(re.findall(r' id="([^"]+)"', text)) for name, text in written.items()}
    for name, text in written.items():
        path = folder / f"{name.replace('.', '/')}.html"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(LINK.sub(lambda found, name=name: _checked(found, name, anchors), text.replace(MARK, "")), encoding="utf-8")
    (folder / "index.html").write_text(pdoc.render.html_index(made), encoding="utf-8")
    (folder / "search.js").write_text(pdoc.render.search_index(made), encoding="utf-8")
    return [f"{name}: {role}" for name, role in sorted(roles)]


def _checked(link: re.Match[str], name: str, anchors: dict[str, set[str]]) -> str:
    """A link, or its text alone where pdoc took a word for the name of something that stands on no page."""
    path, _, anchor = link[1].partition("#")
    target = name if not path else None
    return link[2] if target and anchor not in anchors[target] else link[0]


if __name__ == "__main__":
    sys.exit("\n".join(write(Path(sys.argv[1]))) or 0)
