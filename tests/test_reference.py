"""The reference of the API: every public name has a page, an example and its errors; roles become links; nothing warns."""

from __future__ import annotations

import dataclasses
import enum
import importlib.util
import inspect
import re
import sys
import warnings
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import yaml

import vireid
from vireid.errors import VireidError
from vireid.importable import also_importable
from vireid.settings import Recorded, class_path, import_class

ROOT = Path(__file__).parent.parent


def load_driver() -> ModuleType:
    spec = importlib.util.spec_from_file_location("reference", ROOT / ".github" / "reference.py")
    assert spec is not None
    assert spec.loader is not None
    module = sys.modules["reference"] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


driver = load_driver()


def public() -> Iterator[tuple[str, str, Any]]:
    """Package, name and object of every public class and function; a name that two packages have belongs to the inner one."""
    for package in driver.packages():
        module = importlib.import_module(package)
        for name in getattr(module, "__all__", [name for name, found in vars(module).items() if inspect.isclass(found)]):
            found = getattr(module, name)
            if (inspect.isclass(found) or inspect.isfunction(found)) and found.__module__.startswith("vireid"):
                yield package, name, found


PUBLIC = {id(found): (f"{package}.{name}", found) for package, name, found in public()}


def is_given(found: Any) -> bool:
    """Whether the package makes these objects, so that the example is that of what returns them; or none can be made."""
    values = dataclasses.is_dataclass(found) or hasattr(found, "_fields") or getattr(found, "_is_protocol", False)
    return inspect.isclass(found) and (values or inspect.isabstract(found) or issubclass(found, (enum.Enum, Exception)))


def test_every_public_name_has_a_page_and_every_role_a_link(tmp_path: Path) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        warnings.filterwarnings("ignore", module="torch|torchmetrics|pytorch_lightning|jsonargparse")
        assert driver.write(tmp_path) == []
    for package, name, _ in public():
        text = (tmp_path / f"{package.replace('.', '/')}.html").read_text(encoding="utf-8")
        assert f'id="{name}"' in text, f"{package}.{name}"
    pages = {path.relative_to(tmp_path).as_posix(): path.read_text(encoding="utf-8") for path in tmp_path.rglob("*.html")}
    for name, text in pages.items():
        anchors = set(re.findall(r' id="([^"]+)"', text))
        for link in re.findall(r'href="([^":$]+)"', text):  # not the template of a found page
            path, _, anchor = link.partition("#")
            target = (tmp_path / name).parent / path if path else tmp_path / name
            assert target.is_file(), f"{name}: {link}"
            assert path or not anchor or anchor in anchors, f"{name}: {link}"
    assert "class_path: vireid.losses.CrossEntropy" in re.sub(r"<[^>]+>", "", pages["vireid/losses.html"])


def test_every_public_name_says_what_it_is() -> None:
    assert [name for name, found in PUBLIC.values() if not (found.__doc__ or "").strip()] == []


def test_every_public_name_has_an_example() -> None:
    """The reference makes those of classes that a configuration chooses."""
    others = [(name, found) for name, found in PUBLIC.values() if not (driver.is_chosen(found) or is_given(found))]
    assert [name for name, found in others if not re.search(r">>> |::\n", inspect.getdoc(found) or "")] == []


def test_every_public_name_says_which_errors_it_raises() -> None:
    silent = [name for name, found in PUBLIC.values() if re.search(r"\braise \w+\(", inspect.getsource(found)) and not _tells(found)]
    assert silent == []


def _tells(found: Any) -> bool:
    return "Raises:" in inspect.getsource(found) or (inspect.isclass(found) and issubclass(found, VireidError))


def test_the_example_of_a_chosen_class_names_it() -> None:
    chosen = [found for _, found in PUBLIC.values() if driver.is_chosen(found)]
    assert len(chosen) > 50
    for found in chosen:
        content = yaml.safe_load(driver.choice(found).partition("::\n\n")[2])
        with also_importable((class_path(found),)):
            assert import_class(content["class_path"]) is found
        assert issubclass(found, Recorded)


def test_the_citation_is_of_this_version() -> None:
    assert yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))["version"] == vireid.__version__


@pytest.mark.parametrize("path", sorted((ROOT / ".github").rglob("*.yml")), ids=lambda path: path.name)
def test_files_for_the_host_can_be_read(path: Path) -> None:
    content = yaml.safe_load(path.read_text(encoding="utf-8"))
    if path.parent.name == "workflows":
        assert [step["run"] for job in content["jobs"].values() for step in job["steps"] if "run" in step] == ["bash .ci/run"]
    elif path.name != "config.yml":
        assert {"name", "description", "body"} <= set(content)
