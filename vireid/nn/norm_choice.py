"""A normalisation site during search: every candidate beside the others, mixed by weights."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from vireid.errors import SettingsError
from vireid.nn.batch_norm import check_rows
from vireid.nn.mixture import fused_mixture, plain_mixture
from vireid.nn.moments import Moments, wide
from vireid.nn.norm_candidates import CANDIDATES, norm_candidate
from vireid.structures import Modality


class NormChoice(nn.Module):
    """Weighted mixture of normalisations that replaces a ``BatchNorm2d``.

    The mixture is computed in collapsed form (:mod:`vireid.nn.mixture`). A one-hot mixture whose weights need no gradient
    runs the one plain layer. A candidate with weight 0 is skipped when the weights need no gradient, and never updates its
    running statistics.

    Args:
        bn: pretrained layer; every candidate starts from its parameters and running statistics.
        candidates: at least one id, each once; kept in the order of :data:`CANDIDATES` whatever order is given.

    Attributes:
        candidates: ids, in the order of the weights.
        layers: candidate id to plain layer.
        n_visible: visible rows of the next batch, written by the network; ``None`` until then.
        weights: ``(K,)`` mixture weights of the next batch, any device; uniform at first. See :meth:`set_mixture`.
        active: which weights are not 0.

    Raises:
        SettingsError: unknown, repeated or no candidates, or a ``bn`` without affine parameters.

    Example:
        >>> site = NormChoice(nn.BatchNorm2d(4))
        >>> site.n_visible = 2
        >>> site.set_mixture(torch.tensor([0.3, 0.7]))
        >>> site(torch.randn(4, 4, 3, 3)).shape
        torch.Size([4, 4, 3, 3])
    """

    def __init__(self, bn: nn.BatchNorm2d, candidates: Sequence[str] = ("shared_bn", "separate_bn")) -> None:
        super().__init__()
        if not candidates or len(set(candidates)) != len(candidates):
            raise SettingsError(f"`candidates` must name at least one candidate, each once, got {tuple(candidates)}.")
        kinds = {name: norm_candidate(name) for name in sorted(candidates, key=lambda name: _rank(name))}
        if bn.weight is None or bn.bias is None:
            raise SettingsError("NormChoice needs a BatchNorm2d with affine parameters (affine=True).")
        self.candidates = tuple(kinds)
        self.kinds = tuple(kinds.values())
        self.layers = nn.ModuleDict({name: kind.build(copy.deepcopy(bn)) for name, kind in kinds.items()})
        self.eps = bn.eps
        self.n_visible: int | None = None
        self.set_mixture(torch.full((len(kinds),), 1.0 / len(kinds)))

    def set_mixture(self, weights: Tensor, values: Sequence[float] | None = None) -> None:
        """Weights of the next batches.

        Args:
            weights: ``(K,)``, may require gradients.
            values: the same as Python numbers, where the caller has them; otherwise they are read from the device.

        Raises:
            ValueError: another number of weights.
        """
        if tuple(weights.shape) != (len(self.candidates),):
            raise ValueError(f"Expected one weight for each of {', '.join(self.candidates)}, got shape {tuple(weights.shape)}.")
        values = weights.detach().tolist() if values is None else values
        self.weights = weights
        self.active = tuple(value != 0 for value in values)
        self.one_hot = sum(self.active) == 1 and 1.0 in values

    def forward(self, x: Tensor) -> Tensor:
        """Mixture of the normalisations of ``(B, C, H, W)``; same shape.

        Raises:
            SettingsError: ``n_visible`` is not set or exceeds B.
            ValueError: one value per channel in a training batch.
        """
        n = check_rows(x, self.n_visible, "NormChoice")
        if self.one_hot and not self.weights.requires_grad:
            return self._run_single(x, n)
        spans = ((Modality.VISIBLE, slice(0, n)), (Modality.INFRARED, slice(n, x.shape[0])))
        present = [(modality, part) for modality, part in spans if part.stop > part.start]
        return self._run_mixture(x, [modality for modality, _ in present], [part for _, part in present])

    def _run_single(self, x: Tensor, n: int) -> Tensor:
        layer = self.layers[self.candidates[self.active.index(True)]]
        if hasattr(layer, "n_visible"):
            layer.n_visible = n  # type: ignore[assignment]  # typed as a submodule otherwise
        return layer(x)  # type: ignore[no-any-return]  # nn.Module.__call__ is untyped

    def _run_mixture(self, x: Tensor, modalities: list[Modality], parts: list[slice]) -> Tensor:
        kept = [index for index, on in enumerate(self.active) if on or self.weights.requires_grad]
        used = [(self.kinds[index], self.layers[self.candidates[index]]) for index in kept]
        weights = self.weights.to(x.device)
        weights = weights if len(kept) == len(self.active) else weights[kept]
        affine = [kind.affine(layer, modalities) for kind, layer in used]
        small = (weights.to(wide(x)), torch.stack([gamma for gamma, _ in affine]), torch.stack([beta for _, beta in affine]))

        def statistics(moments: Moments | None) -> tuple[Tensor, Tensor]:
            pairs = [kind.statistics(layer, moments, modalities) for kind, layer in used]
            return torch.stack([mean for mean, _ in pairs]), torch.stack([var for _, var in pairs])

        moments: Moments | None
        batch = any(kind.uses_batch(layer) for kind, layer in used)
        if batch and not torch.compiler.is_compiling():
            out, moments = fused_mixture(x, parts, statistics, self.eps, *small)
        else:
            out, moments = plain_mixture(x, parts, statistics, self.eps, batch, *small)
        if moments is not None:
            for index, (kind, layer) in zip(kept, used, strict=True):
                if self.active[index]:
                    kind.update(layer, moments, modalities)
        return out

    def candidate_parameters(self, k: int) -> list[nn.Parameter]:
        """Parameters of candidate number ``k`` alone."""
        return list(self.layers[self.candidates[k]].parameters())

    def resolve(self, candidate: str) -> nn.Module:
        """The plain layer of one candidate, with its own copy of parameters and statistics.

        Raises:
            SettingsError: the site has no such candidate.
        """
        if candidate not in self.layers:
            raise SettingsError(f"This site has no candidate {candidate!r}, only {', '.join(self.candidates)}.")
        return copy.deepcopy(self.layers[candidate])

    def __getstate__(self) -> dict[str, Any]:
        """Copies and pickles carry the weights without their graph."""
        return {**self.__dict__, "weights": self.weights.detach()}

    def extra_repr(self) -> str:
        """Candidates in order."""
        return ", ".join(self.candidates)


def _rank(name: str) -> int:
    return CANDIDATES.index(name) if name in CANDIDATES else len(CANDIDATES)
