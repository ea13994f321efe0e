"""Stripes as parts, their relations, and what losses get of them."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor, nn

from vireid.errors import SettingsError
from vireid.models import Backbone, Branch, BranchNeck, BranchNetwork, NetworkOutput, StandardHead, StripeHead, StripeNeck
from vireid.nn import OneVersusRest, Reporting
from vireid.settings import instantiate, settings_of


class Maps(Reporting):
    """A trunk that gives its images as maps and reports their sums."""

    out_channels = 3

    def __init__(self) -> None:
        super().__init__("sums")

    def forward(self, x: Tensor) -> Tensor:
        self.report = x.sum((1, 2, 3)) if self.training else None
        return x


def images(height: int = 7, rows: int = 4) -> Tensor:
    return torch.rand(rows, 3, height, 5, generator=torch.Generator().manual_seed(0))


def network(*arguments: Any, **named: Any) -> Any:
    torch.manual_seed(0)
    return StripeHead(*arguments, **named).build(Backbone(Maps()), 5)


def test_features_are_the_parts_beside_one_another() -> None:
    net, x = network(3, 8, p=2.0).eval(), images()
    output = net(x, 2)
    assert output.features.shape == (4, 24)
    assert torch.equal(output.features, output.embeddings)
    assert torch.equal(net.embed(x, 2), output.embeddings)
    assert output.branches[0].extras is None
    for i, stripe in enumerate((x[:, :, :3], x[:, :, 3:5], x[:, :, 5:])):  # 7 rows: 3, 2, 2
        vector = stripe.square().mean((2, 3)).sqrt()
        part = net.neck.parts[i](vector[:, :, None, None]).flatten(1)
        torch.testing.assert_close(output.features[:, 8 * i : 8 * i + 8], part)
    parts = [net.neck.classifiers[i](output.features[:, 8 * i : 8 * i + 8]) for i in range(3)]
    torch.testing.assert_close(output.logits, sum(parts))


def test_extras_are_for_training() -> None:
    output = network(3, 8).train()(images(), 2)
    shapes = {name: tuple(value.shape) for name, value in output.branches[0].extras.items()}
    rest = {"parts": (4, 3, 8), "part_logits": (4, 3, 5), "relations": (4, 3, 8), "strips": (4, 7, 8), "sums": (4,)}
    assert shapes == rest
    bare = network(3, 8, relation=False, strips=False).train()(images(), 2)
    assert set(bare.branches[0].extras) == {"parts", "part_logits", "sums"}
    assert StripeNeck(3, None, 3, 8).train()([images()]).logits is None


def test_relations_follow_their_formula() -> None:
    torch.manual_seed(0)
    layer, vectors = OneVersusRest(4, 6, 3).eval(), torch.rand(2, 3, 4)
    found = layer(vectors)
    for i in range(3):
        others = torch.stack([vectors[:, j] for j in range(3) if j != i]).mean(0)
        own, rest = (net(v[:, :, None, None]) for net, v in ((layer.own[i], vectors[:, i]), (layer.rest[i], others)))
        torch.testing.assert_close(found[:, i], (own + layer.merged[i](torch.cat((own, rest), 1))).flatten(1))


def test_parts_with_learning_rates_of_their_own() -> None:
    net = network(3, 8)
    parts = net.named_parts()
    assert {name: len(parameters) for name, parameters in parts.items()} == {
        "trunk": 0,
        "neck": 3 * 4,
        "classifier": 3 * 2,
        "relation": 3 * 3 * 4,
        "strips": 4,
    }
    assert sum(map(len, parts.values())) == len(list(net.parameters()))
    assert set(StandardHead().build(Backbone(Maps()), 5).named_parts()) == {"trunk", "neck", "classifier"}


def test_settings_rebuild_it() -> None:
    head = StripeHead(3, 8, 2.0, relation=False)
    again = instantiate(settings_of(head))
    assert settings_of(again) == settings_of(head)
    assert list(again.build(Backbone(Maps()), 5).state_dict()) == list(network(3, 8, 2.0, relation=False).state_dict())


def test_reports_reach_every_branch() -> None:
    class Twice(BranchNeck):
        def forward(self, maps: Any) -> NetworkOutput:
            rows = maps[-1].flatten(1)
            return NetworkOutput((Branch(rows, rows, None), Branch(rows, rows, None, {"own": rows})))

    output = BranchNetwork(Backbone(Maps()), Twice()).train()(images(), 2)
    assert [set(branch.extras or {}) for branch in output.branches] == [{"sums"}, {"sums", "own"}]
    assert BranchNetwork(Backbone(Maps()), Twice()).eval()(images(), 2).branches[0].extras is None


def test_refusals() -> None:
    with pytest.raises(SettingsError, match="The map has 2 rows, too few for 3 stripes"):
        network(3, 8).eval()(images(2), 2)
    with pytest.raises(SettingsError, match="`stripes` and `width` must be at least 1, got 0 and 8"):
        network(0, 8)
    with pytest.raises(SettingsError, match="A relation needs at least 2 parts, got 1"):
        network(1, 8)
    with pytest.raises(SettingsError, match="`p` must be above 0"):
        network(3, 8, p=0.0)
    assert isinstance(network(1, 8, relation=False), nn.Module)
