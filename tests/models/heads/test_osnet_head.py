"""OSNet's head as settings."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import nn

from vireid.models import Backbone, FullyConnectedHead, build_osnet
from vireid.settings import instantiate, settings_of


def test_the_network_that_it_builds() -> None:
    network = FullyConnectedHead(32, affine=False, dropout=0.25).build(Backbone(build_osnet("osnet_x0_25")), 7)
    assert [name for name, _ in network.named_parameters() if not name.startswith("backbone.")] == [
        "neck.fc.0.weight",
        "neck.fc.0.bias",
        "classifier.weight",
        "classifier.bias",
    ]
    assert [part.p for part in network.modules() if isinstance(part, nn.Dropout)] == [0.25]
    output = network.eval()(torch.rand(2, 3, 64, 32), 2)
    assert output.logits is not None
    assert (output.embeddings.shape, output.logits.shape) == ((2, 32), (2, 7))


def test_the_layer_of_a_checkpoint(tmp_path: Path) -> None:
    state = {"fc.0.weight": torch.rand(512, 128), "fc.0.bias": torch.rand(512), "classifier.weight": torch.zeros(1000, 512)}
    torch.save(state, tmp_path / "osnet.pth")
    head = FullyConnectedHead(weights=str(tmp_path / "osnet.pth"))
    network = head.build(Backbone(build_osnet("osnet_x0_25")), 7)
    assert torch.equal(network.neck.fc[0].weight, state["fc.0.weight"])  # type: ignore[union-attr, index]
    (tmp_path / "osnet.pth").unlink()
    instantiate(settings_of(head)).build(Backbone(build_osnet("osnet_x0_25")), 7)  # a checkpoint of a run does not need the file
