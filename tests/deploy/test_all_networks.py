"""Graphs of every registered network equal it, from files, in both modalities.

The largest difference of unit embeddings is 1e-5, or twice what torch's single precision is from its double precision: a deep network with
instance norms that nobody trained multiplies every rounding, whoever makes it.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
import yaml

from tests.deploy.trained import SPACE, checkpoint, in_double, module, photograph, randomised, scene, settle
from vireid import Embedder, RetrainModule
from vireid.commands.configs import packaged_configs
from vireid.deploy import OnnxEmbedder, verify
from vireid.deploy.export import export_network
from vireid.models import FineGrainedHead, Timm, Torchvision
from vireid.nn import CANDIDATES
from vireid.search import BNSeparation, CombinedDepth, JointNorm, OSNetAIN
from vireid.settings import instantiate, settings_of
from vireid.structures import Genotype, Modality

pytestmark = pytest.mark.slow
SIZE = {"height": 96, "width": 48}
SYSTEMS = ["agw", "agw_base", "caj", "caj_plus", "iv_reid_sysu", "iv_reid_regdb", "cgrnet_released", "cgrnet_full", "hhrg", "combined"]


def system(name: str, **head: Any) -> RetrainModule:
    """A published system on a tiny ResNet."""
    model = yaml.safe_load((packaged_configs() / "train" / f"{name}.yaml").read_text(encoding="utf-8"))["model"]
    model["init_args"] |= {"space": settings_of(SPACE), "weights": None, "num_classes": 4}
    if head:
        model["init_args"]["head"]["init_args"] |= head
    task: RetrainModule = instantiate(model)
    randomised(task.network)
    return task


def of_norm(candidate: str) -> RetrainModule:
    """A child all of whose sites took one candidate, as far as a site may."""
    space = JointNorm("resnet10", width=8)
    choices = {site.name: candidate if candidate in site.candidates else "shared_bn" for site in space.sites()}
    return module(Genotype(settings_of(space), choices).to_dict(), space)  # type: ignore[arg-type]


NETWORKS: dict[str, Callable[[], RetrainModule]] = {
    **{candidate: lambda candidate=candidate: of_norm(candidate) for candidate in CANDIDATES},  # type: ignore[misc]
    **{name: lambda name=name: system(name) for name in SYSTEMS if name != "hhrg"},  # type: ignore[misc]
    "hhrg": lambda: system("hhrg", stripes=3, width=16),
    "osnet_ain": lambda: module("osnet_ain", OSNetAIN("x0_25")),
    "cdnet": lambda: module("published", CombinedDepth(width=0.25), head=FineGrainedHead(fc_dims=[16], dropout=0.2)),
    "torchvision": lambda: module("all_separate", BNSeparation(Torchvision("mobilenet_v2"))),
    "timm": lambda: module("random-1", JointNorm(Timm("resnet10t"))),
    "resnet50": lambda: module("random-2", JointNorm("resnet50")),
}


@pytest.mark.parametrize("name", NETWORKS)
def test_parity_of_every_network(name: str, tmp_path: Path) -> None:
    task = NETWORKS[name]()
    settle(task.network, SIZE["height"], SIZE["width"])
    network = Embedder.load(checkpoint(task, tmp_path / "any.ckpt", SIZE))
    export_network(tmp_path / "any.ckpt", tmp_path / "out")
    runtime = OnnxEmbedder(tmp_path / "out", threads=1)
    images: list[Any] = [photograph(tmp_path / f"{seed}.png", seed, grey=True, size=(60, 110)) for seed in range(3)]
    images += [scene(seed) for seed in range(27)]
    images += [np.zeros((96, 48), np.uint8), np.full((96, 48), 200, np.uint8), np.full((5, 5), 255, np.uint8)]
    exact = in_double(tmp_path / "any.ckpt")
    for modality in Modality:
        expected = network.embed(images, modality)
        bound = max(1e-5, 2 * np.abs(exact.embed(images, modality) - expected).max())
        assert verify(tmp_path / "out").differences[modality] <= bound
        assert np.isfinite(expected).all()
        assert np.abs(expected[3] - expected[4]).max() > 1e-3  # they tell images apart
        for size in (1, 2, 7, 33):
            runtime.batch_size = size
            assert np.abs(runtime.embed(images, modality) - expected).max() <= bound
    for path in (tmp_path / "out").glob("*.onnx"):
        nodes = onnx.load(path).graph.node
        makers = {output: node.op_type for node in nodes for output in node.output}
        assert not [node.name for node in nodes if node.op_type == "BatchNormalization" and makers.get(node.input[0]) == "Conv"]
