"""The published AGW network and its baseline, stage by stage."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F

from tests.golden.agw import batch, build, fill, filled
from tests.golden.cmnas import close, golden
from tests.golden.formula import rowstats
from vireid.models import ReIDNetwork, load_agw_state
from vireid.models.published.agw import reference_names


@pytest.fixture(scope="module", params=["base", "agw"])
def network(request: pytest.FixtureRequest) -> tuple[str, ReIDNetwork]:
    data = golden("agw_net")
    return request.param, fill(build(request.param), int(data["S"]), float(data["gamma_scale"]))


def test_names_and_numbers_of_parameters(network: tuple[str, ReIDNetwork]) -> None:
    method, ours = network
    data = golden("agw_net")
    assert set(reference_names(ours.state_dict()).values()) == set(data[f"{method}_state_names"])
    assert sum(p.numel() for p in ours.parameters()) == data[f"{method}_n_params_used"]


def test_evaluation_and_training_pass(network: tuple[str, ReIDNetwork]) -> None:
    method, ours = network
    data = golden("agw_net")
    ours.eval()
    for mode in range(3):
        with torch.no_grad():
            output = ours(*batch(mode))
        for kind, rows in (("pool", F.normalize(output.features)), ("feat", F.normalize(output.embeddings))):
            close(rows[:, ::64], data[f"{method}_eval_modal{mode}_{kind}"])
            close(rowstats(rows), data[f"{method}_eval_modal{mode}_{kind}_rowstats"])
    with torch.no_grad():
        output = ours.train()(*batch(0))
    close(output.features[:, ::64], data[f"{method}_train_pool"])
    close(rowstats(output.features), data[f"{method}_train_pool_rowstats"])
    close(output.logits, data[f"{method}_train_logits"])


def test_layers_that_the_reference_never_runs_are_ignored(network: tuple[str, ReIDNetwork]) -> None:
    ours = network[1]
    state = {f"module.{name}": value for name, value in filled(ours, 1, 1.0).items()}
    dead = ["visible_module.visible.layer1.0.conv1.weight", "thermal_module.thermal.fc.bias", "base_resnet.base.conv1.weight"]
    extra = {f"module.{name}": torch.zeros(1) for name in (*dead, "NL_9.0.theta.weight")}
    gone = state.pop("module.bottleneck.weight")
    report = load_agw_state(ours, {**state, **extra})
    assert (report.missing, report.unused, report.ignored) == (["neck.norm.weight"], ["NL_9.0.theta.weight"], dead)
    with pytest.raises(ValueError, match=r"bottleneck\.weight has shape \(3,\), but neck\.norm\.weight needs \(2048,\)"):
        load_agw_state(ours, {**state, "bottleneck.weight": gone[:3]})
