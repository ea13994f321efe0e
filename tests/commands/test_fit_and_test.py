"""Every packaged configuration, and the way from a search to a tested child, through the program itself."""

from __future__ import annotations

import json
import math
import re
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import yaml

from tests.commands.runs import SEARCH, SPACE, everything, logged, results, run, small
from vireid import Genotype, RegDBDataModule, RetrainModule, SearchModule, SYSUDataModule
from vireid.cli import main
from vireid.commands.configs import packaged_configs
from vireid.settings import instantiate
from vireid.tasks import ReIDModule, read_checkpoint

CONFIGS = packaged_configs()
NAMES = sorted(str(path.relative_to(CONFIGS)) for path in CONFIGS.rglob("*.yaml"))
DATA = [name for name in NAMES if name.startswith("data/") and name not in ("data/cifar100.yaml", "data/imagenet.yaml")]  # of people
TINY = {"class_path": "vireid.models.ResNet", "init_args": {"name": "resnet10", "last_stride": 1, "width": 8}}
MODELS = [name for name in NAMES if name.startswith(("search/", "train/"))]  # study/ is for another command
MODELS.remove("search/shortlist.yaml")  # takes no step of its own: test_shortlist.py
ONE_MODALITY = ("data/dukemtmc.yaml", "data/market1501.yaml", "data/msmt17.yaml")
# no SP, no CMMD, no EMA
WITHOUT_CONSISTENCY = (
    "train/agw.yaml",
    "train/agw_base.yaml",
    "train/caj.yaml",
    "train/caj_plus.yaml",
    "train/all_shared.yaml",
    "train/cdnet.yaml",
    "train/iv_reid_regdb.yaml",
    "train/iv_reid_sysu.yaml",
    "train/osnet_ain.yaml",
    "train/single_modality.yaml",
    "train/cgrnet_full.yaml",
    "train/cgrnet_released.yaml",
    "train/combined.yaml",
    "train/hhrg.yaml",
)
OF_CM_NAS = "vireid.search.BNSeparation"  # of a file that keeps the class of the one below
OTHER_SPACES = ("search/in_placement.yaml", "search/joint_norm.yaml")
NARROW = ("--model.space.init_args.operations=cnet_3", "--model.space.init_args.planes=[8,16,16,16]")
OWN = {  # other spaces, schedules as short as the run, and a trunk that may move in the second epoch
    "search/cdnet.yaml": (*NARROW, "--model.strategy.architecture_optimizer.schedule.milestones=[1]"),
    "train/cdnet.yaml": (*NARROW, "--model.genotype=all_3x5"),
    "search/osnet_ain.yaml": ("--model.space.init_args.width=x0_25",),
    "train/hhrg.yaml": (*SPACE, "--model.head.init_args.stripes=2"),  # of a map with two rows
    "train/osnet_ain.yaml": ("--model.space.init_args.width=x0_25", "--trainer.callbacks.init_args.epochs=1"),
}
FEWER = ("--model.derivation.budget=3", "--model.derivation.population=2", "--model.derivation.tournament=2")
ONE_SHOT = ("search/one_shot.yaml", "search/laptop_one_shot.yaml")
BELOW = dict.fromkeys(("search/laptop.yaml", *OTHER_SPACES), "search/cm_nas.yaml") | {  # configurations that lie on top of another
    "search/laptop_one_shot.yaml": "search/one_shot.yaml",
    **dict.fromkeys(("train/laptop.yaml", "train/stop_early.yaml"), "train/cm_nas.yaml"),
}
Capsys = pytest.CaptureFixture[str]
pytestmark = pytest.mark.filterwarnings("ignore:.*hold fewer than 10 images:UserWarning")  # the trees are meant to be tiny


@dataclass(frozen=True)
class Trees:
    """Roots of tiny data, by the name of a data configuration."""

    roots: dict[str, Path]

    def __getitem__(self, config: str) -> list[str]:
        root = self.roots[Path(config).stem]
        drawing = ["identities=12", "test_identities=4", "images=1", "image_height=32", "image_width=16"]
        return ["-c", config, f"--data.root={root}", *(f"--data.{word}" for word in drawing if "synthetic" in config)]


@pytest.fixture(scope="session")
def trees(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Trees:
    synthetic = tmp_path_factory.mktemp("synthetic") / "drawn"
    same = {name: request.getfixturevalue(f"{name}_root") for name in ("sysu", "regdb", "folder", "llcm", "msmt17")}
    others = {"market1501": request.getfixturevalue("market_root"), "dukemtmc": request.getfixturevalue("duke_root")}
    return Trees({**same, **others, "synthetic": synthetic})


def model_words(config: str) -> list[str]:
    """Options that make a model configuration small; a laptop's sizes come on top of the others."""
    if config in OWN:
        return ["-c", config, *OWN[config]]
    below = ["-c", BELOW[config]] if config in BELOW else []
    if config.startswith("train/"):
        return [*below, "-c", config, *SPACE]
    if config in ONE_SHOT:
        return [*below, "-c", config, *SPACE, "--data.heldout_fraction=0.5", *FEWER]
    small = SEARCH[1:] if config in OTHER_SPACES else SEARCH  # SEARCH[0] names the space
    unconfirmed = ["--model.derivation=vireid.search.Argmax", "--trainer.check_val_every_n_epoch=1"]  # too few people to confirm
    of_cm_nas = config == "search/cm_nas.yaml" or below
    return [*below, "-c", config, *small, "--data.heldout_fraction=0.5", *(unconfirmed if of_cm_nas else [])]


def last(folder: Path) -> Path:
    return folder / "checkpoints" / "last.ckpt"


def saved(folder: Path) -> dict[str, torch.Tensor]:
    state: dict[str, torch.Tensor] = read_checkpoint(last(folder))["state_dict"]
    return state


def fresh(folder: Path) -> ReIDModule:
    """The module as it was before its first step."""
    module: ReIDModule = instantiate({**read_checkpoint(last(folder))["vireid"]["model"]}, weights=None)
    return module


def check_run(folder: Path) -> None:
    """Losses are finite, weights moved, configuration and checkpoint agree."""
    columns = logged(folder)
    losses = {name: values for name, values in columns.items() if name.startswith(("train/", "search/"))}
    assert losses
    assert all(math.isfinite(value) for values in losses.values() for value in values)
    before, after = fresh(folder).state_dict(), saved(folder)
    moved = {name for name, value in after.items() if not torch.equal(value, before[name])}
    assert any(name.endswith(("conv1.weight", "conv1.op.0.weight")) for name in moved)
    assert any("classifier" in name for name in moved)
    assert all(torch.isfinite(value).all() for value in after.values())


def embeddings(folder: Path) -> Any:
    return np.load(folder / "embeddings.npz")


# --- every file in configs/ ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("config", MODELS)
def test_model_configurations(config: str, trees: Trees, tmp_path: Path) -> None:
    folder = tmp_path / "run"
    main(["fit", *trees["data/regdb.yaml"], *model_words(config), "-c", str(small(tmp_path)), "--run_dir", str(folder)])
    check_run(folder)
    columns = logged(folder)
    if config.startswith("search/"):
        assert "search/entropy" in columns
        searched, genotype = SearchModule.load_from_checkpoint(last(folder)), Genotype.load(folder / "genotype.json")
        for name in ("search/architecture_loss", "search/temperature"):
            assert (name in columns) == (config not in ONE_SHOT)
        assert len(genotype.provenance["derivation"].get("scores", [])) == searched.derivation.evaluations(searched.space.sites())
        space = genotype.space
        wanted_space = yaml.safe_load((CONFIGS / config).read_text())["model"]["init_args"]["space"]
        assert space["class_path"] == (wanted_space if isinstance(wanted_space, str) else wanted_space.get("class_path", OF_CM_NAS))
        assert space["init_args"].get("backbone", TINY) == TINY
    else:
        assert len(columns["train/loss"]) == 2
        others = {"train/cdnet.yaml": {"3x5"}, "train/osnet_ain.yaml": {"none", "in"}}
        wanted = {"train/all_separate.yaml": {"separate_bn"}, **others}.get(config, {"shared_bn"})
        module = RetrainModule.load_from_checkpoint(last(folder))
        assert set(module.genotype.choices.values()) == wanted
        assert {"train/sp", "train/cmmd"} <= set(columns) or config in WITHOUT_CONSISTENCY
        assert (module.ema is None) == (config in (*WITHOUT_CONSISTENCY, "train/laptop.yaml"))
    main(["test", "--ckpt", str(last(folder)), "--run_dir", str(tmp_path / "test")])
    assert set(results(tmp_path / "test")) == {"regdb/visible-to-infrared/trial-1", "regdb/infrared-to-visible/trial-1"}


@pytest.mark.parametrize("config", DATA)
def test_data_configurations(config: str, trees: Trees, tmp_path: Path) -> None:
    folder = tmp_path / "run"
    model = "train/single_modality.yaml" if config in ONE_MODALITY else "train/all_shared.yaml"
    main(["fit", *trees[config], *model_words(model), "-c", str(small(tmp_path)), "--run_dir", str(folder)])
    check_run(folder)
    main(["test", "--ckpt", str(last(folder)), "--run_dir", str(tmp_path / "test")])
    rows = results(tmp_path / "test")
    assert rows
    assert all(protocol.startswith({"synthetic": "sysu"}.get(Path(config).stem, Path(config).stem)) for protocol in rows)
    assert (
        read_checkpoint(last(folder))["vireid"]["data"]["class_path"]
        == yaml.safe_load((CONFIGS / config).read_text())["data"]["class_path"]
    )


@pytest.mark.parametrize("model", ["train/all_shared.yaml", "train/cm_nas.yaml"])
def test_losses_between_modalities_on_one_modality_are_an_error_that_names_them(
    model: str, trees: Trees, tmp_path: Path, capsys: Capsys
) -> None:
    words = ["fit", *trees["data/market1501.yaml"], *model_words(model), "-c", small(tmp_path), "--run_dir", tmp_path / "run"]
    done = run(capsys, *words)
    assert done.code == 2
    assert re.search(r"vireid: error: `\w+` compares visible with infrared rows.*set `model.init_args.losses`", done.err)


PAIRS = [
    pytest.param(model, data, marks=[] if number % len(DATA) == place else pytest.mark.slow, id=f"{model}-{data}")
    for number, model in enumerate(MODELS)
    for place, data in enumerate(DATA)
]
"""Every model with one kind of data, in turn; the others are slow."""


@pytest.mark.parametrize(("model", "data"), PAIRS)
def test_print_config_of_every_combination(data: str, model: str, capsys: Capsys, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    done = run(capsys, "fit", "-c", data, *(word for word in model_words(model) if not word.startswith("--")), "--print_config")
    assert done.code in (0, None)
    printed = yaml.safe_load(done.out)
    files = [yaml.safe_load((CONFIGS / name).read_text()) for name in (data, model)]
    assert printed["data"]["class_path"] == files[0]["data"]["class_path"]
    if "space" in files[1].get("model", {}).get("init_args", {}):
        found, wanted = printed["model"]["init_args"]["space"], files[1]["model"]["init_args"]["space"]
        wanted = {"class_path": wanted} if isinstance(wanted, str) else wanted
        assert found["class_path"] == wanted.get("class_path", OF_CM_NAS)
        assert {**found["init_args"], **wanted.get("init_args", {})} == found["init_args"]
    for key, value in files[1].get("trainer", {}).items():
        if key.endswith("+"):  # added to those of earlier files
            assert len(printed["trainer"][key.removesuffix("+")]) >= len(value)
        else:
            assert printed["trainer"][key] == value
    (tmp_path / "printed.yaml").write_text(done.out)
    again = run(capsys, "fit", "-c", "printed.yaml", "--print_config")
    assert yaml.safe_load(again.out) == printed
    assert [path.name for path in tmp_path.iterdir()] == ["printed.yaml"]


# --- search, retrain, test ----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Story:
    """A search, the child that was retrained from its genotype, and its first test.

    Attributes:
        search, child, test: their folders; the search's genotype is gone and the child's checkpoint was moved.
        checkpoint: where the child's checkpoint lies now.
        genotype: what the search found.
        small: configuration of the sizes.
    """

    search: Path
    child: Path
    test: Path
    checkpoint: Path
    genotype: Genotype
    small: Path


@pytest.fixture(scope="module")
def story(trees: Trees, tmp_path_factory: pytest.TempPathFactory) -> Story:
    folder = tmp_path_factory.mktemp("story")
    sizes = small(folder)
    data, ends = trees["data/sysu.yaml"], ["-c", str(sizes), "--seed_everything", "5"]
    search, child, elsewhere = folder / "search", folder / "child", folder / "elsewhere"
    searching = ["--model.strategy.warmup_epochs=2", "--trainer.max_epochs=4", "--data.validation=heldout", "--data.trials=2"]
    main(["fit", *data, *model_words("search/cm_nas.yaml"), *ends, *searching, "--run_dir", str(search)])
    found = search / "genotype.json"
    main(["fit", *data, "-c", "train/cm_nas.yaml", *ends, f"--model.genotype={found}", "--run_dir", str(child)])
    genotype = Genotype.load(found)
    found.unlink()
    elsewhere.mkdir()
    checkpoint = shutil.move(last(child), elsewhere / "child.ckpt")
    main(["test", "--ckpt", str(checkpoint)])
    return Story(search, child, elsewhere / "test-1", checkpoint, genotype, sizes)


def test_logits_rest_in_warm_up_and_move_afterwards(story: Story) -> None:
    check_run(story.search)
    columns = logged(story.search)
    probabilities = {name: values for name, values in columns.items() if name.startswith("probability/")}
    assert len(probabilities) == 12
    for values in probabilities.values():
        assert values[:2] == [0.5, 0.5]
        assert len(values) == 4
        assert values[2] != 0.5
        assert values[3] != values[2]
    assert len(columns["search/architecture_loss"]) == 2  # of four epochs
    assert columns["search/temperature"] == pytest.approx([5.0, 5.0, 5.0, 0.5])
    assert columns["search/entropy"][1] == pytest.approx(math.log(2))
    assert not torch.equal(saved(story.search)["architecture.logits"], torch.zeros(12, 2))


def test_weights_move_in_warm_up_too(trees: Trees, story: Story, tmp_path: Path) -> None:
    words = [*trees["data/sysu.yaml"], *model_words("search/cm_nas.yaml"), "-c", str(story.small)]
    main(
        [
            "fit",
            *words,
            "--trainer.max_epochs=3",
            "--trainer.limit_train_batches=1",
            "--model.strategy.warmup_epochs=2",
            "--run_dir",
            str(tmp_path / "run"),
        ]
    )
    assert logged(tmp_path / "run")["probability/bn1/separate_bn"][:2] == [0.5, 0.5]
    check_run(tmp_path / "run")


def test_the_genotype_is_the_largest_probability_with_its_provenance(story: Story) -> None:
    genotype = story.genotype
    module = SearchModule.load_from_checkpoint(last(story.search))
    assert genotype.choices == module.derive().choices
    for site, (shared, separate) in genotype.provenance["probabilities"].items():
        assert genotype.choices[site] == ("separate_bn" if separate > shared else "shared_bn")
        assert shared + separate == pytest.approx(1)
    assert (genotype.provenance["seed"], genotype.provenance["epoch"]) == (5, 4)
    assert genotype.provenance["data"]["dataset"] == "sysu"
    assert genotype.provenance["data"]["search_pids"] == [1, 2, 3, 4, 5, 6, 7, 8, 9]


def test_validation_identities_are_scored_after_every_epoch(story: Story) -> None:
    columns = logged(story.search)
    assert len(columns["val/mAP"]) == 4
    assert all(0 <= value <= 1 for value in columns["val/mAP"] + columns["val/rank1"])


def test_the_child_has_the_searched_genotype_and_is_tested_without_its_file(story: Story) -> None:
    module = RetrainModule.load_from_checkpoint(story.checkpoint)
    assert module.genotype == story.genotype
    assert module.genotype.provenance["probabilities"] == story.genotype.provenance["probabilities"]
    rows = results(story.test)
    assert set(rows) == {f"sysu/{search}/{shot}-shot/seeded" for search in ("all", "indoor") for shot in ("single", "multi")}
    assert {row["trials"] for row in rows.values()} == {10}
    content = json.loads((story.test / "metrics.json").read_text())
    assert (content["phase"], content["checkpoint"], content["evaluated_on"]) == ("retrained", "child.ckpt", "test identities")


def test_predicted_embeddings_are_those_of_the_reloaded_module(story: Story, trees: Trees, tmp_path: Path) -> None:
    main(["predict", "--ckpt", str(story.checkpoint), "--run_dir", str(tmp_path / "predict")])
    written = embeddings(tmp_path / "predict")
    assert set(written) == {"embeddings", "paths", "pids", "camids", "modalities"}
    assert len({len(written[name]) for name in written}) == 1
    module = RetrainModule.load_from_checkpoint(story.checkpoint).eval()
    data = SYSUDataModule(trees.roots["sysu"], height=32, width=16, num_workers=0)
    with torch.no_grad():
        rows = torch.cat([module.embed(data.on_after_batch_transfer(batch, 0)) for batch in data.test_dataloader()])
    np.testing.assert_array_equal(written["embeddings"], rows.numpy())
    records = data.evaluation("test").records
    assert written["paths"].tolist() == [record.path for record in records]
    assert written["pids"].tolist() == [record.pid for record in records]
    assert written["camids"].tolist() == [record.camid for record in records]
    assert written["modalities"].tolist() == [int(record.modality) for record in records]
    main(["predict", "--ckpt", str(story.checkpoint), "--run_dir", str(tmp_path / "again")])
    np.testing.assert_array_equal(embeddings(tmp_path / "again")["embeddings"], written["embeddings"])


def test_a_test_never_touches_the_run_and_a_second_one_has_a_folder_of_its_own(story: Story, tmp_path: Path) -> None:
    home = tmp_path / "run"
    shutil.copytree(story.child, home)
    (home / "checkpoints").mkdir(exist_ok=True)
    shutil.copy(story.checkpoint, last(home))
    before = everything(home)
    for number in (1, 2):
        main(["test", "--ckpt_path", str(last(home)), "--data.trials=1"])
        assert {"config.yaml", "metrics.json"} <= set(everything(home / f"test-{number}"))
    assert {name: content for name, content in everything(home).items() if not name.startswith("test-")} == before
    assert results(home / "test-1") == results(home / "test-2")


def test_options_win_over_the_checkpoint(story: Story, trees: Trees, tmp_path: Path) -> None:
    moved = tmp_path / "moved"
    shutil.copytree(trees.roots["sysu"], moved)
    main(["test", "--ckpt", str(story.checkpoint), f"--data.root={moved}", "--data.trials", "2", "--run_dir", str(tmp_path / "out")])
    assert {row["trials"] for row in results(tmp_path / "out").values()} == {2}
    used = yaml.safe_load((tmp_path / "out" / "config.yaml").read_text())
    assert used["data"]["init_args"]["root"] == str(moved)
    assert (used["data"]["init_args"]["height"], used["data"]["init_args"]["trials"]) == (32, 2)
    main(["predict", "--ckpt", str(story.checkpoint), f"--data.root={moved}", "--run_dir", str(tmp_path / "predicted")])
    assert all(path.startswith(str(moved)) for path in embeddings(tmp_path / "predicted")["paths"])


def test_on_other_data_than_it_was_trained_on(story: Story, trees: Trees, tmp_path: Path) -> None:
    sizes = ["--data.height=32", "--data.width=16", "--data.num_workers=0"]
    main(["test", "--ckpt", str(story.checkpoint), *trees["data/regdb.yaml"], "--data.trial=3", *sizes, "--run_dir", str(tmp_path / "out")])
    rows = results(tmp_path / "out")
    assert set(rows) == {"regdb/visible-to-infrared/trial-3", "regdb/infrared-to-visible/trial-3"}
    assert {row["remark"] for row in rows.values()} == {""}


def test_a_search_checkpoint_is_tested_as_the_derived_child(story: Story, tmp_path: Path) -> None:
    main(["test", "--ckpt", str(last(story.search)), "--run_dir", str(tmp_path / "out")])
    assert {row["remark"] for row in results(tmp_path / "out").values()} == {"derived child with inherited weights, not retrained"}


def test_validate_scores_held_out_identities(story: Story, tmp_path: Path) -> None:
    main(["validate", "--ckpt", str(last(story.search)), "--run_dir", str(tmp_path / "out")])
    rows = results(tmp_path / "out")
    assert set(rows) == {"sysu/heldout/infrared-to-visible"}
    assert rows["sysu/heldout/infrared-to-visible"]["mean"]["mAP"] == pytest.approx(logged(story.search)["val/mAP"][-1], abs=1e-6)


def test_a_search_that_saw_test_identities_is_marked(trees: Trees, story: Story, tmp_path: Path) -> None:
    data = RegDBDataModule(trees.roots["regdb"], trial=2, search_split="identity")
    Genotype(story.genotype.space, story.genotype.choices, {"data": data.provenance()}).save(tmp_path / "g.json")
    words = [*trees["data/regdb.yaml"], "-c", "train/cm_nas.yaml", "-c", str(story.small), f"--model.genotype={tmp_path / 'g.json'}"]
    main(["fit", *words, "--trainer.limit_train_batches=1", "--trainer.max_epochs=1", "--run_dir", str(tmp_path / "run")])
    main(["test", "--ckpt", str(last(tmp_path / "run"))])
    assert {row["remark"] for row in results(tmp_path / "run" / "test-1").values()} == {"search saw test identities"}
    main(["test", "--ckpt", str(last(tmp_path / "run")), "--data.trial=2"])  # of people that trial 1 trains on
    assert {row["remark"] for row in results(tmp_path / "run" / "test-2").values()} == {"training saw test identities"}


# --- seeds, folders, resuming -------------------------------------------------------------------------------------------------------


def fit(trees: Trees, folder: Path, sizes: Path, *words: str) -> Path:
    data = trees["data/sysu.yaml"]
    main(
        [
            "fit",
            *data,
            *model_words("train/all_shared.yaml"),
            "-c",
            str(sizes),
            "--trainer.limit_train_batches=2",
            *words,
            "--run_dir",
            str(folder),
        ]
    )
    return folder


def test_seed_everything_reaches_model_and_data(trees: Trees, story: Story, tmp_path: Path) -> None:
    first, same, other = (
        fit(trees, tmp_path / name, story.small, "--seed_everything", seed, "--trainer.max_epochs=1")
        for name, seed in (("a", "3"), ("b", "3"), ("c", "4"))
    )
    settings = read_checkpoint(last(first))["vireid"]
    assert settings["model"]["init_args"]["seed"] == settings["data"]["init_args"]["seed"] == 3
    assert all(torch.equal(value, saved(same)[name]) for name, value in saved(first).items())
    assert not torch.equal(saved(first)["network.classifier.weight"], saved(other)["network.classifier.weight"])


def test_resuming_goes_on_where_the_run_stopped(trees: Trees, story: Story, tmp_path: Path) -> None:
    whole = fit(trees, tmp_path / "whole", story.small)
    parts = fit(trees, tmp_path / "parts", story.small, "--trainer.max_epochs=1")
    fit(trees, parts, story.small, "--ckpt_path", "last")
    assert all(torch.equal(value, saved(parts)[name]) for name, value in saved(whole).items())
    assert read_checkpoint(last(parts))["epoch"] == read_checkpoint(last(whole))["epoch"]
    assert logged(parts)["epoch"] == [1]
    assert (parts / "metrics-before-resume-1.csv").is_file()
    copied = fit(trees, tmp_path / "copied", story.small, "--trainer.max_epochs=3", "--ckpt_path", str(last(whole)))
    assert read_checkpoint(last(copied))["epoch"] == 2
    assert read_checkpoint(last(whole))["epoch"] == 1


def test_the_next_free_folder_in_runs_is_the_default(trees: Trees, story: Story, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "runs" / "fit-1").mkdir(parents=True)
    words = [*trees["data/sysu.yaml"], *model_words("train/all_shared.yaml"), "-c", str(story.small)]
    main(["fit", *words, "--trainer.max_epochs=1", "--trainer.limit_train_batches=1"])
    assert last(tmp_path / "runs" / "fit-2").is_file()
    assert everything(tmp_path / "runs" / "fit-1") == {}


def test_local_configurations_come_before_packaged_ones(capsys: Capsys, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "train").mkdir()
    (tmp_path / "train" / "all_shared.yaml").write_text("trainer: {max_epochs: 7}\nmodel: {class_path: vireid.RetrainModule}\n")
    words = ["fit", "-c", "data/sysu.yaml"]
    for flag in (["-c", "train/all_shared.yaml"], ["--config=train/all_shared.yaml"]):
        assert yaml.safe_load(run(capsys, *words, *flag, "--print_config").out)["trainer"]["max_epochs"] == 7
    assert yaml.safe_load(run(capsys, *words, "-c", "train/all_separate", "--print_config").out)["trainer"]["max_epochs"] == 120
