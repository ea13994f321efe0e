"""Training steps of the published IV-REID code, by the packaged configurations: a tiny network, and ResNet-18 by the whole task."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import pytorch_lightning as pl
import torch
from torch import Tensor
from torch.utils.data import DataLoader

from tests.golden.cgrnet import checksums, close, entry, golden, image_batch
from tests.golden.cgrnet_tiny import recipe
from tests.models.test_golden_iv_reid import tiny
from vireid.losses import LossInputs, LossSum
from vireid.models import Branch, NetworkOutput, ReIDNetwork, load_iv_reid_state
from vireid.models.published.iv_reid import iv_reid_name
from vireid.search import BNSeparation
from vireid.settings import instantiate, settings_of
from vireid.structures import Batch
from vireid.tasks import RetrainModule

TINY, TRUNK = golden("iv_reid_trajectory_tiny"), golden("iv_reid_trunk")
PIDS = torch.from_numpy(TINY["pids"])
BLOCKS = torch.from_numpy(np.concatenate([TINY["rgb_index"], TINY["ir_index"]]))  # the file's rows, visible ones first
PRESETS = ("sysu", "regdb")


def built(preset: str, **others: Any) -> dict[str, Any]:
    """Arguments of the task as the packaged configuration says, with ``others`` on top."""
    arguments: dict[str, Any] = instantiate({**recipe(f"iv_reid_{preset}"), "weights": None, **others})
    return arguments


def terms(objective: LossSum, inputs: LossInputs, total: Tensor) -> list[float]:
    """The columns of the files: modality terms one by one, and the number of rows that the shared classifier has right."""
    ce, modality_ce, kl, triplet = objective.losses
    sides = (inputs.visible, inputs.infrared)
    assert inputs.logits is not None
    found = [
        ce(inputs),
        *map(modality_ce, sides),
        *map(kl, sides),
        triplet(inputs),
        total,
        (inputs.logits.argmax(1) == inputs.labels).sum(),
    ]
    return [float(value.detach()) for value in found]


def seen(output: NetworkOutput) -> LossInputs:
    (branch,) = output.branches
    return LossInputs(*branch[:3], PIDS[BLOCKS], 8, 2, extras=branch.extras)


@pytest.mark.parametrize("preset", PRESETS)
def test_five_steps_of_the_tiny_network(preset: str) -> None:
    net, arguments = tiny(preset).train(), built(preset)
    optimizer = arguments["optimizer"].build(net.named_parts())
    objective, steps = LossSum(arguments["losses"]), []
    for step in range(5):
        inputs = seen(net(image_batch(f"traj.step{step}", (16, 3, 32, 16))[BLOCKS], 8))
        total, _ = objective(inputs)
        steps.append(terms(objective, inputs, total))
        optimizer.zero_grad()
        total.backward()
        optimizer.step()
    close(torch.tensor(steps, dtype=torch.float64), TINY[f"terms_{preset}"], 1e-10)
    final = {iv_reid_name(name): checksums(value) for name, value in net.state_dict().items() if value.is_floating_point()}
    for part, prefix in (("model", "model."), ("ide", "ide_net.")):
        names = [prefix + name for name in TINY[f"{part}_param_names"].tolist()]
        close(torch.stack([final.pop(name) for name in names]), TINY[f"{part}_final_checksums_{preset}"], 1e-10)
    assert not final
    out = net.eval()(image_batch("traj.eval", (4, 3, 32, 16)), 2)
    close(out.embeddings, TINY[f"final_eval_feat_bn_{preset}"], 1e-10)
    close(out.features, TINY[f"final_eval_feat_pool_{preset}"], 1e-10)


class Recording(RetrainModule):
    """Keeps the terms of every step."""

    def on_fit_start(self) -> None:
        super().on_fit_start()
        self.steps: list[list[float]] = []

    def forward(self, batch: Batch) -> Any:
        self.inputs = seen(super().forward(batch))
        return NetworkOutput((Branch(self.inputs.features, self.inputs.embeddings, self.inputs.logits, self.inputs.extras),))

    def training_step(self, batch: Batch, batch_idx: int) -> Tensor:
        loss = super().training_step(batch, batch_idx)
        self.steps.append(terms(self.losses, self.inputs, loss))
        return loss


def test_three_steps_of_resnet18(tmp_path: Path) -> None:
    module = Recording(6, **built("sysu", space=settings_of(BNSeparation("resnet18")))).double()
    assert isinstance(module.network, ReIDNetwork)
    shapes = {iv_reid_name(name): value.shape for name, value in module.network.state_dict().items()}
    assert load_iv_reid_state(module.network, {name: entry(name, shape) for name, shape in shapes.items()}) == ([], [], ())
    zeros = torch.zeros(16, dtype=torch.int64)
    batches = [
        Batch(
            image_batch(f"traj18.step{step}", (16, 3, 64, 32))[BLOCKS], PIDS[BLOCKS], PIDS[BLOCKS], zeros + 1, zeros, zeros, 8, (step,), 2
        )
        for step in range(3)
    ]
    trainer = pl.Trainer(
        default_root_dir=tmp_path,
        max_epochs=1,
        accelerator="cpu",
        precision="64-true",
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
    )
    trainer.fit(module, DataLoader(batches, batch_size=None))  # type: ignore[arg-type]
    close(torch.tensor(module.steps, dtype=torch.float64), TRUNK["resnet18_traj_terms_sysu"], 1e-9)
    state = {iv_reid_name(name): checksums(value) for name, value in module.network.state_dict().items() if value.is_floating_point()}
    names = TRUNK["resnet18_traj_model_names"].tolist()
    found = torch.stack([state[f"model.{name.removeprefix('model.')}"] for name in names])
    close(found, TRUNK["resnet18_traj_model_checksums"], 1e-9)
