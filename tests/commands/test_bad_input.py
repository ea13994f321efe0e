"""Bad input ends with exit code 2 and one message that says what, what was expected and how to mend it; nothing is left or overwritten."""

from __future__ import annotations

import copy
import json
import os
import pickle
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.error import URLError

import pytest
import torch

from tests.commands.runs import SEARCH, SPACE, Outcome, everything, run, small
from vireid.cli import main
from vireid.search import BNSeparation
from vireid.tasks import read_checkpoint
from vireid.tasks.checkpoints import VERSION

Capsys = pytest.CaptureFixture[str]
Attempt = Callable[..., str]
pytestmark = pytest.mark.filterwarnings("ignore:.*hold fewer than 10 images:UserWarning")  # the trees are meant to be tiny


@pytest.fixture(scope="module")
def finished(sysu_root: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished run; do not change it."""
    folder = tmp_path_factory.mktemp("finished")
    words = ["fit", "-c", "data/sysu.yaml", "-c", "train/all_shared.yaml", *SPACE, "-c", str(small(folder)), f"--data.root={sysu_root}"]
    main([*words, "--trainer.max_epochs=1", "--trainer.limit_train_batches=1", "--run_dir", str(folder / "run")])
    return folder / "run"


@pytest.fixture
def attempt(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Capsys) -> Attempt:
    """Run a command that must be refused; its message comes back. The working folder must be as before."""
    monkeypatch.chdir(tmp_path)
    small(tmp_path)

    def refused(*words: object) -> str:
        before = everything(tmp_path), sorted(tmp_path.rglob("*"))
        done: Outcome = run(capsys, *words)
        assert done.code == 2, done
        assert "Traceback" not in done.err
        assert re.search("^(vireid: )?error: ", done.err, re.MULTILINE)
        assert (everything(tmp_path), sorted(tmp_path.rglob("*"))) == before
        return done.err

    return refused


@pytest.fixture
def retrain(attempt: Attempt, sysu_root: Path) -> Attempt:
    """A retraining that would run, were it not for the words that are added."""
    words = ["fit", "-c", "data/sysu.yaml", "-c", "train/all_shared.yaml", "-c", "small.yaml", f"--data.root={sysu_root}", *SPACE]
    return lambda *more: attempt(*words, *more)


UNCONFIRMED = ("--model.derivation=vireid.search.Argmax", "--data.validation=none")  # too few people for forks


@pytest.fixture
def search(attempt: Attempt, sysu_root: Path) -> Attempt:
    """A search that would run, were it not for the words that are added."""
    words = [
        "fit",
        "-c",
        "data/sysu.yaml",
        "-c",
        "search/cm_nas.yaml",
        "-c",
        "small.yaml",
        f"--data.root={sysu_root}",
        *SEARCH,
        *UNCONFIRMED,
    ]
    return lambda *more: attempt(*words, *more)


# --- data ---------------------------------------------------------------------------------------------------------------------------


def test_missing_root(retrain: Attempt) -> None:
    message = retrain("--data.root=absent")
    assert "no folder `root='absent'`" in message
    assert "cam1/" in message
    assert "Set `data.init_args.root`" in message


def test_root_of_another_data_set(retrain: Attempt, regdb_root: Path) -> None:
    message = retrain(f"--data.root={regdb_root}")
    assert "No `cam1/` folder under" in message
    assert "Set `data.init_args.root`" in message


@pytest.mark.parametrize("trial", [0, 11])
def test_trial_of_regdb_out_of_range(attempt: Attempt, regdb_root: Path, trial: int) -> None:
    words = ["fit", "-c", "data/regdb.yaml", "-c", "train/all_shared.yaml", "-c", "small.yaml", *SPACE]
    assert f"`trial` must be 1 to 10 for RegDB, got {trial}" in attempt(*words, f"--data.root={regdb_root}", f"--data.trial={trial}")


@pytest.mark.parametrize("absent", ["idx", "idx/train_visible_1.txt", "idx/test_thermal_1.txt", "Thermal"])
def test_parts_of_regdb_absent(attempt: Attempt, regdb_root: Path, tmp_path: Path, absent: str) -> None:
    root = tmp_path / "regdb"
    shutil.copytree(regdb_root, root)
    path = root / absent
    shutil.rmtree(path) if path.is_dir() else path.unlink()
    words = ["fit", "-c", "data/regdb.yaml", "-c", "train/all_shared.yaml", "-c", "small.yaml", *SPACE]
    assert absent in attempt(*words, f"--data.root={root}")


@pytest.mark.parametrize("kind", ["retrain", "search"])
def test_more_identities_in_a_batch_than_there_are(kind: str, retrain: Attempt, search: Attempt) -> None:
    message = {"retrain": retrain, "search": search}[kind]("--data.identities_per_batch=50")
    assert "`identities_per_batch` 50 asks for 50 identities in a step, but there are" in message
    assert "Set `data.init_args.identities_per_batch` to at most" in message


def test_numbers_out_of_range(retrain: Attempt) -> None:
    assert "`heldout_fraction` must be between 0 and 1, got 2.0" in retrain("--data.heldout_fraction=2")
    assert "`trials` must be 1 to 10" in retrain("--data.trials=0")


# --- the Trainer --------------------------------------------------------------------------------------------------------------------


def test_arguments_that_lightning_refuses(retrain: Attempt, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 0)
    assert "limit_train_batches" in retrain("--trainer.limit_train_batches=1.5")
    assert "No supported gpu backend" in retrain("--trainer.accelerator=gpu", "--trainer.devices=2")
    assert "strategy" in retrain("--trainer.strategy=nothing")
    assert "no logger" in retrain("--trainer.logger=false", "--trainer.callbacks+=LearningRateMonitor")  # as the training begins
    assert "val_check_interval" in retrain("--trainer.val_check_interval=1000", "--data.validation=heldout")


@pytest.mark.parametrize("callback", ["EarlyStopping", "ModelCheckpoint"])
def test_a_watched_validation_that_does_not_take_place(retrain: Attempt, callback: str) -> None:
    message = retrain(f"--trainer.callbacks+={callback}", "--trainer.callbacks.monitor=val/mAP")
    assert f"{callback} watches `val/mAP`, but there is no validation. Set `data.init_args.validation`" in message


def test_a_schedule_over_a_run_without_a_length_in_epochs(retrain: Attempt) -> None:
    schedule = ["--model.optimizer=vireid.tasks.Adam", "--model.optimizer.schedule=vireid.tasks.WarmupCosine"]
    message = retrain(*schedule, "--trainer.max_epochs=-1", "--trainer.max_steps=4")
    assert "`WarmupCosine` goes over the whole run, whose `trainer.max_epochs` is -1: set it above" in message


# --- configurations -----------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("model:\n\tinit_args: {seed: 1}\n", "'c.yaml' is no YAML: "),
        ("[" * 1000, "'c.yaml' is no YAML: it is nested too deeply"),
        ("seed_everything: 0 # \udcd5\udcfb\n", "'c.yaml' is no YAML: it is not in UTF-8"),  # a word in GBK
    ],
)
def test_files_that_are_no_yaml_are_named(retrain: Attempt, tmp_path: Path, content: str, message: str) -> None:
    (tmp_path / "c.yaml").write_bytes(content.encode("utf-8", "surrogateescape"))
    told = retrain("-c", "c.yaml")
    assert message in " ".join(told.split())
    assert ("line 2, column 1" in told) == ("\t" in content)


# --- genotypes ----------------------------------------------------------------------------------------------------------------------


def genotype_file(path: Path, change: Callable[[dict[str, Any]], Any] = lambda content: None, backbone: str = "resnet10") -> Path:
    content = BNSeparation(backbone, width=8).baselines()["stem_separate"].to_dict()
    change(content)
    path.write_text(json.dumps(content))
    return path


def test_genotype_of_another_backbone(retrain: Attempt, tmp_path: Path) -> None:
    path = genotype_file(tmp_path / "g.json", backbone="resnet18")
    assert "its `backbone` is 'resnet18', not 'resnet10'" in retrain(f"--model.genotype={path}")


@pytest.mark.parametrize(
    ("change", "messages"),
    [
        (lambda content: content["choices"].pop("layer2.0.bn1"), ["no choice for layer2.0.bn1"]),
        (lambda content: content["choices"].update({"layer9.0.bn1": "shared_bn"}), ["there is no site 'layer9.0.bn1'"]),
        (
            lambda content: content["choices"].update({"layer2.0.bm1": content["choices"].pop("layer2.0.bn1")}),
            ["there is no site 'layer2.0.bm1' (did you mean 'layer2.0.bn1'?)", "no choice for layer2.0.bn1"],
        ),
        (lambda content: content["choices"].update(bn1="separated"), ["bn1 cannot be 'separated', only shared_bn or separate_bn"]),
        (lambda content: content.update(version=2), ["written by a newer vireid: upgrade"]),
        (lambda content: content.update(format="other"), ["is not a genotype"]),
        (lambda content: content["space"].update(class_path="os.system"), ["asks to import 'os.system'"]),
    ],
)
def test_genotypes_that_do_not_fit(retrain: Attempt, tmp_path: Path, change: Callable[[dict[str, Any]], Any], messages: list[str]) -> None:
    path = genotype_file(tmp_path / "g.json", change)
    for words in ([f"--model.genotype={path}"], [f"--model.genotype={path}", "--model.space=null"]):
        message = retrain(*words)
        for part in messages:
            assert part in message or "it belongs to" in message


def test_a_list_with_a_wrong_count(retrain: Attempt, tmp_path: Path) -> None:
    (tmp_path / "list.cfg").write_text("0 1 1")
    assert "holds 3 values, but resnet10 has 12 sites" in retrain("--model.genotype=list.cfg")


def test_a_genotype_that_is_absent(retrain: Attempt) -> None:
    assert "There is no genotype file 'absent.json'" in retrain("--model.genotype=absent.json")
    message = retrain("--model.genotype=all_seperate")
    assert "neither a file nor a baseline: 'all_seperate'" in message
    assert "all_separate" in message


# --- configuration ------------------------------------------------------------------------------------------------------------------


def test_unknown_keys(retrain: Attempt, attempt: Attempt, tmp_path: Path) -> None:
    assert "`nonsense` is no argument of vireid.RetrainModule" in retrain("--model.nonsense=1")
    assert "nonsense" in retrain("--trainer.nonsense=1")
    (tmp_path / "typo.yaml").write_text("data: {init_args: {identities_per_bach: 3}}")
    assert "identities_per_bach" in retrain("-c", "typo.yaml")
    (tmp_path / "typo.yaml").write_text("modle: {class_path: vireid.RetrainModule}")
    assert "modle" in retrain("-c", "typo.yaml")


def test_misspelt_configuration(attempt: Attempt) -> None:
    for words in (["-c", "data/syssu.yaml"], ["--config=data/syssu.yaml"]):
        message = attempt("fit", *words)
        assert "no configuration file 'data/syssu.yaml', neither here nor in the package" in message
        assert "data/sysu.yaml" in message


def test_configuration_that_is_no_yaml(attempt: Attempt, tmp_path: Path) -> None:
    (tmp_path / "bad.yaml").write_text("a: [")
    assert "'bad.yaml' is no YAML" in attempt("fit", "-c", "data/sysu.yaml", "-c", "bad.yaml")


@pytest.mark.parametrize("option", ["gradient_clip_val=1.0", "accumulate_grad_batches=2"])
def test_arguments_of_the_trainer_that_a_search_has_itself(search: Attempt, option: str) -> None:
    message = search(f"--trainer.{option}")
    assert "`model.init_args.optimizer.init_args.gradient_clip_val` and `model.init_args.accumulate_grad_batches` instead" in message


def test_search_and_retraining_need_their_split(search: Attempt, retrain: Attempt) -> None:
    assert "set `data.init_args.search_split` to `identity` or `image`" in search("--data.search_split=none")
    assert "set `data.init_args.search_split` to `none`" in retrain("--data.search_split=identity")


def test_a_search_without_architecture_steps(search: Attempt) -> None:
    message = search("--model.strategy.warmup_epochs=2")
    assert "`trainer.max_epochs` is 2, which leaves no architecture step after 2 epochs of warm-up" in message
    assert "lower `model.init_args.strategy.init_args.warmup_epochs`" in message


def test_weights_that_cannot_be_had(retrain: Attempt, monkeypatch: pytest.MonkeyPatch) -> None:
    assert "torchvision has weights for width 64 alone" in retrain("--model.weights=IMAGENET1K_V1")
    wide = ["--model.space.init_args.backbone=resnet18", "--model.space.init_args.width=64"]

    def offline(*_: Any, **__: Any) -> None:
        raise URLError("no network")

    monkeypatch.setattr("torch.hub.download_url_to_file", offline)
    message = retrain("--model.weights=IMAGENET1K_V1", *wide)
    assert "cannot be fetched or read from https://" in message
    assert "no network" in message
    assert "weights: null" in message
    assert "must be default (for its own), IMAGENET1K_V1, a file or null, got 'V9'" in retrain("--model.weights=V9", *wide)


# --- folders ------------------------------------------------------------------------------------------------------------------------


def test_a_folder_that_cannot_be_written(retrain: Attempt) -> None:
    message = retrain("--run_dir=small.yaml/run")
    assert "Cannot write into 'small.yaml/run'" in message
    assert "Name a folder that can be written" in message


def test_a_folder_with_files_is_never_written_into(retrain: Attempt, attempt: Attempt, finished: Path, tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.txt").write_text("do not lose")
    checkpoint = finished / "checkpoints" / "last.ckpt"
    for words in ([], ["--ckpt_path", "last"], ["--ckpt_path", checkpoint]):
        assert "'mine' is not empty, and nothing is overwritten" in retrain("--run_dir", "mine", *words)
    for command in ("test", "predict", "validate"):
        assert "'mine' is not empty" in attempt(command, "--ckpt", checkpoint, "--run_dir", "mine")
    before = everything(finished)
    assert "is not empty" in retrain("--run_dir", finished)
    assert everything(finished) == before


def test_a_folder_of_the_user_stays_when_the_run_is_refused(retrain: Attempt, tmp_path: Path) -> None:
    (tmp_path / "results" / "empty").mkdir(parents=True)
    retrain("--run_dir", "results/empty", "--data.identities_per_batch=50")
    retrain("--run_dir", "results/new/run", "--data.identities_per_batch=50")
    retrain("--run_dir", "results/new/run", "--data.root=absent")


def test_resuming_needs_the_folder_of_the_run(retrain: Attempt) -> None:
    assert "name its folder with --run_dir" in retrain("--ckpt_path", "last")


# --- checkpoints --------------------------------------------------------------------------------------------------------------------


class Payload:
    """Pickles to a call that creates a file."""

    def __reduce__(self) -> Any:
        return os.mknod, ("executed",)


HOSTILE = {"class_path": "planted_code.Planted", "init_args": {}}


def spoil(kind: str, source: Path, target: Path) -> None:
    """Write what a user may take for a checkpoint to ``target``."""
    content = source.read_bytes()
    if kind == "empty":
        target.write_bytes(b"")
    elif kind == "truncated":
        target.write_bytes(content[: len(content) // 2])
    elif kind == "text":
        target.write_text("not a checkpoint\n" * 100)
    elif kind == "payload":
        target.write_bytes(pickle.dumps(Payload()))
    elif kind == "foreign":
        torch.save({"state_dict": {"weight": torch.ones(2)}, "hyper_parameters": {}, "pytorch-lightning_version": "2.0"}, target)
    elif kind != "absent":
        whole = copy.deepcopy(read_checkpoint(source))
        section = whole["vireid"]
        init_args = section["model"]["init_args"]
        if kind == "newer":
            section["version"] = VERSION + 1
        elif kind == "hostile model":
            section["model"] = HOSTILE
        elif kind == "hostile data":
            section["data"] = HOSTILE
        elif kind == "hostile Lightning":
            whole["hyper_parameters"] = whole["datamodule_hyper_parameters"] = {"_class_path": "planted_code.Planted"}
            section["model"]["init_args"]["losses"] = [HOSTILE]
        elif kind == "hostile name":
            init_args["space"] = "planted_code.Planted"
        elif kind == "hostile file":
            target.with_suffix(".yaml").write_text(json.dumps(HOSTILE))
            init_args["optimizer"] = str(target.with_suffix(".yaml"))
        elif kind == "hostile genotype":
            init_args["genotype"]["space"] = HOSTILE
        elif kind == "hostile tuple":
            init_args["genotype"] = {"x": (HOSTILE,)}
        elif kind == "hostile dots":
            init_args["head.class_path"] = "planted_code.Planted"
        elif kind == "hostile neighbour":
            section["model"]["init_args.head"] = "planted_code.Planted"
        elif kind == "hostile text":
            init_args["optimizer"] = {"class_path": "vireid.tasks.SGD", "init_args": "planted_code.Planted"}
        torch.save(whole, target)


SPOILT = {
    "absent": "There is no checkpoint file",
    "empty": "is damaged",
    "truncated": "is damaged",
    "text": "holds something other than tensors and plain values, or is damaged",
    "payload": "holds something other than tensors and plain values",
    "foreign": "was not written by vireid",
    "newer": f"has checkpoint format {VERSION + 1}, and this vireid reads format {VERSION} only",
    "hostile model": "asks to import 'planted_code.Planted'",
    "hostile data": "asks to import 'planted_code.Planted'",
    "hostile Lightning": "asks to import 'planted_code.Planted'",
    "hostile genotype": "asks to import 'planted_code.Planted'",
    "hostile tuple": "asks to import 'planted_code.Planted'",
    "hostile dots": "The settings of 'vireid.RetrainModule' are damaged: unexpected 'head.class_path'",
    "hostile neighbour": "The settings of 'vireid.RetrainModule' are damaged: unexpected 'init_args.head'",
    "hostile text": "The settings of 'vireid.tasks.SGD' are damaged: unexpected 'init_args'",
    "hostile name": "needs the settings of an object as `space`",
    "hostile file": "needs the settings of an object as `optimizer`",
}


@pytest.mark.parametrize("kind", SPOILT)
def test_spoilt_checkpoints(
    kind: str, finished: Path, tmp_path: Path, attempt: Attempt, retrain: Attempt, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "planted_code.py").write_text("open('imported', 'w').close()\nclass Planted: pass\n")
    monkeypatch.syspath_prepend(tmp_path)
    spoil(kind, finished / "checkpoints" / "last.ckpt", tmp_path / "spoilt.ckpt")
    for message in (
        retrain("--ckpt_path", "spoilt.ckpt"),
        *(attempt(command, "--ckpt", "spoilt.ckpt") for command in ("test", "predict", "validate")),
    ):
        assert SPOILT[kind] in message
        assert "'spoilt.ckpt'" in message or "hostile" in kind
    assert not (tmp_path / "imported").exists()
    assert not (tmp_path / "executed").exists()


def test_a_damaged_last_checkpoint_of_a_run(finished: Path, retrain: Attempt, tmp_path: Path) -> None:
    shutil.copytree(finished, tmp_path / "run")
    last = tmp_path / "run" / "checkpoints" / "last.ckpt"
    last.write_bytes(last.read_bytes()[:1000])
    assert "is damaged" in retrain("--run_dir", "run", "--ckpt_path", "last")


def test_a_checkpoint_of_another_network(finished: Path, retrain: Attempt, search: Attempt) -> None:
    checkpoint = finished / "checkpoints" / "last.ckpt"
    assert "model: vireid.RetrainModule -> vireid.SearchModule" in search("--ckpt_path", checkpoint)
    message = retrain("--ckpt_path", checkpoint, "--model.space.init_args.width=16")
    assert "model.space.backbone.width: 8 -> 16" in message
    assert "config.yaml" in message


def test_a_checkpoint_whose_weights_are_of_another_network(finished: Path, retrain: Attempt, tmp_path: Path) -> None:
    content = torch.load(finished / "checkpoints" / "last.ckpt", weights_only=True)
    content["state_dict"]["network.backbone.trunk.conv1.weight"] = torch.zeros(16, 3, 7, 7)
    torch.save(content, tmp_path / "other.ckpt")
    message = retrain("--ckpt_path", tmp_path / "other.ckpt", "--trainer.limit_train_batches=1")
    assert "holds another network than the one to train" in message
    assert "config.yaml" in message


def test_a_test_needs_a_checkpoint(attempt: Attempt) -> None:
    for command in ("test", "validate", "predict"):
        assert f"`vireid {command}` needs a checkpoint: add --ckpt PATH" in attempt(command)


def test_validation_needs_identities(finished: Path, attempt: Attempt) -> None:
    message = attempt("validate", "--ckpt", finished / "checkpoints" / "last.ckpt")
    assert "There is no validation: set `--data.validation` to heldout or faithful_test_set" in message


def test_a_part_of_the_test_images_cannot_be_scored(finished: Path, attempt: Attempt) -> None:
    for options in (("--data.eval_batch_size=2", "--trainer.limit_test_batches=0.5"), ("--trainer.limit_test_batches=0",)):
        message = attempt("test", "--ckpt", finished / "checkpoints" / "last.ckpt", *options)
        assert "set `trainer.limit_test_batches`" in message
