"""The documented form of result files: what a test writes fits its description, and what does not fit is refused."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import jsonschema
import numpy as np
import pytest
from referencing import Registry, Resource

import vireid.results
from tests.results.tested import FinishedTest

SCHEMAS = Path(vireid.results.__file__).parent / "schemas"
KINDS = {"integer": "iu", "real": "f", "text": "U", "bool": "b"}


def validator(name: str) -> jsonschema.Draft202012Validator:
    found = {path.name: json.loads(path.read_text()) for path in SCHEMAS.glob("*.json")}
    registry: Any = Registry().with_resources([(schema["$id"], Resource.from_contents(schema)) for schema in found.values()])
    return jsonschema.Draft202012Validator(found[f"{name}.schema.json"], registry=registry)


def documented(section: str) -> dict[str, tuple[int, str]]:
    """Number of axes and kind of every array that the README names, by a pattern of its name."""
    text = (SCHEMAS / "README.md").read_text().split(f"## {section}")[1].split("\n## ")[0]
    rows = re.findall(r"^\| `([^`]+)` \|([^|]*)\| (\w+) \|", text, re.MULTILINE)
    return {
        re.sub(r"\\\.[RT]\b", r"\\.\\d+", re.escape(name)): (len(shape.split(",")) if shape.strip() else 0, kind)
        for name, shape, kind in rows
    }


@pytest.mark.parametrize(("section", "file"), [("queries.npz", "queries.npz"), ("embeddings.npz", "embeddings.npz")])
def test_every_array_is_described(tested: FinishedTest, section: str, file: str) -> None:
    known = documented(section)
    with np.load(tested.folder / file) as arrays:
        for name, array in arrays.items():
            (axes, kind), *others = [told for pattern, told in known.items() if re.fullmatch(pattern, name)]
            assert not others
            assert (array.ndim, array.dtype.kind in KINDS[kind]) == (axes, True), name
        written = list(arrays)
    missing = [pattern for pattern in known if not any(re.fullmatch(pattern, name) for name in written)]
    assert all(name.startswith(("people", "embeddings_flip")) for name in missing), missing  # the people here have numbers


def test_metrics_and_genotype_fit_their_schemas(tested: FinishedTest) -> None:
    metrics = json.loads((tested.folder / "metrics.json").read_text())
    validator("metrics").validate(metrics)
    validator("genotype").validate(metrics["genotype"])
    assert metrics["genotype"]["choices"]["bn1"] == "separate_bn"
    assert metrics["root"] == metrics["data"]["init_args"]["root"]


@pytest.mark.parametrize(
    "change",
    [
        {"format": "other"},
        {"version": 2},
        {"results": [{}]},
        {"genotype": {"format": "vireid.genotype", "version": 1, "space": {}, "choices": {"a": "b"}}},
        {"genotype": {"format": "vireid.genotype", "version": 1, "space": {"class_path": "x"}, "choices": {"a": 1}}},
    ],
)
def test_the_schemas_refuse(tested: FinishedTest, change: dict[str, Any]) -> None:
    metrics = json.loads((tested.folder / "metrics.json").read_text())
    assert not validator("metrics").is_valid({**metrics, **change})
