"""Batch norms of a traced network, folded into the convolutions before them: exact, and without the optimiser of the exporter.

That optimiser drops small constants, such as the 1e-12 of GeM pooling, and so makes another network.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import reduce
from typing import Any

import torch
from torch import fx

ATEN = torch.ops.aten
LINEAR = {ATEN.conv2d.default, ATEN.conv1d.default, ATEN.linear.default}
"""Operators whose first arguments are input, weight ``(out, ...)`` and bias ``(out,)``."""


@dataclass(frozen=True)
class _Site:
    """A batch norm behind a convolution, of all its channels or of some."""

    norm: fx.Node
    linear: fx.Node
    first: int
    last: int


def folded(traced: fx.GraphModule) -> fx.GraphModule:
    """A traced network without the batch norms that follow a convolution or a linear layer, directly or behind a choice of channels.

    Args:
        traced: module of a ``torch.export.ExportedProgram`` in evaluation mode. Its graph is changed.

    Returns:
        A new module, which holds only the tensors that it needs.
    """
    graph = traced.graph
    graph.eliminate_dead_code()  # a classifier that nobody asked for
    for node in list(graph.nodes):
        site = _site(node)
        if site is not None:
            _fold(site, traced)
    graph.eliminate_dead_code()
    graph.lint()
    return fx.GraphModule({node.target: _value(traced, node) for node in graph.nodes if node.op == "get_attr"}, graph)


def _value(traced: fx.GraphModule, node: Any) -> Any:
    """The tensor that a node names; ``None`` for ``None``."""
    return None if node is None else reduce(getattr, str(node.target).split("."), traced)


def _site(norm: fx.Node) -> _Site | None:
    """Where a node is a batch norm that can be folded."""
    if norm.target is not ATEN.batch_norm.default or norm.args[5]:  # the latter: it normalises by the batch
        return None
    source = norm.args[0]
    assert isinstance(source, fx.Node)
    if len(source.users) != 1:
        return None
    if source.target in LINEAR:
        return _Site(norm, source, 0, _channels(source))
    part = _part(source)
    if part is None:
        return None
    linear, first, last = part
    others = [_part(user) for user in linear.users if user is not source]
    apart = all(other is not None and (other[2] <= first or last <= other[1]) for other in others)
    return _Site(norm, linear, first, last) if apart else None


def _part(node: fx.Node) -> tuple[fx.Node, int, int] | None:
    """Convolution, first and last channel (exclusive) of a node that chooses channels of a convolution."""
    if node.target is not ATEN.slice.Tensor or len(node.args) not in (3, 4) or node.args[1] != 1:
        return None
    linear, _, first, *rest = node.args
    if not isinstance(linear, fx.Node) or linear.target not in LINEAR:
        return None
    channels = _channels(linear)
    last = rest[0] if rest else channels
    assert isinstance(first, int)
    assert isinstance(last, int)
    return linear, range(channels)[first:last].start, range(channels)[first:last].stop


def _channels(linear: fx.Node) -> int:
    return int(linear.meta["val"].shape[1])


def _fold(site: _Site, traced: fx.GraphModule) -> None:
    """Replace a batch norm by its input, and weight and bias of the convolution by products, computed in float64."""
    source, *affine, _, _, eps, _ = site.norm.args
    weight, bias, mean, var = (_value(traced, node) for node in affine)
    scale = (var.double() + eps).rsqrt() * (1.0 if weight is None else weight.double())
    shift = (0.0 if bias is None else bias.double()) - mean.double() * scale

    images, old_weight, *rest = site.linear.args
    old = _value(traced, old_weight)
    new = {"weight": old.double().clone(), "bias": torch.zeros(len(old), dtype=torch.float64)}
    if rest and rest[0] is not None:
        new["bias"] += _value(traced, rest[0]).double()
    rows = slice(site.first, site.last)
    new["weight"][rows] *= scale.reshape(-1, *[1] * (old.dim() - 1))
    new["bias"][rows] = new["bias"][rows] * scale + shift

    nodes = []
    for kind, value in new.items():
        name = f"{site.norm.name}_folded_{kind}"
        traced.register_buffer(name, value.to(old.dtype))
        with traced.graph.inserting_before(site.linear):
            nodes.append(traced.graph.get_attr(name))
    site.linear.args = (images, *nodes, *rest[1:])
    assert isinstance(source, fx.Node)
    site.norm.replace_all_uses_with(source)
    traced.graph.erase_node(site.norm)
