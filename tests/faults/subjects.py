"""The commands that faults befall, on tiny networks, with what they leave."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from tests.conftest import make_sysu
from tests.faults.outcomes import of_evaluation, of_file, of_files, of_run, of_study
from vireid import RetrainModule
from vireid.cli import main
from vireid.data.synthetic import write_dataset
from vireid.deploy.onnx_graph import check_packages
from vireid.errors import VireidError
from vireid.models import to_cmnas_state
from vireid.search import BNSeparation

Words = tuple[str, ...]
SPACE = {"backbone": "resnet10", "width": 8}
DATA = {"height": 32, "width": 16, "identities_per_batch": 2, "images_per_identity": 2, "num_workers": 0, "eval_batch_size": 16}
TRAINER = {"max_epochs": 2, "limit_train_batches": 4, "enable_progress_bar": False, "accelerator": "cpu"}
SMALL = ("--model.space", "vireid.search.BNSeparation", "--model.space.backbone", "resnet10", "--model.space.width", "8")
NAMES = ("search", "joint", "confirmed", "workers", "retrain", "study", "synthesize", "convert", "export", "test", "predict", "report")
READ_A_RUN = ("export", "test", "predict", "report")


@dataclass(frozen=True)
class Subject:
    """One command.

    Attributes:
        name: of the command, or of what it trains.
        words: of the command; it goes on by the same words, and by ``go_on``.
        target: what it writes, below the folder in which it runs.
        outcome: what it has left at the target.
        go_on: words that go on with a run.
        refuses_what_is_done: whether it refuses a target that it has finished, and changes nothing there.
        last: the file of the target that it writes last, of those that it refuses to write into.
    """

    name: str
    words: Words
    target: str
    outcome: Callable[[Path], Any]
    go_on: Words = ()
    refuses_what_is_done: bool = False
    last: str = ""


def subjects(good: Path) -> dict[str, Subject]:
    """All commands by name; those whose packages are absent are left out.

    Args:
        good: folder of what :func:`make_good` wrote.
    """
    run, last = str(good / "run"), str(good / "run" / "checkpoints" / "last.ckpt")
    found = [
        *(_training(name, good) for name in ("search", "joint", "confirmed", "workers", "retrain")),
        Subject("study", ("study", "--config", str(good / "study.yaml"), "--folder", "out", "--jobs", "0"), "out", of_study),
        Subject(
            "synthesize",
            ("data", "synthesize", "--root", "out", "--identities", "12", "--height", "64", "--width", "32", "--images", "2"),
            *("out", of_files),
            refuses_what_is_done=True,
        ),
        Subject(
            "convert",
            ("convert", str(good / "cmnas.pth"), "--from", "cm-nas", "--output", "out.ckpt", *SMALL, "--model.genotype", "stem_separate"),
            *("out.ckpt", of_file),
            refuses_what_is_done=True,
        ),
        *(
            Subject(name, (name, "--ckpt", last, "--run_dir", "out", *QUIET), "out", of_evaluation, (), True, written)
            for name, written in (("test", "metrics.json"), ("predict", "embeddings.npz"))
        ),
    ]
    found.append(Subject("report", ("report", run, "--output", "out.html"), "out.html", Path.read_bytes, refuses_what_is_done=True))
    try:
        check_packages()
    except VireidError:
        return {subject.name: subject for subject in found}
    found.append(Subject("export", ("export", last, "--output", "out", "--results", run), "out", of_files, refuses_what_is_done=True))
    return {subject.name: subject for subject in found}


QUIET = ("--trainer.enable_progress_bar=false",)


def _training(name: str, good: Path) -> Subject:
    words = ("fit", "-c", str(good / f"{name}.json"), "--run_dir", "out", "--checkpoint_every_n_batches", "2")
    return Subject(name, words, "out", of_run, go_on=("--ckpt_path", "last"))


def make_good(folder: Path) -> None:
    """Write what the commands read: people, configurations, a published file."""
    root = make_sysu(folder / "people")
    many = write_dataset(folder / "many", "sysu", identities=28, test_identities=4, images=1, height=32, width=16)
    for name, (model, data) in MODELS.items():
        people = many if name == "confirmed" else root
        settings = {"class_path": "vireid.SYSUDataModule", "init_args": {**DATA, "root": str(people), **data}}
        (folder / f"{name}.json").write_text(json.dumps({"model": model, "data": settings, "trainer": TRAINER}))
    (folder / "study.yaml").write_text(json.dumps(_study(str(root))))
    trained = RetrainModule(5, "stem_separate", BNSeparation(**SPACE), weights=None)
    torch.save({"model": {f"module.{key}": value for key, value in to_cmnas_state(trained.network).items()}}, folder / "cmnas.pth")


def make_run(folder: Path) -> None:
    """Write a run with its test, beside what :func:`make_good` wrote."""
    main(["fit", "-c", str(folder / "retrain.json"), "--run_dir", str(folder / "run")])
    main(["test", "--ckpt", str(folder / "run" / "checkpoints" / "last.ckpt"), *QUIET])


def _of(kind: str, **arguments: Any) -> dict[str, Any]:
    return {"class_path": f"vireid.{kind}", "init_args": arguments}


def _model(kind: str, space: dict[str, Any], **arguments: Any) -> dict[str, Any]:
    return _of(kind, space=space, weights=None, **arguments)


SCHEDULE = _of("tasks.WarmupCosine", epochs=2)
OPTIMIZER = _of("tasks.Adam", schedule=SCHEDULE, lr_factors={"trunk": 0.1})
SEPARATION = _of("search.BNSeparation", **SPACE)
BEGIN = _of("search.InitialWeights")
CHEAP = [
    _of("search.SoftAPScore", batches=2, training=BEGIN),
    _of("search.RetrievalScore", recalibration_batches=1, training=BEGIN),
]
FORKS = _of("search.Confirm", proposers=[_of("search.ZeroCost", scores=CHEAP, best=1)], recalibration_batches=1)
TIED = _of("search.BNSeparation", **SPACE, sites=["bn1", "layer1.*"], tie="stage")
SEARCH = _model("SearchModule", SEPARATION, strategy=_of("tasks.TwoLevels", warmup_epochs=1), optimizer=OPTIMIZER)
HELD: dict[str, Any] = {"search_split": "identity", "validation": "heldout", "heldout": "seeded", "heldout_fraction": 0.4}
MODELS: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "search": (SEARCH, {"search_split": "identity"}),
    "workers": (SEARCH, {"search_split": "identity", "num_workers": 2}),
    "joint": (
        _model("SearchModule", _of("search.JointNorm", **SPACE), strategy=_of("tasks.TwoLevels", warmup_epochs=0)),
        {"search_split": "image"},
    ),
    "confirmed": (
        _model("SearchModule", TIED, strategy=_of("tasks.Untrained"), derivation=FORKS, optimizer=_of("tasks.SGD", lr=0.05)),
        HELD,
    ),
    "retrain": (
        _model("RetrainModule", SEPARATION, genotype="stem_separate", ema=_of("tasks.EMA", decay=0.9, mode="average"), optimizer=OPTIMIZER),
        {"validation": "heldout"},
    ),
}


def _study(root: str) -> dict[str, Any]:
    optimizer = _of("tasks.SGD", lr=0.05)
    search = _model("SearchModule", SEPARATION, optimizer=optimizer, strategy=_of("tasks.TwoLevels", warmup_epochs=1))
    recipe = {"model": _of("RetrainModule", weights=None, optimizer=optimizer), "trainer": {"check_val_every_n_epoch": 1000}}
    return {
        "data": [{"data": _of("SYSUDataModule", root=root, trials=2, **DATA), "trainer": {**TRAINER, "limit_train_batches": 2}}],
        "space": SEPARATION,
        "searches": {"bn": [{"model": search, "data": {"init_args": {"search_split": "identity"}}}]},
        "retrain": [recipe],
        "genotypes": ["all_shared"],
        "random": 0,
        "search_seeds": [0],
        "retrain_seeds": [0],
        "protocol": "sysu/all/single-shot",
        "template": False,
    }
