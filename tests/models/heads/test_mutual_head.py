"""The head with classifiers of each modality, and the parts of the trunk that go with its published training."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor, nn

from vireid.errors import SettingsError
from vireid.models import Backbone
from vireid.models.heads.mutual_head import MutualLearningHead, MutualLearningNetwork
from vireid.models.parts.base import TwoStreams, with_parts
from vireid.models.parts.iv_reid import ConvolutionBias, LinearStem
from vireid.models.published.iv_reid import iv_reid_name, load_iv_reid_state
from vireid.nn import GlobalAveragePooling
from vireid.search import BNSeparation, OSNetAIN
from vireid.settings import instantiate, settings_of

SPACE = BNSeparation("resnet10", width=8)


def backbone() -> Backbone:
    torch.manual_seed(0)
    return SPACE.materialise(SPACE.baselines()["all_shared"])


def images(rows: int = 6) -> Tensor:
    return torch.randn(rows, 3, 32, 16, generator=torch.Generator().manual_seed(1))


def network(**settings: object) -> MutualLearningNetwork:
    net = MutualLearningHead(hidden=10, **settings).build(backbone(), 5)  # type: ignore[arg-type]
    nn.init.uniform_(net.neck.norm.weight, 0.5, 2.0) if settings.get("neck_norm") != "none" else None  # type: ignore[union-attr, arg-type]
    return net


@pytest.mark.parametrize("heads_on", ["neck", "pool"])
@pytest.mark.parametrize("head_bn", ["mixed", "per_modality"])
def test_modality_logits_in_training_alone(heads_on: str, head_bn: str) -> None:
    net = network(heads_on=heads_on, head_bn=head_bn).train()
    out = net(images(), 4)
    assert out.branches[0].extras is not None
    assert net.modality_heads is not None
    seen = out.embeddings if heads_on == "neck" else out.features
    torch.testing.assert_close(out.branches[0].extras["modality_logits"], net.modality_heads(seen, 4))
    assert out.branches[0].extras["modality_logits"].shape == (6, 2, 5)
    assert net.eval()(images(), 4).branches[0].extras is None


def test_what_is_seen_differs_by_the_neck() -> None:
    outs = {on: network(heads_on=on).train()(images(), 3) for on in ("neck", "pool")}
    torch.testing.assert_close(outs["neck"].embeddings, outs["pool"].embeddings)
    assert not torch.allclose(*(out.branches[0].extras["modality_logits"] for out in outs.values()))


def test_parts_hold_every_parameter_once() -> None:
    net = network(neck_bias=True, classifier_bias=True)
    parts = net.named_parts()
    assert list(parts) == ["trunk", "neck", "classifier", "modality_heads"]
    held = [id(parameter) for part in parts.values() for parameter in part]
    assert sorted(held) == sorted(id(parameter) for parameter in net.parameters())
    assert [len(part) for part in parts.values()] == [len(list(net.backbone.parameters())), 2, 2, 12]


@pytest.mark.parametrize("neck_norm", ["bn", "gn", "none"])
def test_necks_and_pooling(neck_norm: str) -> None:
    class Doubling(GlobalAveragePooling):
        def forward(self, x: Tensor) -> Tensor:
            return 2 * super().forward(x)

    net = network(neck_norm=neck_norm, pooling=Doubling()).eval()
    out = net(images(), 3)
    torch.testing.assert_close(out.features, 2 * net.backbone(images(), 3).mean((2, 3)))
    assert torch.equal(out.features, out.embeddings) == (neck_norm == "none")
    assert torch.equal(net.embed(images(), 3), out.embeddings)


def test_without_classes() -> None:
    net = MutualLearningHead().build(backbone(), 0).train()
    assert net.modality_heads is None
    assert net(images(), 3).branches[0].extras is None
    assert net.named_parts()["modality_heads"] == []


def test_settings() -> None:
    head = MutualLearningHead(7, "pool", "per_modality", "gn", True, True)
    again = instantiate(settings_of(head))
    assert settings_of(again) == settings_of(head)
    net = again.build(backbone(), 5)
    assert net.modality_heads.head_bn == "per_modality"
    assert net.classifier.bias is not None
    with pytest.raises(SettingsError, match="`heads_on` must be neck or pool, got 'trunk'"):
        MutualLearningHead(heads_on="trunk")  # type: ignore[arg-type]


def test_number_of_parameters() -> None:
    with torch.device("meta"):
        space = BNSeparation("resnet50")
        trunk = space.materialise(space.baselines()["all_shared"])
        plain = sum(parameter.numel() for parameter in trunk.parameters())
        net = MutualLearningHead(neck_bias=True, classifier_bias=True).build(with_parts(trunk, [ConvolutionBias()]), 395)
    counts = {name: sum(parameter.numel() for parameter in part) for name, part in net.named_parts().items()}
    assert plain == 23_508_032
    assert counts == {"trunk": 23_534_592, "neck": 4_096, "classifier": 809_355, "modality_heads": 2 * 1_255_819}
    assert sum(counts.values()) == 26_859_681


def test_biases_shift_the_output_of_convolutions() -> None:
    plain, biased = backbone(), with_parts(backbone(), [ConvolutionBias()])
    convolutions = {name: layer for name, layer in biased.trunk.named_modules() if isinstance(layer, nn.Conv2d)}
    assert len(convolutions) == 12
    for name, layer in convolutions.items():
        bare = plain.trunk.get_submodule(name)
        assert isinstance(bare, nn.Conv2d)
        assert torch.equal(layer.weight, bare.weight)
        assert layer.bias is not None
        bound = 1 / math.sqrt(layer.weight[0].numel())
        assert 0.5 * bound < float(layer.bias.detach().abs().max()) <= bound
        assert layer.bias.requires_grad
        x = torch.randn(2, layer.in_channels, 8, 8)
        torch.testing.assert_close(layer(x), bare(x) + layer.bias[:, None, None])
    torch.testing.assert_close(biased.train()(images(), 3), plain.train()(images(), 3), rtol=1e-3, atol=1e-4)  # batch norms take them away
    with pytest.raises(SettingsError, match="ConvolutionBias finds no convolution without a bias"):
        with_parts(biased, [ConvolutionBias()])


def test_streams_have_biases_of_their_own() -> None:
    trunk = with_parts(backbone(), [TwoStreams("maxpool"), ConvolutionBias()]).trunk
    assert not torch.equal(trunk.get_submodule("conv1.visible").bias, trunk.get_submodule("conv1.infrared").bias)  # type: ignore[arg-type]


def test_a_stem_without_relu() -> None:
    plain, linear = backbone().eval().trunk, with_parts(backbone(), [LinearStem()]).eval().trunk
    stem = linear.maxpool(linear.bn1(linear.conv1(images())))  # type: ignore[operator]
    assert (stem < 0).any()
    torch.testing.assert_close(linear(images()), linear.layer4(linear.layer3(linear.layer2(linear.layer1(stem)))))  # type: ignore[operator]
    assert not torch.allclose(linear(images()), plain(images()))
    assert list(linear.state_dict()) == list(plain.state_dict())
    osnet = OSNetAIN("x0_25")
    with pytest.raises(SettingsError, match="LinearStem needs a trunk whose stem has a ReLU named `relu`"):
        with_parts(osnet.materialise(osnet.baseline("all_none")), [LinearStem()])


def test_published_state_both_ways() -> None:
    def made() -> MutualLearningNetwork:
        return MutualLearningHead(10, neck_bias=True, classifier_bias=True).build(with_parts(backbone(), [ConvolutionBias()]), 5)

    net, other = made(), made()
    for parameter in net.parameters():
        nn.init.normal_(parameter)
    state = {iv_reid_name(name): value for name, value in net.state_dict().items()}
    assert {name.split(".")[0] for name in state} == {"model", "ide_net"}
    assert load_iv_reid_state(other, {f"module.{name}": value for name, value in state.items()}) == ([], [], ())
    assert all(torch.equal(value, net.state_dict()[name]) for name, value in other.state_dict().items())
    model = {name.removeprefix("model."): value for name, value in state.items() if name.startswith("model.")}
    report = load_iv_reid_state(made(), {**model, "extra.weight": torch.zeros(1)})
    assert {name.split(".")[0] for name in report.missing} == {"modality_heads"}
    assert report.unused == ["extra.weight"]
    with pytest.raises(ValueError, match=r"share_classifier.weight has shape \(3, 64\), but classifier.weight needs \(5, 64\)"):
        load_iv_reid_state(made(), {**model, "share_classifier.weight": torch.zeros(3, 64)})
