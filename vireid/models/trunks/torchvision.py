"""Any classification network of torchvision, up to its pooling."""

from __future__ import annotations

from difflib import get_close_matches
from typing import Any

from torch import fx, nn
from torch.nn.functional import adaptive_avg_pool2d
from torchvision import models

from vireid.errors import SettingsError
from vireid.models.trunks.base import IMAGE_SIZE, Trunk, checked_size
from vireid.models.trunks.pretrained import load_pretrained


class Torchvision(Trunk):
    """A classification network of torchvision without pooling and classifier.

    The trunk gives the map that the network itself hands to its pooling. Modules keep torchvision's names.

    Args:
        name: torchvision's, such as ``efficientnet_b0``, ``densenet121`` or ``regnet_y_400mf``; see ``torchvision.models.list_models``.
        image_size: height and width in pixels of the two images that sites are found with. Networks that take one size alone need it.

    Raises:
        SettingsError: no such network, or no such size.

    Example:
        >>> trunk = Torchvision("mobilenet_v3_small")
        >>> trunk.own_weights
        'IMAGENET1K_V1'
    """

    def __init__(self, name: str, image_size: tuple[int, int] = IMAGE_SIZE) -> None:
        known = models.list_models(module=models)
        if name not in known:
            close = get_close_matches(name, known, n=3, cutoff=0.5)
            hint = f"; close names: {', '.join(close)}" if close else ""
            raise SettingsError(f"torchvision has no classification network {name!r}{hint}.")
        self.name, self.image_size = name, checked_size(image_size)
        self.own_weights = models.get_model_weights(name).DEFAULT.name

    def build(self, weights: str | None = None) -> nn.Module:
        """The network, with torchvision's initialisation or weights.

        Args:
            weights: torchvision's name, such as ``IMAGENET1K_V1``, or a file of the network's weights; what its classifier has is left out.

        Raises:
            SettingsError: no such weights, or they cannot be fetched or do not fit.
        """
        trunk = before_pooling(models.get_model(self.name, weights=None))
        if weights is not None:
            load_pretrained(trunk, self.name, weights)
        return trunk


class _Calls(fx.Tracer):
    """Traces the forward of the network itself; what it calls stays whole."""

    def is_leaf_module(self, m: nn.Module, module_qualified_name: str) -> bool:  # noqa: ARG002 (interface)
        return True


def before_pooling(network: nn.Module) -> nn.Module:
    """The network up to the map that it hands to its pooling; all of it where it has none, or gives several tensors in training."""
    graph = _Calls().trace(network)
    output = next(node for node in graph.nodes if node.op == "output")
    pooling = next((node for node in graph.nodes if _pools(node, network)), None)
    if pooling is None or not isinstance(output.args[0], fx.Node) or isinstance(output.args[0].target, type):  # a tuple of its own
        return network
    output.args = (pooling.args[0],)
    nodes = list(graph.nodes)
    for node in reversed(nodes[nodes.index(pooling) : nodes.index(output)]):
        graph.erase_node(node)
    return fx.GraphModule(network, graph, type(network).__name__)


def _pools(node: fx.Node, network: nn.Module) -> bool:
    """Whether a step is the pooling over the whole map."""
    called: Any = network.get_submodule(str(node.target)) if node.op == "call_module" else node.target
    if isinstance(called, nn.Sequential) and len(called):
        called = called[0]
    return isinstance(called, nn.AdaptiveAvgPool2d) or called is adaptive_avg_pool2d or (node.op, called) == ("call_method", "mean")
