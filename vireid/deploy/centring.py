"""Instance norms of a traced network, whose input is centred before: exact, and the same in every runtime.

Runtimes compute ``x * scale + (shift - mean * scale)``. In a channel that is nearly constant, such as one of a black image, ``scale`` is
large and both terms cancel; of the result, little more than their rounding is left. Without a mean nothing cancels.
"""

from __future__ import annotations

import torch
from torch import fx

ATEN = torch.ops.aten


def centred(traced: fx.GraphModule) -> fx.GraphModule:
    """A traced network that subtracts the mean of every channel before an instance norm.

    Args:
        traced: module of a ``torch.export.ExportedProgram`` in evaluation mode. Its graph is changed.
    """
    graph = traced.graph
    for node in list(graph.nodes):
        if node.target is ATEN.instance_norm.default:
            source = node.args[0]
            with graph.inserting_before(node):
                mean = graph.call_function(ATEN.mean.dim, (source, [2, 3], True))
                rest = graph.call_function(ATEN.sub.Tensor, (source, mean))
            node.args = (rest, *node.args[1:])
    graph.lint()
    traced.recompile()
    return traced
