"""Imports go down the map only, files form no circle, and importing is silent and cheap.

An import through an ``__init__`` counts as one of the file that defines the name; imports for type checking count too.
"""

import ast
import subprocess
import sys
from functools import cache
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parent.parent / "vireid"
BOTTOM = {"archives", "errors", "files", "importable", "lazy", "locks", "pickles"}
BOTTOM |= {"printable", "settings", "structures", "terminal", "torch_files", "version"}
ALLOWED = {
    "lazy": set(),
    "files": {"errors", "locks"},
    "locks": {"errors"},
    "settings": {"errors", "importable", "lazy"},
    "structures": {"settings", "files", "errors", "lazy"},
    "errors": set(),
    "importable": set(),
    "version": set(),
    "pickles": set(),
    "archives": {"files"},
    "printable": set(),
    "terminal": {"printable"},
    "torch_files": {"errors", "pickles", "printable", "settings"},
    "nn": BOTTOM,
    "data": BOTTOM,
    "losses": BOTTOM,
    "metrics": BOTTOM,
    "models": BOTTOM | {"nn"},
    "search": BOTTOM | {"nn", "models"},
    "results": BOTTOM | {"metrics"},
    "plots": BOTTOM | {"metrics", "data", "results"},
    "report": BOTTOM | {"metrics", "data", "results", "plots"},
    "tasks": BOTTOM | {"nn", "models", "search", "losses", "metrics", "results", "plots"},
    "deploy": BOTTOM | {"nn", "models", "metrics", "data", "results", "tasks"},
    "commands": BOTTOM | {"nn", "models", "search", "losses", "metrics", "data", "results", "plots", "report", "tasks", "deploy"},
    "cli": {"errors", "printable", "version", "commands"},  # only those commands that need the standard library alone, see test_cli.py
    "__main__": {"cli"},
}
FILES = sorted(PACKAGE.rglob("*.py"))


def module_name(path: Path) -> str:
    parts = ("vireid", *path.relative_to(PACKAGE).with_suffix("").parts)
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


MODULES = {module_name(path): path for path in FILES}


@cache
def imports(module: str) -> tuple[tuple[str, str], ...]:
    """Module and name of every import of vireid in a file, wherever it stands; the name is empty for ``import x``."""
    tree = ast.parse(MODULES[module].read_text(encoding="utf-8"))
    found = [(n.module or "", alias.name) for n in ast.walk(tree) if isinstance(n, ast.ImportFrom) for alias in n.names]
    found += [(alias.name, "") for n in ast.walk(tree) if isinstance(n, ast.Import) for alias in n.names]
    return tuple((source, name) for source, name in found if source.split(".")[0] == "vireid")


def defining(source: str, name: str) -> str:
    """The module that defines ``name``, which ``source`` gives."""
    if f"{source}.{name}" in MODULES:
        return f"{source}.{name}"
    if MODULES[source].name == "__init__.py":
        for inner, found in imports(source):
            if found == name and inner != source:
                return defining(inner, name)
    return source


GRAPH = {
    module: {defining(source, name) for source, name in imports(module)} - {module}
    for module, path in MODULES.items()
    if path.name != "__init__.py"  # what they give is counted where it is used
}


def test_an_import_through_a_package_is_one_of_the_file_that_defines_the_name() -> None:
    assert defining("vireid", "Genotype") == "vireid.structures.genotype"
    assert "vireid.lazy" not in GRAPH["vireid.tasks.base"]


@pytest.mark.parametrize("part", ALLOWED)
def test_imports_go_down_only(part: str) -> None:
    mine = {module: targets for module, targets in GRAPH.items() if module.split(".")[1] == part}
    inits = [module for module, path in MODULES.items() if path.name == "__init__.py" and module.split(".")[1:2] == [part]]
    mine |= {module: {source for source, _ in imports(module)} for module in inits}
    assert mine
    up = {module: sorted(t for t in targets if t.split(".")[1] not in ALLOWED[part] | {part}) for module, targets in mine.items()}
    assert {module: targets for module, targets in up.items() if targets} == {}


def test_every_part_of_the_package_has_a_rule() -> None:
    parts = {p.stem for p in PACKAGE.iterdir() if p.suffix == ".py" or (p / "__init__.py").exists()}
    assert parts - {"__init__"} == set(ALLOWED)


def test_files_form_no_circle() -> None:
    with pytest.raises(CycleError):
        TopologicalSorter({"a": {"b"}, "b": {"a"}}).prepare()
    TopologicalSorter(GRAPH).prepare()  # its error names the files of a circle


def test_importing_vireid_is_silent_and_loads_no_torch() -> None:
    code = "import sys, vireid; assert 'torch' not in sys.modules"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert result.stdout == result.stderr == ""


def test_values_pictures_and_results_load_no_torch() -> None:
    lines = [
        "import sys, vireid",
        "vireid.Genotype",
        "from vireid.structures import Evaluation, Modality, Record, Setting, Trial",
        "from vireid.data import read_image",
        "from vireid.results import read_results",
        "from vireid.metrics import bootstrap_interval, paired_test, permutation_test, rank_correlation",
        "from vireid.deploy import Card, ImageEmbedder, Preparation",
        "assert 'torch' not in sys.modules",
    ]
    subprocess.run([sys.executable, "-c", "; ".join(lines)], check=True)
