"""Imports go down only, and importing is silent and cheap."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parent.parent / "vireid"
BOTTOM = {"structures", "settings", "files", "errors", "importable", "lazy", "version"}
ALLOWED = {
    "lazy": set(),
    "files": {"errors"},
    "settings": {"errors", "lazy"},
    "structures": {"settings", "files", "errors", "lazy"},
    "errors": set(),
    "importable": set(),
    "version": set(),
    "nn": BOTTOM,
    "data": BOTTOM,
    "losses": BOTTOM,
    "metrics": BOTTOM,
    "models": BOTTOM | {"nn"},
    "search": BOTTOM | {"nn", "models"},
    "results": BOTTOM | {"metrics"},
    "tasks": BOTTOM | {"nn", "models", "search", "losses", "metrics", "results"},
    "commands": BOTTOM | {"nn", "models", "search", "losses", "metrics", "data", "results", "tasks"},
    "cli": {"errors", "version"},
}


def imported_parts(path: Path) -> set[str]:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    names = [n.module or "" for n in ast.walk(tree) if isinstance(n, ast.ImportFrom)]
    names += [alias.name for n in ast.walk(tree) if isinstance(n, ast.Import) for alias in n.names]
    return {name.split(".")[1] for name in names if name.startswith("vireid.")}


@pytest.mark.parametrize("part", ALLOWED)
def test_imports_go_down_only(part: str) -> None:
    files = sorted((PACKAGE / part).rglob("*.py")) or [PACKAGE / f"{part}.py"]
    assert files[0].exists()
    for path in files:
        assert imported_parts(path) - {part} <= ALLOWED[part], path


def test_every_part_of_the_package_has_a_rule() -> None:
    parts = {p.stem for p in PACKAGE.iterdir() if p.suffix == ".py" or (p / "__init__.py").exists()}
    assert parts - {"__init__"} == set(ALLOWED)


def test_importing_vireid_is_silent_and_loads_no_torch() -> None:
    code = "import sys, vireid; assert 'torch' not in sys.modules"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert result.stdout == result.stderr == ""
