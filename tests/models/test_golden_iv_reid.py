"""Networks of IV-REID, built from plug-ins, against the published code's numbers."""

from __future__ import annotations

from collections import OrderedDict

import pytest
import torch
from torch import Tensor, nn

from tests.golden.cgrnet import checksums, close, entry, golden, image_batch, uniform
from tests.golden.cgrnet_tiny import recipe
from vireid.models import Backbone
from vireid.models.heads.mutual_head import MutualLearningNetwork
from vireid.models.parts.base import with_parts
from vireid.models.published.iv_reid import iv_reid_name
from vireid.nn.necks.modality_heads import ModalityHeads
from vireid.search import BNSeparation
from vireid.settings import instantiate

HEADS, TRUNK = golden("iv_reid_heads"), golden("iv_reid_trunk")


def filled_heads() -> ModalityHeads:
    heads = ModalityHeads(16, 6).double()
    heads.load_state_dict({n: entry(iv_reid_name(f"modality_heads.{n}"), v.shape) for n, v in heads.state_dict().items()})
    return heads


def tiny(preset: str = "sysu") -> MutualLearningNetwork:
    """The small network of the file: two convolutions, and the head of a packaged configuration."""
    convolutions = [nn.Conv2d(before, after, 3, 2, 1, bias=False) for before, after in ((3, 16), (16, 32))]
    names = ("conv1", "bn1", "relu", "conv2", "bn2", "relu2")
    layers = (convolutions[0], nn.BatchNorm2d(16), nn.ReLU(), convolutions[1], nn.BatchNorm2d(32), nn.ReLU())
    trunk = nn.Sequential(OrderedDict(zip(names, layers, strict=True)))
    net: MutualLearningNetwork = instantiate(recipe(f"iv_reid_{preset}")["head"]).build(Backbone(trunk, 32), 6).double()
    net.load_state_dict({n: entry(iv_reid_name(n), v.shape) for n, v in net.state_dict().items()})
    return net


def test_heads_in_evaluation() -> None:
    heads, x = filled_heads().eval(), uniform("heads.x", (8, 16), 1.5)
    close(x, HEADS["x"], 0)
    for number, name in enumerate(("rgb", "ir")):
        head = (heads.visible, heads.infrared)[number]
        close(heads(x, 4)[:, number], HEADS[f"eval_{name}_score"], 1e-12)
        close(heads(x, 4)[:, number], HEADS[f"eval_stage_train_{name}_score"], 1e-12)
        close(head.fc1(head.norm(x)), HEADS[f"eval_{name}_hidden"], 1e-12)


def test_heads_in_training() -> None:
    heads, x = filled_heads().train(), uniform("heads.x", (8, 16), 1.5).requires_grad_()
    rgb, ir = heads(x, 4).unbind(1)
    close(rgb, HEADS["train_rgb_score"], 1e-12)
    close(ir, HEADS["train_ir_score"], 1e-12)
    for name, head in (("rgb", heads.visible), ("ir", heads.infrared)):
        close(head.norm.running_mean, HEADS[f"{name}_bn_running_mean"], 1e-12)
        close(head.norm.running_var, HEADS[f"{name}_bn_running_var"], 1e-12)
    (rgb.square().sum() + (ir * ir.detach().sign()).sum()).backward()
    close(x.grad, HEADS["grad_x"], 1e-10)
    found = {iv_reid_name(f"modality_heads.{n}").removeprefix("ide_net."): p.grad for n, p in heads.named_parameters()}
    names = [name.removeprefix("ide_net.") for name in HEADS["grad_names"].tolist()]
    assert set(names) == set(found)
    close(torch.stack([checksums(found[name]) for name in names]), HEADS["grad_checksums"], 1e-10)


def test_tiny_network() -> None:
    net, x = tiny(), image_batch("heads", (8, 3, 32, 16))
    out = net.eval()(x, 4)
    close(out.embeddings, HEADS["tiny_eval_feat_bn"], 1e-12)
    close(out.features, HEADS["tiny_eval_feat_pool"], 1e-12)
    out = net.train()(x, 4)
    close(out.logits, HEADS["tiny_train_score"], 1e-12)
    close(out.embeddings, HEADS["tiny_train_feat_bn"], 1e-12)
    close(net.neck.norm.running_mean, HEADS["tiny_after_train_bottleneck_running_mean"], 1e-12)  # type: ignore[union-attr, arg-type]
    close(net.neck.norm.running_var, HEADS["tiny_after_train_bottleneck_running_var"], 1e-12)  # type: ignore[union-attr, arg-type]


def stem(trunk: nn.Module, x: Tensor) -> Tensor:
    """Output of the pooling that ends the stem."""
    kept: list[Tensor] = []
    handle = trunk.get_submodule("maxpool").register_forward_hook(lambda _module, _inputs, output: kept.append(output))
    trunk(x)
    handle.remove()
    return kept[0]


@pytest.mark.parametrize("name", ["resnet18", "resnet50"])
def test_trunk_with_biases_and_a_linear_stem(name: str) -> None:
    space = BNSeparation(name)
    backbone = with_parts(space.materialise(space.baselines()["all_shared"]), instantiate(recipe("iv_reid_sysu")["trunk_parts"])).double()
    trunk, x = backbone.trunk, uniform(f"trunk.{name}", (2, 3, 64, 32), 1.5)
    trunk.load_state_dict({n: entry(f"base.{n}", v.shape) for n, v in trunk.state_dict().items()})
    trunk.eval()
    out = backbone(x, 1)
    assert list(out.shape) == TRUNK[f"{name}_eval_shape"].tolist()
    close(out.mean((2, 3)), TRUNK[f"{name}_eval_pool"])
    close(out.norm(), TRUNK[f"{name}_eval_norm"])
    pooled = stem(trunk, x)
    close(checksums(pooled), TRUNK[f"{name}_eval_stem_sum_norm"])
    assert float((pooled < 0).double().mean()) == pytest.approx(float(TRUNK[f"{name}_eval_stem_negative_fraction"]), abs=1e-12)
    close(trunk.train()(x).mean((2, 3)), TRUNK[f"{name}_train_pool"])
