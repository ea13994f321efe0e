"""vireid genotype."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.commands.runs import run
from vireid import Genotype
from vireid.search import BNSeparation

SPACE = BNSeparation("resnet10", width=8)
Capsys = pytest.CaptureFixture[str]


@pytest.fixture
def shared(tmp_path: Path) -> Path:
    genotype = SPACE.baselines()["all_shared"]
    Genotype(genotype.space, genotype.choices, {"seed": 7, "epoch": 3, "data": {"dataset": "sysu", "search_pids": [1, 2]}}).save(
        tmp_path / "shared.json"
    )
    return tmp_path / "shared.json"


@pytest.fixture
def stem(tmp_path: Path) -> Path:
    SPACE.baselines()["stem_separate"].save(tmp_path / "stem.json")
    return tmp_path / "stem.json"


def changed(path: Path, **choices: str) -> Path:
    content = json.loads(path.read_text())
    content["choices"].update(choices)
    path.write_text(json.dumps(content))
    return path


def test_show_draws_every_site_and_counts(capsys: Capsys, stem: Path, shared: Path) -> None:
    done = run(capsys, "genotype", "show", stem)
    assert done.code == 0
    assert (done.out.count("█"), done.out.count("·")) == (1 + 1, 11 + 1)  # sites and legend
    assert "12 sites: 1 separate_bn, 11 shared_bn" in done.out
    done = run(capsys, "genotype", "show", shared)
    assert "seed: 7" in done.out
    assert "epoch: 3" in done.out
    assert "data: {'dataset': 'sysu'}" in done.out  # without the list of identities


def test_show_reads_lists(capsys: Capsys, tmp_path: Path) -> None:
    (tmp_path / "x.cfg").write_text(" ".join("01"[i % 2] for i in range(53)))
    assert "53 sites: 27 separate_bn, 26 shared_bn" in run(capsys, "genotype", "show", tmp_path / "x.cfg").out


def test_diff_of_equal_and_of_different_genotypes(capsys: Capsys, stem: Path, shared: Path) -> None:
    done = run(capsys, "genotype", "diff", shared, shared)
    assert (done.code, done.out) == (0, "The genotypes are equal.\n")
    done = run(capsys, "genotype", "diff", shared, stem)
    assert done.code == 1
    assert "1 sites differ" in done.out
    row = next(line for line in done.out.splitlines() if "bn1" in line)
    assert row.index("shared_bn") < row.index("separate_bn")


def test_validate(capsys: Capsys, stem: Path) -> None:
    done = run(capsys, "genotype", "validate", stem)
    assert done.code == 0
    assert "is a valid genotype of vireid.search.BNSeparation" in done.out


def test_validate_lists_everything_that_is_wrong(capsys: Capsys, stem: Path) -> None:
    changed(stem, **{"layer1.0.bn3": "shared_bn", "bn1": "ibn"})
    done = run(capsys, "genotype", "validate", stem)
    assert done.code == 2
    assert "there is no site 'layer1.0.bn3'" in done.err
    assert "bn1 cannot be 'ibn', only shared_bn or separate_bn" in done.err


@pytest.mark.parametrize("space", ["os.system", "vireid.losses.CrossEntropy", "vireid.search.Absent"])
def test_validate_imports_nothing_foreign(capsys: Capsys, stem: Path, space: str) -> None:
    content = json.loads(stem.read_text())
    content["space"] = {"class_path": space, "init_args": {}}
    stem.write_text(json.dumps(content))
    done = run(capsys, "genotype", "validate", stem)
    assert done.code == 2
    assert space in done.err


def test_convert_there_and_back(capsys: Capsys, stem: Path, tmp_path: Path) -> None:
    assert run(capsys, "genotype", "convert", stem, tmp_path / "stem.cfg").code == 0
    assert (tmp_path / "stem.cfg").read_text() == "0" + " 1" * 11 + "\n"
    assert run(capsys, "genotype", "convert", tmp_path / "stem.cfg", tmp_path / "back.json", "--backbone", "resnet10").code == 0
    assert Genotype.load(tmp_path / "back.json").choices == {**Genotype.load(stem).choices}


def test_convert_never_overwrites(capsys: Capsys, stem: Path, shared: Path) -> None:
    before = shared.read_bytes()
    done = run(capsys, "genotype", "convert", stem, shared)
    assert done.code == 2
    assert "exists, and nothing is overwritten" in done.err
    assert shared.read_bytes() == before


def test_convert_names_the_endings_it_knows(capsys: Capsys, stem: Path, tmp_path: Path) -> None:
    done = run(capsys, "genotype", "convert", stem, tmp_path / "stem.yaml")
    assert done.code == 2
    assert "`target` must end in .json or .cfg" in done.err
    assert not (tmp_path / "stem.yaml").exists()


@pytest.mark.parametrize("command", ["show", "validate"])
@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("absent.json", None, "There is no genotype file"),
        ("absent.cfg", None, "There is no genotype file"),
        ("bad.json", "{", "is not a JSON file"),
        ("bad.json", "{}", "is not a genotype"),
        ("new.json", '{"format": "vireid.genotype", "version": 2}', "newer vireid: upgrade"),
        ("short.cfg", "0 1", "holds 2 values, but resnet50 has 53 sites"),
        ("odd.cfg", "2 " * 53, "may hold only 0 (separate) and 1 (shared), found 2"),
    ],
)
def test_files_that_cannot_be_read(capsys: Capsys, tmp_path: Path, command: str, name: str, content: str | None, message: str) -> None:
    if content is not None:
        (tmp_path / name).write_text(content)
    done = run(capsys, "genotype", command, tmp_path / name)
    assert done.code == 2
    assert message in done.err
    assert done.err.startswith("vireid: error: ")


def test_an_unknown_backbone_is_named(capsys: Capsys, tmp_path: Path) -> None:
    (tmp_path / "x.cfg").write_text("0 1")
    done = run(capsys, "genotype", "convert", tmp_path / "x.cfg", tmp_path / "x.json", "--backbone", "resnet9")
    assert done.code == 2
    assert "`backbone` must be one of" in done.err
