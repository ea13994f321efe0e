"""Five training steps of the published CGRNet code, as released and with its commented lines, by our configurations."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.nn.functional import normalize

from tests.golden.cgrnet import checksums, close, golden, image_batch
from tests.golden.cgrnet_tiny import Tiny, recipe
from vireid.models import BNNeckHead

DATA = golden("cgrnet_trajectory_tiny")
LABELS = torch.from_numpy(DATA["labels"])
MODES = ("released", "full")


def module(mode: str) -> Tiny:
    return Tiny(recipe(f"cgrnet_{mode}"), BNNeckHead())


def evaluated(task: Tiny, stream: str) -> tuple[Tensor, Tensor]:
    with torch.no_grad():
        output = task.eval().network(image_batch("tiny.eval", (4, 3, 32, 16)), 4 if stream == "visible" else 0)
    task.train()
    return normalize(output.features), normalize(output.embeddings)


@lru_cache(maxsize=2)
def run(mode: str) -> dict[str, Any]:
    """What five steps showed."""
    task = module(mode)
    shown: dict[str, Any] = {f"eval_{stream}": evaluated(task, stream) for stream in ("visible", "thermal")}
    schedule, optimizer = task.settings.schedule, task.optimiser()
    base = [group["lr"] for group in optimizer.param_groups]
    rows = []
    for step, epoch in enumerate((0, 10, 20, 50, 1)):
        for group, lr in zip(optimizer.param_groups, base, strict=True):
            group["lr"] = lr * schedule(epoch)
        total, terms, output = task.loss((f"traj.visible.step{step}", f"traj.thermal.step{step}"), LABELS, (32, 16))
        optimizer.zero_grad()
        total.backward()
        if step == 0:
            shown["output"] = output
            shown["gradients"] = {n: p.grad.clone() for n, p in task.published_parameters().items() if p.grad is not None}
        right = int((output.logits.argmax(1) == LABELS).sum())  # type: ignore[attr-defined]
        attention = float(terms["attention"]) / 10 if mode == "full" else 0.0
        rows.append(
            [
                epoch,
                optimizer.param_groups[-1]["lr"],
                float(terms["ce"]),
                float(terms["batch_hard"]) / 2,
                attention,
                float(total.detach()),
                right,
            ]
        )
        optimizer.step()
    shown["rows"] = torch.tensor(rows, dtype=torch.float64)
    shown["state"] = {task.published(n): v.clone() for n, v in task.network.state_dict().items()}
    shown["final_eval"] = evaluated(task, "visible")[1]
    return shown


@pytest.mark.parametrize("mode", MODES)
def test_evaluation(mode: str) -> None:
    for stream in ("visible", "thermal"):
        for kind, found in zip(("pool", "bn"), run(mode)[f"eval_{stream}"], strict=True):
            close(found, DATA[f"{mode}_eval_{stream}_{kind}_l2"])


@pytest.mark.parametrize("mode", MODES)
def test_first_step(mode: str) -> None:
    shown = run(mode)
    close(shown["output"].logits, DATA[f"{mode}_step0_logits"])
    close(shown["output"].features, DATA[f"{mode}_step0_pool"])
    names = DATA["grad_names"].tolist()
    without = set(DATA[f"{mode}_no_grad_names"].tolist())
    assert set(shown["gradients"]) == set(names) - without
    found = [checksums(shown["gradients"][name]) if name not in without else torch.zeros(2) for name in names]
    close(torch.stack(found), DATA[f"{mode}_step0_grad_checksums"])


@pytest.mark.parametrize("mode", MODES)
def test_losses_of_five_steps(mode: str) -> None:
    close(run(mode)["rows"], DATA[f"{mode}_traj"][:, [0, 1, 2, 3, 4, 5, 7]], 1e-6)


@pytest.mark.parametrize("mode", MODES)
def test_state_after_five_steps(mode: str) -> None:
    shown, names = run(mode), DATA["state_names"].tolist()
    ours = [name for name in names if name in shown["state"]]
    dead = {name for name in names if name.startswith("local2") or name.startswith("global2")}  # never run in released training
    assert set(names) - set(ours) == (dead if mode == "released" else set())
    expected = DATA[f"{mode}_final_checksums"][[names.index(name) for name in ours]]
    close(torch.stack([checksums(shown["state"][name]) for name in ours]), expected, 1e-6)
    close(shown["final_eval"], DATA[f"{mode}_final_eval_visible_bn_l2"], 1e-6)


@pytest.mark.parametrize("mode", MODES)
def test_learning_rates(mode: str) -> None:
    task = module(mode)
    schedule, base = task.settings.schedule, [group["lr"] for group in task.optimiser().param_groups]
    found = [[lr * schedule(epoch) for lr in base] for epoch in range(81)]
    close(torch.tensor(found, dtype=torch.float64), golden("cgrnet_losses")["lr_schedule_base0.1_81epochs_groups"], 1e-12)
