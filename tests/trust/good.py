"""Good files, which hostile ones are made from: a run with its checkpoint and results, people, a genotype, published weights."""

from __future__ import annotations

import json
import pickle
import shutil
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from tests.conftest import make_folder, make_llcm, make_market, make_msmt17, make_regdb, make_sysu
from tests.published_files import agw_file, torchreid_file
from tests.results.written import average_precisions, result, write
from vireid import RetrainModule
from vireid.cli import main
from vireid.commands.convert.command import convert_parser, default_config
from vireid.commands.convert.conversion import add_model_options, build
from vireid.models import to_cmnas_state
from vireid.models.published.agw import reference_names
from vireid.models.published.systems import SYSTEMS
from vireid.search import BNSeparation, JointNorm

SPACE = BNSeparation("resnet10", width=8)
SMALL = ("--model.space", "vireid.search.BNSeparation", "--model.space.backbone", "resnet10", "--model.space.width", "8")
CONFIG = """
model:
  class_path: vireid.RetrainModule
  init_args:
    genotype: stem_separate
    space: {class_path: vireid.search.BNSeparation, init_args: {backbone: resnet10, width: 8}}
    weights: null
data:
  class_path: vireid.PairedFolderDataModule
  init_args: {height: 16, width: 8, identities_per_batch: 2, images_per_identity: 2, num_workers: 0, eval_batch_size: 16}
trainer: {accelerator: cpu, max_epochs: 1, limit_train_batches: 1, enable_progress_bar: false, logger: false}
"""
TREES = {"sysu": make_sysu, "regdb": make_regdb, "folder": make_folder, "llcm": make_llcm, "market": make_market, "msmt17": make_msmt17}


def make_all(folder: Path) -> None:
    """Write every good file into a new folder."""
    for name, make in TREES.items():
        make(folder / name)
    shutil.copy(Path(__file__).parent.parent / "golden" / "sysu-protocol" / "rand_perm_cam.mat", folder / "golden.mat")
    (folder / "small.yaml").write_text(CONFIG)
    _make_table(folder / "folder")
    _make_cifar(folder / "cifar" / "cifar-100-python")
    _make_genotypes(folder)
    _make_weights(folder)
    for name, seed in (("a", 1), ("b", 2)):
        write(folder / "results" / name, result(average_precisions(seed)))
    main(["fit", "-c", str(folder / "small.yaml"), f"--data.root={folder / 'folder'}", "--run_dir", str(folder / "run")])
    last, quiet = str(folder / "run" / "checkpoints" / "last.ckpt"), ["--trainer.enable_progress_bar", "false"]
    main(["test", "--ckpt", last, "--run_dir", str(folder / "tested"), *quiet])
    for shard in ("1/2", "2/2"):
        main(["predict", "--ckpt", last, "--shard", shard, "--run_dir", str(folder / "shards"), *quiet])


def _make_table(root: Path) -> None:
    rows = ["path,pid,modality"]
    rows += [f"{path.relative_to(root)},{path.parent.name},{path.parent.parent.name}" for path in sorted(root.rglob("*.png"))]
    (root / "people.csv").write_text("\n".join(rows) + "\n")


def _make_cifar(folder: Path) -> None:
    folder.mkdir(parents=True)
    for name in ("train", "test"):
        (folder / name).write_bytes(pickle.dumps(cifar_images(), 2))
    (folder / "meta").write_bytes(pickle.dumps({"fine_label_names": ["a", "b"], "coarse_label_names": ["c"]}, 2))


def cifar_images() -> dict[str, Any]:
    """Content of a file of CIFAR-100, with four images."""
    images = np.zeros((4, 3072), np.uint8)
    return {"filenames": list("abcd"), "fine_labels": [0, 1, 1, 0], "coarse_labels": [0] * 4, "data": images}


def _make_genotypes(folder: Path) -> None:
    (folder / "genotype.json").write_text(json.dumps(genotype()))
    JointNorm("resnet10", width=8).baselines()["all_shared"].save(folder / "joint.json")
    (folder / "list.cfg").write_text("0 1 " * 26 + "0\n")
    (folder / "ain.txt").write_text(" ".join(["OSBlockINv1"] * 6) + "\n")
    shutil.copy(Path(__file__).parent.parent.parent / "configs" / "cdnet" / "genotypes" / "cdnet.json", folder / "cdnet.json")


def genotype() -> dict[str, Any]:
    """Content of a good ``genotype.json``."""
    found = SPACE.baselines()["stem_separate"].to_dict()
    return {**found, "provenance": {"seed": 1, "epoch": 3, "data": {"dataset": "regdb", "trial": 1}}}


def _make_weights(folder: Path) -> None:
    trained = RetrainModule(5, "stem_separate", SPACE, weights=None)
    torch.save({"model": {f"module.{key}": value for key, value in to_cmnas_state(trained.network).items()}}, folder / "cmnas.pth")
    agw_file(folder / "agw.t", _agw())
    torchreid_file(folder / "torchreid.pth", {"conv1.conv.weight": torch.ones(2, 3, 7, 7)})
    shared = RetrainModule(5, "all_shared", SPACE, weights=None)
    torch.save(shared.network.backbone.trunk.state_dict(), folder / "shared.pth")
    torch.save({"state_dict": shared.state_dict()}, folder / "shared.ckpt")
    torch.save({"net": trained.network.state_dict()}, folder / "old.pth", _use_new_zipfile_serialization=False)


def _agw() -> dict[str, Tensor]:
    parser = convert_parser()
    add_model_options(parser)
    options = parser.parse_args(["", "--from", "agw", "--output", "", *default_config(["--from", "agw"]), *SMALL])
    state = build(options, SYSTEMS["agw"], {SYSTEMS["agw"].classifier: torch.zeros(7, 1)}).network.state_dict()
    names = reference_names(list(state))
    return {names[name]: value for name, value in state.items()}


@cache
def checkpoint_bytes(good: Path) -> bytes:
    """The checkpoint of the finished run."""
    return (good / "run" / "checkpoints" / "last.ckpt").read_bytes()


def checkpoint(good: Path) -> dict[str, Any]:
    """Content of that checkpoint, to be changed."""
    content: dict[str, Any] = torch.load(good / "run" / "checkpoints" / "last.ckpt", weights_only=True)
    return content
