"""Three training steps of the published HHRG code by our configuration, with either exponent of the pooling."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import pytest
import torch
from torch.nn.functional import normalize

from tests.golden.cgrnet import checksums, close, golden, image_batch
from tests.golden.cgrnet_tiny import Tiny, recipe
from vireid.models import StripeHead, load_cgrnet_state

DATA = golden("hhrg_tiny")
LABELS = torch.from_numpy(DATA["labels"])
TERMS = ("part_ce", "hetero_centre", "cross_correlation", "local_alignment", "relation")
# the published network also has these; they are computed and logged at most, so that no gradient reaches them
NOT_BUILT = ("fc.", "global_6_", "fc_local_", "fc_rest_", "fc_global_")


def module(p: int) -> Tiny:
    return Tiny(recipe("hhrg"), StripeHead(6, 8, p), hhrg=True)


@lru_cache(maxsize=2)
def run(p: int) -> dict[str, Any]:
    """What three steps showed."""
    task = module(p)
    shown: dict[str, Any] = {}
    with torch.no_grad():
        for stream, n_visible in (("visible", 3), ("thermal", 0)):
            shown[stream] = task.eval().network.embed(image_batch("hhrg.eval", (3, 3, 96, 32)), n_visible)
    task.train()
    rows, optimizer = [], task.optimiser()
    for step in range(3):
        total, terms, output = task.loss((f"hhrg.v{step}", f"hhrg.t{step}"), LABELS, (96, 32))
        optimizer.zero_grad()
        total.backward()
        if step == 0:
            shown["output"] = output
            shown["gradients"] = {n: v.grad.clone() for n, v in task.published_parameters().items() if v.grad is not None}
        rows.append([*(float(terms[name]) for name in TERMS), float(total.detach())])
        optimizer.step()
    return {**shown, "rows": torch.tensor(rows, dtype=torch.float64)}


@pytest.mark.parametrize("p", [3, 10])
def test_descriptor(p: int) -> None:
    for stream in ("visible", "thermal"):
        close(normalize(run(p)[stream]), DATA[f"p{p}_eval_{stream}"])


@pytest.mark.parametrize("p", [3, 10])
def test_what_losses_read(p: int) -> None:
    output = run(p)["output"]
    close(output.features, DATA[f"p{p}_part_feat_all"])
    close(output.branches[0].extras["relations"].flatten(1), DATA[f"p{p}_relation_feat_all"])
    close(output.branches[0].extras["strips"][:2], DATA[f"p{p}_local_rows"])
    torch.testing.assert_close(output.logits, output.branches[0].extras["part_logits"].sum(1))


@pytest.mark.parametrize("p", [3, 10])
def test_first_gradients(p: int) -> None:
    found, names = run(p)["gradients"], DATA[f"p{p}_grad_names"].tolist()
    assert set(found) == set(names)
    close(torch.stack([checksums(found[name]) for name in names]), DATA[f"p{p}_grad_checksums"])
    assert all(name.startswith(NOT_BUILT) for name in DATA[f"p{p}_no_grad_names"].tolist())


@pytest.mark.parametrize("p", [3, 10])
def test_losses_of_three_steps(p: int) -> None:
    close(run(p)["rows"], DATA[f"p{p}_traj"][:, :6], 1e-6)


def test_published_layers_that_never_train_are_ignored() -> None:
    task = module(3)
    state = {task.published(name): value for name, value in task.network.state_dict().items()}
    dead = DATA["p3_no_grad_names"].tolist()
    report = load_cgrnet_state(task.network, {**state, **dict.fromkeys(dead, torch.zeros(1))})
    assert report == ([], [], dead)
