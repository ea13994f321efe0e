"""Genotype files of the published CNet and CDNet code."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.golden.cdnet import golden
from vireid.commands.configs import packaged_configs
from vireid.errors import GenotypeError, MissingFileError
from vireid.search import BNSeparation, CombinedDepth, load_cdnet_genotype, save_cdnet_genotype
from vireid.search.genotype_files.cdnet import is_cdnet_file
from vireid.structures import Genotype
from vireid.tasks import RetrainModule

PLANES = (8, 16, 16, 16)
MADE_UP = [[3, 7, 1], [5, 9, 2], [3, 5, 2], [7, 9, 1], [5, 7, 1], [3, 9, 2]]


def test_published_files(tmp_path: Path) -> None:
    source, target = tmp_path / "best_genotype.json", tmp_path / "again.json"
    source.write_text(json.dumps({"layers": MADE_UP}))
    genotype = load_cdnet_genotype(source)
    assert list(genotype.choices.values()) == ["3x7-1", "5x9-2", "3x5-2", "7x9-1", "5x7-1", "3x9-2"]
    save_cdnet_genotype(genotype, target)
    assert json.loads(target.read_text()) == {"layers": MADE_UP}
    assert target.read_text().startswith('{\n    "layers"')
    save_cdnet_genotype(genotype, target, alphas=[[0.5] * 12] * 6)
    loaded = load_cdnet_genotype(target)
    assert loaded == genotype
    assert loaded.provenance["alphas1"] == [[0.5] * 12] * 6
    save_cdnet_genotype(loaded, source)
    assert source.read_text() == target.read_text()


def test_training_takes_a_published_file(tmp_path: Path) -> None:
    source, ours = tmp_path / "best_genotype.json", tmp_path / "genotype.json"
    source.write_text(json.dumps({"layers": [layer[:2] for layer in MADE_UP]}))
    space = CombinedDepth("cnet", planes=PLANES)
    module = RetrainModule(4, str(source), space, None)
    assert module.genotype == load_cdnet_genotype(source, space)
    module.genotype.save(ours)
    assert not is_cdnet_file(ours)
    assert not is_cdnet_file(tmp_path / "nothing.json")
    assert RetrainModule(4, str(ours), None, None).genotype == module.genotype
    with pytest.raises(GenotypeError, match=r"belongs to 'vireid.search.CombinedDepth', not to 'vireid.search.BNSeparation'"):
        RetrainModule(4, str(source), BNSeparation("resnet10", width=8), None)


@pytest.mark.parametrize("operations", ["cdnet", "cnet"])
def test_published_genotypes_are_shipped_as_files(operations: Any) -> None:
    path = packaged_configs() / "cdnet" / "genotypes" / f"{operations}.json"
    assert load_cdnet_genotype(path) == CombinedDepth(operations).baseline("published")
    assert json.loads(path.read_text())["layers"] == golden("complexity")[f"{operations}/published_layers"].tolist()


def test_pairs_are_cnet_and_a_space_may_be_given(tmp_path: Path) -> None:
    path = tmp_path / "genotype.json"
    path.write_text(json.dumps({"layers": [layer[:2] for layer in MADE_UP]}))
    assert load_cdnet_genotype(path).space == CombinedDepth("cnet").settings()
    space = CombinedDepth("cnet", width=0.5)
    assert load_cdnet_genotype(path, space).space == space.settings()


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ({"layers": MADE_UP[:5]}, "holds 5 layers, but this CombinedDepth has 6"),
        ({"layers": []}, "holds 0 layers"),
        ({"layers": [*MADE_UP[:5], [3, 9, 3]]}, r"does not have: \[\[3, 9, 3\]\]; it has 3x5-1"),
        ({"layers": [*MADE_UP[:5], [5, 3, 1]]}, r"does not have: \[\[5, 3, 1\]\]"),
        ({"layers": [*MADE_UP[:5], [3, 5]]}, r"does not have: \[\[3, 5\]\]"),
        ({"layers": [3, 5]}, "is not a genotype of CNet or CDNet"),
        ({"layers": [["3", 5]]}, "is not a genotype of CNet or CDNet"),
        ({"alphas1": []}, 'expected "layers"'),
        ([], 'expected "layers"'),
    ],
)
def test_damaged_files(tmp_path: Path, content: Any, message: str) -> None:
    path = tmp_path / "genotype.json"
    path.write_text(json.dumps(content))
    with pytest.raises(GenotypeError, match=message):
        load_cdnet_genotype(path)


def test_files_that_are_none(tmp_path: Path) -> None:
    with pytest.raises(MissingFileError, match="There is no genotype file"):
        load_cdnet_genotype(tmp_path / "nothing.json")
    (tmp_path / "text.json").write_text("layers")
    with pytest.raises(GenotypeError, match="is not a JSON file"):
        load_cdnet_genotype(tmp_path / "text.json")
    other = BNSeparation("resnet10", width=8)
    with pytest.raises(GenotypeError, match=r"holds points of CombinedDepth, this is one of vireid.search.BNSeparation"):
        save_cdnet_genotype(other.baselines()["all_shared"], tmp_path / "out.json")
    small = CombinedDepth("cnet", planes=PLANES)
    with pytest.raises(GenotypeError, match=r"no choice for cells.1"):
        save_cdnet_genotype(Genotype(small.settings(), {"cells.0": "3x5"}), tmp_path / "out.json")


def test_the_space_of_a_file_is_what_the_space_says(tmp_path: Path) -> None:
    """Fewer stages and operations than the published ones, read with the space and written without building it."""
    path = tmp_path / "genotype.json"
    path.write_text(json.dumps({"layers": [[3, 5], [5, 7], [3, 7]]}))
    space = CombinedDepth("cnet_3", planes=PLANES[:3], stages=(2, 1))
    genotype = load_cdnet_genotype(path, space)
    assert dict(genotype.choices) == {"cells.0": "3x5", "cells.1": "5x7", "cells.3": "3x7"}
    space.validate(genotype)
    save_cdnet_genotype(genotype, tmp_path / "again.json")
    assert json.loads((tmp_path / "again.json").read_text())["layers"] == [[3, 5], [5, 7], [3, 7]]
    path.write_text(json.dumps({"layers": [[3, 5], [5, 7], [3, 9]]}))
    with pytest.raises(GenotypeError, match=r"does not have: \[\[3, 9\]\]; it has 3x5, 3x7, 5x7"):
        load_cdnet_genotype(path, space)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"operations": "cdnet_6"}, "`operations` of CombinedDepth must be one of cdnet, .*, got 'cdnet_6'"),
        ({"stages": [2, "2"]}, r"`stages` of CombinedDepth must be numbers of blocks, such as \[2, 2, 2\], got"),
        ({"stages": 3}, "`stages` of CombinedDepth"),
    ],
)
def test_spaces_that_no_file_holds(tmp_path: Path, arguments: dict[str, Any], message: str) -> None:
    genotype = Genotype({"class_path": "vireid.search.CombinedDepth", "init_args": arguments}, {"cells.0": "3x5"})
    with pytest.raises(GenotypeError, match=message):
        save_cdnet_genotype(genotype, tmp_path / "out.json")
