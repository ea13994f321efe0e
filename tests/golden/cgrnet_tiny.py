"""The tiny networks behind the CGRNet and HHRG trajectories, built as our configurations say, and training steps on them."""

from __future__ import annotations

from typing import Any

import torch
import yaml
from torch import Tensor, nn

from tests.golden.cgrnet import entry, image_batch
from vireid.commands.configs import packaged_configs
from vireid.losses import LossSum
from vireid.models import Backbone, Head, load_cgrnet_state, with_parts
from vireid.models.published.cgrnet import cgrnet_name
from vireid.settings import instantiate
from vireid.structures import Batch
from vireid.tasks.base import ReIDModule


def recipe(name: str) -> dict[str, Any]:
    """Arguments of the task in a packaged configuration."""
    arguments: dict[str, Any] = yaml.safe_load((packaged_configs() / "train" / f"{name}.yaml").read_text())["model"]["init_args"]
    return arguments


class TinyTrunk(nn.Module):
    """Stem and four stages of one convolution each."""

    out_channels = 32

    def __init__(self) -> None:
        super().__init__()
        self.conv1, self.bn1, self.relu = nn.Conv2d(3, 8, 3, padding=1, bias=False), nn.BatchNorm2d(8), nn.ReLU()
        self.maxpool = nn.MaxPool2d(3, 2, 1)
        self.layer1, self.layer2, self.layer3, self.layer4 = stage(8, 8, 1), stage(8, 16, 2), stage(16, 32, 2), stage(32, 32, 1)

    def forward(self, x: Tensor) -> Tensor:
        for layer in self.children():
            x = layer(x)
        return x


def stage(channels: int, out: int, stride: int) -> nn.Sequential:
    return nn.Sequential(nn.Conv2d(channels, out, 3, stride, 1, bias=False), nn.BatchNorm2d(out), nn.ReLU())


class Tiny(ReIDModule):
    """A task around the tiny network, filled by the formula; its steps are the golden ones, without a Trainer."""

    def __init__(self, recipe: dict[str, Any], head: Head, hhrg: bool = False) -> None:
        super().__init__()
        self.hhrg = hhrg
        self.network = head.build(with_parts(Backbone(TinyTrunk()), instantiate(recipe["trunk_parts"])), 6)
        self.losses = LossSum(instantiate(recipe["losses"]))
        self.settings = instantiate(recipe["optimizer"])
        self.double()
        state = {self.published(name): value for name, value in self.network.state_dict().items()}
        report = load_cgrnet_state(self.network, {name: entry(name, value.shape) for name, value in state.items()})
        assert report == ([], [], [])

    def optimiser(self) -> torch.optim.Optimizer:
        optimiser: torch.optim.Optimizer = self.settings.build(self.network.named_parts())
        return optimiser

    def published(self, name: str) -> str:
        return cgrnet_name(name, self.hhrg)

    def published_parameters(self) -> dict[str, nn.Parameter]:
        return {self.published(name): value for name, value in self.network.named_parameters()}

    def loss(self, tags: tuple[str, str], labels: Tensor, size: tuple[int, int]) -> tuple[Tensor, dict[str, Tensor], object]:
        """Total, weighted terms and the network's output of one batch of half visible, half infrared images."""
        half = len(labels) // 2
        images = torch.cat([image_batch(tag, (half, 3, *size)) for tag in tags])
        modalities = torch.arange(2).repeat_interleave(half)
        batch = Batch(images, labels, labels, modalities + 1, modalities, torch.arange(2 * half), half, (0,), 2)
        return self.training_step(batch, 0)

    def training_step(self, batch: Batch, batch_idx: int) -> tuple[Tensor, dict[str, Tensor], object]:
        output = self(batch)
        return (*self.summed_loss(self.losses, output, batch), output)
