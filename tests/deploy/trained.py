"""Tiny networks with random weights and statistics, as checkpoints of ours."""

from __future__ import annotations

from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import nn

import vireid
from vireid import Embedder
from vireid.search import BNSeparation, SearchSpace
from vireid.settings import settings_of
from vireid.tasks import SafeCheckpointIO
from vireid.tasks.checkpoints import SECTION, VERSION

STATISTICS = {"mean": {"visible": [0.4, 0.5, 0.6], "infrared": [0.3, 0.3, 0.3]}, "std": [0.2, 0.25, 0.3]}
DATA = {"height": 48, "width": 24, "augmentation": {"class_path": "vireid.data.Normalise", "init_args": STATISTICS}}
SPACE = BNSeparation("resnet10", width=8)


def randomised(network: nn.Module, seed: int = 0) -> None:
    """Give all norms statistics and parameters of their own, so that no two of them are alike."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for name, value in (*network.named_parameters(), *network.named_buffers()):
            if name.endswith("running_var"):
                value.copy_(torch.rand(value.shape, generator=generator) + 0.5)
            elif name.endswith("running_mean") or (value.dim() == 1 and name.endswith("bias")):
                value.copy_(torch.randn(value.shape, generator=generator) * 0.1)
            elif value.dim() == 1 and name.endswith("weight"):
                value.copy_(torch.rand(value.shape, generator=generator) + 0.5)


def settle(network: nn.Module, height: int, width: int) -> None:
    """Give every batch norm the statistics of images, coarse and fine, as training does: numbers neither grow nor vanish on their way."""
    norms = [part for part in network.modules() if isinstance(part, nn.modules.batchnorm._BatchNorm)]
    for norm in norms:
        norm.reset_running_stats()
        norm.momentum = None  # the plain mean
    generator = torch.Generator().manual_seed(1)
    network.train()
    with torch.no_grad():
        for _ in range(2):
            coarse = torch.randn(12, 3, height // 8, width // 8, generator=generator)
            fine = torch.randn(12, 3, height, width, generator=generator)
            network(nn.functional.interpolate(coarse, (height, width), mode="bicubic") + fine / 2, 6)
    network.eval()


def module(genotype: str = "all_separate", space: SearchSpace = SPACE, **arguments: Any) -> vireid.RetrainModule:
    """A task whose network was not trained, but has statistics of its own."""
    task = vireid.RetrainModule(4, genotype, space, weights=None, **arguments)
    randomised(task.network)
    return task


def averaged(task: vireid.RetrainModule) -> vireid.RetrainModule:
    """The task with an average that differs from its weights."""
    assert task.ema is not None
    task.ema.register(task.network)
    for value in task.ema.shadow.values():
        value.mul_(1.25)
    return task


def checkpoint(task: vireid.RetrainModule, path: Path, data: dict[str, Any] | None = DATA) -> Path:
    """Write the checkpoint of a training on a folder of people that is not there any more."""
    content: dict[str, Any] = {
        "epoch": 0,
        "global_step": 0,
        "pytorch-lightning_version": version("pytorch-lightning"),
        "state_dict": task.state_dict(),
    }
    task.on_save_checkpoint(content)
    settings = None if data is None else {"class_path": "vireid.PairedFolderDataModule", "init_args": {"root": "/absent", **data}}
    content[SECTION] = {"version": VERSION, "vireid": vireid.__version__, "model": settings_of(task), "data": settings}
    SafeCheckpointIO().save_checkpoint(content, path)
    return path


def scene(seed: int, size: tuple[int, int] = (60, 110)) -> np.ndarray:
    """A grey image that varies slowly, as those of cameras do."""
    coarse = np.random.default_rng(seed).integers(0, 256, (14, 7), dtype=np.uint8)
    return np.asarray(Image.fromarray(coarse).resize(size, Image.Resampling.BICUBIC))


def photograph(path: Path, seed: int = 0, grey: bool = False, size: tuple[int, int] = (40, 90)) -> Path:
    """A random image."""
    shape = (size[1], size[0]) if grey else (size[1], size[0], 3)
    Image.fromarray(np.random.default_rng(seed).integers(0, 256, shape, dtype=np.uint8)).save(path)
    return path


def in_double(path: Path) -> Embedder:
    """A checkpoint whose network computes in double precision."""
    embedder = Embedder.load(path)
    embedder.network.double().register_forward_pre_hook(lambda _, inputs: (inputs[0].double(), *inputs[1:]))
    return embedder
