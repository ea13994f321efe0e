"""A genotype written out in a configuration file stays what it is, whatever was said before."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
import yaml

from tests.commands.runs import run
from vireid.data import SYSUDataModule
from vireid.search import BNSeparation, JointNorm, resolve_genotype, space_of
from vireid.structures import Genotype
from vireid.tasks import RetrainModule
from vireid.tasks.checkpoints import SECTION, VERSION

Capsys = pytest.CaptureFixture[str]
BEFORE = JointNorm("resnet18", candidates=["shared_bn", "ibn"]).baseline("ibn_a")
AFTER = BNSeparation("resnet10", width=8).baseline("all_separate")


def layer(path: Path, genotype: Genotype) -> str:
    path.write_text(yaml.safe_dump({"model": {"init_args": {"genotype": genotype.to_dict()}}}))
    return str(path)


def is_read(genotype: Genotype, capsys: Capsys, *words: str) -> bool:
    """Whether a command has this genotype; the parser adds what its space leaves to defaults."""
    printed: dict[str, Any] = yaml.safe_load(run(capsys, *words, "--print_config").out)
    found = resolve_genotype(printed["model"]["init_args"]["genotype"])
    return found.choices == genotype.choices and space_of(found).identity() == space_of(genotype).identity()


@pytest.mark.parametrize("model", ["train/all_shared.yaml", "cdnet/cifar100.yaml"])
def test_over_a_name_and_over_another_one(model: str, tmp_path: Path, capsys: Capsys) -> None:
    words = ["fit", "-c", "data/sysu.yaml", "-c", model, "-c", layer(tmp_path / "before.yaml", BEFORE)]
    assert is_read(BEFORE, capsys, *words)
    assert is_read(AFTER, capsys, *words, "-c", layer(tmp_path / "after.yaml", AFTER))


def test_over_the_one_of_a_checkpoint(sysu_root: Path, tmp_path: Path, capsys: Capsys) -> None:
    model, data = RetrainModule(2, AFTER.to_dict(), weights=None), SYSUDataModule(str(sysu_root))
    section = {"version": VERSION, "model": model.settings(), "data": data.settings()}
    torch.save({"state_dict": model.state_dict(), SECTION: section}, tmp_path / "x.ckpt")
    words = ["test", "--ckpt", str(tmp_path / "x.ckpt")]
    assert is_read(AFTER, capsys, *words)
    assert is_read(BEFORE, capsys, *words, "-c", layer(tmp_path / "before.yaml", BEFORE))
