"""vireid genotype."""

from __future__ import annotations

import json
import math
from pathlib import Path

import pytest

from tests.commands.runs import run
from vireid import Genotype
from vireid.models import ResNet
from vireid.search import BNSeparation, INPlacement, resolve_genotype
from vireid.search.provenance import with_site_provenance

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


def test_show_tells_the_cost_that_the_file_tells(capsys: Capsys, stem: Path) -> None:
    out = run(capsys, "genotype", "show", stem).out
    assert "The file tells no cost; --cost asks its search space." in out
    told = with_site_provenance(SPACE, Genotype.load(stem))
    told.save(stem)
    out = run(capsys, "genotype", "show", stem).out
    for name, value in SPACE.cost(told).items():
        row = next(line for line in out.splitlines() if f" {name.replace('_', ' ')} " in line)
        assert (f"{value:,}" if isinstance(value, int) else f"{value:.4f}") in row
    assert "free choices" not in out
    row = next(line for line in out.splitlines() if " bn1 " in line)
    assert [cell.strip() for cell in row.strip("│").split("│")] == ["bn1", "separate_bn", "16", "1"]  # 8 channels: a weight and a bias more
    assert " layer1.0.bn1 " not in out


def test_show_tells_no_cost_of_sites_that_the_file_does_not_tell(capsys: Capsys, stem: Path) -> None:
    told = with_site_provenance(SPACE, Genotype.load(stem))
    before = {key: value for key, value in told.provenance.items() if key != "site_costs"}  # as files were written before
    Genotype(told.space, told.choices, before).save(stem)
    out = run(capsys, "genotype", "show", stem).out
    assert "extra parameters" in out
    assert "What sites add" not in out


@pytest.mark.parametrize("flag", [["--cost"], ["--cost", "true"], ["--cost=true"]])
def test_show_asks_the_space_for_the_cost(capsys: Capsys, stem: Path, flag: list[str]) -> None:
    asked = run(capsys, "genotype", "show", stem, *flag).out
    with_site_provenance(SPACE, Genotype.load(stem)).save(stem)
    assert asked == run(capsys, "genotype", "show", stem).out
    assert "runtime elements" in asked


def test_show_tells_ties(capsys: Capsys, tmp_path: Path) -> None:
    space, path = INPlacement("resnet10", width=8, tie="block"), tmp_path / "tied.json"
    space.baselines()["all_in"].save(path)
    sentence = "5 free choices; tied: layer1.0 (2), layer2.0 (3), layer3.0 (3), layer4.0 (3)"
    assert "tied" not in run(capsys, "genotype", "show", path).out.replace("tied.json", "")
    assert sentence in run(capsys, "genotype", "show", path, "--cost").out
    with_site_provenance(space, Genotype.load(path)).save(path)
    assert sentence in run(capsys, "genotype", "show", path).out


def test_names_in_a_file_are_text_and_no_markup(capsys: Capsys, stem: Path) -> None:
    provenance = {"cost": {"[/red]": 1}, "site_costs": {"bn1": {"[/blue]": 2}}}
    Genotype({"class_path": "mylib.Space"}, {"bn1": "[/green]"}, provenance).save(stem)
    out = run(capsys, "genotype", "show", stem).out
    assert all(name in out for name in ("[/red]", "[/blue]", "[/green]"))


def test_show_draws_what_fits_no_space(capsys: Capsys, stem: Path) -> None:
    done = run(capsys, "genotype", "show", changed(stem, bn1="ibn"), "--cost")
    assert done.code == 0
    assert "12 sites: 1 ibn, 11 shared_bn" in done.out
    assert "No cost: The genotype does not fit BNSeparation: bn1 cannot be 'ibn'" in done.out


def test_lists_of_a_trunk_by_its_class(capsys: Capsys, tmp_path: Path) -> None:
    space = BNSeparation(ResNet("resnet18", last_stride=2))
    space.baseline("stem_separate").save(tmp_path / "trunk.json")
    assert run(capsys, "genotype", "show", tmp_path / "trunk.json").code == 0
    assert run(capsys, "genotype", "convert", tmp_path / "trunk.json", tmp_path / "list.cfg").code == 0
    assert resolve_genotype(tmp_path / "list.cfg", space) == space.baseline("stem_separate")


def test_show_draws_a_space_that_it_cannot_import(capsys: Capsys, stem: Path) -> None:
    """Of a trunk given by its class, or of a class of the user's."""
    content = json.loads(stem.read_text())
    trunk = {"class_path": "mylib.MyTrunk", "init_args": {"depth": 3}}
    content["space"] = {"class_path": "mylib.MySpace", "init_args": {"backbone": trunk}}
    content["provenance"] = {"stages": dict.fromkeys(content["choices"], 1)}
    stem.write_text(json.dumps(content))
    done = run(capsys, "genotype", "show", stem)
    assert done.code == 0
    assert "12 sites: 1 separate_bn, 11 shared_bn" in done.out
    assert "stem" not in done.out.replace("stem.json", "")
    assert run(capsys, "genotype", "convert", stem, stem.with_name("again.json")).code == 0
    assert Genotype.load(stem.with_name("again.json")).space == content["space"]


@pytest.mark.parametrize(
    "facts",
    [
        {"ties": 5, "cost": 5, "stages": 5, "site_costs": 5},
        {"ties": {"a": [["b"]]}, "cost": {"parameters": "many"}, "stages": {"bn1": "x"}, "site_costs": {"bn1": 5, "absent": {"x": 1}}},
    ],
)
def test_show_passes_over_facts_of_another_form(capsys: Capsys, shared: Path, facts: dict[str, object]) -> None:
    content = json.loads(shared.read_text())
    content["provenance"] |= facts
    shared.write_text(json.dumps(content))
    done = run(capsys, "genotype", "show", shared)
    assert done.code == 0
    assert "tells no cost" in done.out
    assert "What sites add" not in done.out
    assert "stem" in done.out


def test_show_tells_how_sure_the_search_was(capsys: Capsys, shared: Path) -> None:
    assert "sure" not in run(capsys, "genotype", "show", shared).out
    content = json.loads(shared.read_text())
    table = {site: [1.0, 0.0] for site in content["choices"]}
    content["provenance"]["probabilities"] = {**table, "bn1": [0.5, 0.5], "layer1.0.bn2": [0.7, 0.3]}
    shared.write_text(json.dumps(content))
    out = run(capsys, "genotype", "show", shared).out
    cells = {line.split()[1]: line.split()[3::2] for line in out.splitlines() if line.startswith("│ ") and line.count("│") == 5}
    assert cells["stem"] == ["1", "0.000", f"{math.log(2):.3f}"]
    assert cells["layer1"][1] == "0.700"  # (1 + 0.4) / 2
    assert cells["all"] == ["12", f"{(10 + 0.4) / 12:.3f}", f"{(math.log(2) - 0.7 * math.log(0.7) - 0.3 * math.log(0.3)) / 12:.3f}"]
    assert "Least certain: bn1 (0.000), layer1.0.bn2 (0.400), layer1.0.bn1 (1.000)" in out


@pytest.mark.parametrize(
    "table",
    [5, [], {"bn1": 5}, {"bn1": []}, {"bn1": [0.5]}, {"bn1": [2, -1]}, {"bn1": ["a", "b"]}, {"bn1": [True, False]}, {"x": [0.5, 0.5]}],
)
def test_show_passes_over_what_is_no_probability(capsys: Capsys, shared: Path, table: object) -> None:
    content = json.loads(shared.read_text())
    content["provenance"]["probabilities"] = table
    shared.write_text(json.dumps(content))
    done = run(capsys, "genotype", "show", shared)
    assert done.code == 0
    assert "sure" not in done.out


def test_lists_of_other_backbones(capsys: Capsys, tmp_path: Path) -> None:
    (tmp_path / "x.cfg").write_text(" ".join("01"[i % 2] for i in range(20)))
    (tmp_path / "y.cfg").write_text(" ".join("1" for i in range(20)))
    for command in (("show", "x.cfg"), ("validate", "x.cfg"), ("diff", "x.cfg", "y.cfg")):
        words = ["genotype", command[0], *(tmp_path / name for name in command[1:])]
        assert "has 53 sites" in run(capsys, *words).err
        done = run(capsys, *words, "--backbone", "resnet18")
        assert done.code == (1 if command[0] == "diff" else 0)
        assert {"show": "20 sites: 10 sep", "validate": "is a valid", "diff": "10 sites differ"}[command[0]] in done.out


def test_validate_names_broken_ties(capsys: Capsys, tmp_path: Path) -> None:
    INPlacement("resnet10", width=8, tie="block").baselines()["all_in"].save(tmp_path / "tied.json")
    done = run(capsys, "genotype", "validate", changed(tmp_path / "tied.json", **{"layer1.0.bn2": "ibn", "bn1": "gn"}))
    assert done.code == 2
    assert "the sites of layer1.0 are tied but differ (layer1.0.bn1 in, layer1.0.bn2 ibn)" in done.err
    assert "bn1 cannot be 'gn'" in done.err


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
    assert "`target` must end in .json or .cfg or .txt" in done.err
    assert not (tmp_path / "stem.yaml").exists()
    done = run(capsys, "genotype", "convert", stem, tmp_path / "stem.json5", "--to", "cdnet")
    assert "`target` must end in .json, got" in done.err
    done = run(capsys, "genotype", "convert", stem, tmp_path / "other.json", "--to", "darts")
    assert "`to` must be one of vireid, cdnet, cm_nas, osnet_ain" in done.err


def test_convert_files_of_cdnet(capsys: Capsys, stem: Path, tmp_path: Path) -> None:
    layers = [[3, 7, 1], [5, 9, 2], [3, 5, 2], [7, 9, 1], [5, 7, 1], [3, 9, 2]]
    (tmp_path / "published.json").write_text(json.dumps({"layers": layers}))
    assert run(capsys, "genotype", "convert", tmp_path / "published.json", tmp_path / "ours.json").code == 0
    genotype = Genotype.load(tmp_path / "ours.json")
    assert list(genotype.choices.values()) == ["3x7-1", "5x9-2", "3x5-2", "7x9-1", "5x7-1", "3x9-2"]
    assert run(capsys, "genotype", "convert", tmp_path / "ours.json", tmp_path / "back.json", "--to", "cdnet").code == 0
    assert json.loads((tmp_path / "back.json").read_text()) == {"layers": layers}
    assert run(capsys, "genotype", "diff", tmp_path / "published.json", tmp_path / "ours.json").code == 0
    done = run(capsys, "genotype", "convert", stem, tmp_path / "other.json", "--to", "cdnet")
    assert (done.code, "holds points of CombinedDepth" in done.err) == (2, True)


def test_convert_lists_of_osnet_ain(capsys: Capsys, stem: Path, tmp_path: Path) -> None:
    names = "OSBlockINv1 OSBlockINv1 OSBlock OSBlockINv2 OSBlockINv3 OSBlock"
    (tmp_path / "found.txt").write_text(names)
    backbone = ("--backbone", "osnet_ain_x0_5")
    assert run(capsys, "genotype", "convert", tmp_path / "found.txt", tmp_path / "ours.json", *backbone).code == 0
    genotype = Genotype.load(tmp_path / "ours.json")
    assert list(genotype.choices.values()) == ["in", "in", "none", "out", "inout", "none"]
    assert genotype.space["init_args"] == {"width": "x0_5"}
    assert run(capsys, "genotype", "convert", tmp_path / "ours.json", tmp_path / "back.txt").code == 0
    assert (tmp_path / "back.txt").read_text() == names + "\n"
    assert run(capsys, "genotype", "validate", tmp_path / "back.txt").code == 0
    done = run(capsys, "genotype", "convert", tmp_path / "found.txt", tmp_path / "other.json", "--backbone", "resnet50")
    assert (done.code, "must be one of osnet_ain_x1_0, osnet_ain_x0_75" in done.err) == (2, True)
    done = run(capsys, "genotype", "convert", stem, tmp_path / "other.txt")
    assert (done.code, "needs a placement for each of conv2.0" in done.err) == (2, True)


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
        ("odd.txt", "OSBlock Block", "found Block"),
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
