"""A normalisation site during search: every candidate beside the others, mixed by weights."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import Any, Literal, get_args

import torch
from torch import Tensor, nn

from vireid.errors import SettingsError
from vireid.nn.choice import Choice
from vireid.nn.norm.batch_norm import Followed, check_count, check_rows, update_all, update_running, updates_statistics
from vireid.nn.norm.mixed_site import mixed_site
from vireid.nn.norm.mixing import mix
from vireid.nn.norm.mixture import Mixed, norm_mixture
from vireid.nn.norm.moments import Moments, wide
from vireid.nn.norm.norm_candidates import Part, Source, norm_candidate, norm_parts
from vireid.nn.norm.synchronised import across_processes
from vireid.structures import Modality
from vireid.structures.norm_candidates import CANDIDATES

Affine = Literal["per_candidate", "common", "none"]


class NormChoice(Choice):
    """Weighted mixture of normalisations that replaces a ``BatchNorm2d``.

    The mixture is computed in collapsed form (``mixture``): whatever the candidates, one pass for statistics and
    one that scales and shifts. With all five at every site, a training step of ResNet-50 takes about a tenth longer than a plain
    one. A one-hot mixture whose weights need no gradient runs the one plain layer. A candidate with weight 0 is skipped when the
    weights need no gradient, and does not update its running statistics. On a GPU the algebra of a site in a search step is one kernel each
    way (``fused``), where Triton can compile it.

    Statistics and the small algebra are float32 or better under autocast. Under activation checkpointing the recomputed pass
    updates running statistics again, as that of a ``BatchNorm2d`` does.

    Args:
        bn: pretrained layer; every candidate starts from its parameters and running statistics.
        candidates: at least one id, each once; kept in the order of :data:`CANDIDATES` whatever order is given.
        affine: ``per_candidate``: each candidate has the weight and bias that its child will have, and may win by them;
            ``common``: one weight and bias after the mixture; ``none``: no weight and bias while searching (OSNet-AIN).
        update_skipped: whether candidates with weight 0 follow the statistics of the batch too.
        synchronise: whether statistics of batches and modalities are those of all processes. They are exchanged once per site, as by
            ``torch.nn.SyncBatchNorm`` (but on any device).

    Attributes:
        layers: candidate id to plain layer.
        n_visible: visible rows of the next batch, written by the network; ``None`` until then.

    Raises:
        SettingsError: unknown, repeated or no candidates, an unknown ``affine``, or a ``bn`` without affine parameters.

    Example:
        >>> site = NormChoice(nn.BatchNorm2d(4), ("shared_bn", "separate_bn", "in"))
        >>> site.n_visible = 2
        >>> site.set_mixture(torch.tensor([0.3, 0.5, 0.2]))
        >>> site(torch.randn(4, 4, 3, 3)).shape
        torch.Size([4, 4, 3, 3])

    Reference:
        Collapsed form and joint candidates are this project's. Candidates: Fu et al., CM-NAS, ICCV 2021 (shared or
        separate); Zhou et al., OSNet-AIN, TPAMI 2021 (instance norm); Pan et al., IBN-Net, ECCV 2018.
    """

    def __init__(
        self,
        bn: nn.BatchNorm2d,
        candidates: Sequence[str] = ("shared_bn", "separate_bn"),
        affine: Affine = "per_candidate",
        update_skipped: bool = False,
        synchronise: bool = False,
    ) -> None:
        if not candidates or len(set(candidates)) != len(candidates):
            raise SettingsError(f"`candidates` must name at least one candidate, each once, got {tuple(candidates)}.")
        for name in candidates:
            norm_candidate(name)
        if bn.weight is None or bn.bias is None:
            raise SettingsError("NormChoice needs a BatchNorm2d with affine parameters (affine=True).")
        if affine not in get_args(Affine):
            raise SettingsError(f"`affine` must be one of {', '.join(get_args(Affine))}, got {affine!r}.")
        super().__init__(sorted(candidates, key=CANDIDATES.index))
        self.affine = affine
        self.update_skipped = update_skipped
        self.synchronise = synchronise
        self.layers = nn.ModuleDict({name: norm_candidate(name)(_source_layer(bn, affine)) for name in self.candidates})
        self.weight = nn.Parameter(bn.weight.detach().clone()) if affine == "common" else None
        self.bias = nn.Parameter(bn.bias.detach().clone()) if affine == "common" else None
        self.register_buffer("like", bn.weight.detach().new_empty(0), persistent=False)  # dtype and device of parameters to come
        self.like: Tensor
        self.runs_plainly = affine == "per_candidate" and not (update_skipped or synchronise)  # the plain layer does all
        self.num_features, self.eps = bn.num_features, bn.eps
        self.n_visible: int | None = None
        self.coefficients: Tensor | None = None
        self.record: Callable[[NormChoice, list[Followed]], None] | None = None

    @property
    def runs_alone(self) -> bool:
        """Whether the one plain layer of a one-hot mixture does all."""
        return self.runs_plainly and self.one_hot and not self.weights.requires_grad

    def parts(self) -> list[list[Part]]:
        """The simple normalisations of each candidate."""
        return [norm_parts(self.layers[name]) for name in self.candidates]

    def forward(self, x: Tensor) -> Tensor:
        """Mixture of the normalisations of ``(B, C, H, W)``; same shape.

        Raises:
            SettingsError: ``n_visible`` is not set or exceeds B.
            ValueError: one value per channel in a training batch, or one pixel for an instance norm.
        """
        n = check_rows(x, self.n_visible, "NormChoice")
        compiling = torch.compiler.is_compiling()  # a graph must not depend on which candidates were drawn
        every = compiling or self.weights.requires_grad
        if not compiling and self.runs_alone:
            return self._run_single(x, n)
        kept = [k for k in range(len(self.candidates)) if every or self.active[k]]
        spans = ((Modality.VISIBLE, slice(0, n)), (Modality.INFRARED, slice(n, x.shape[0])))
        shares = self._shares()
        if not shares:
            spans = tuple((modality, rows) for modality, rows in spans if rows.stop > rows.start)  # type: ignore[assignment]
        return self._run_mixture(x, kept, [modality for modality, _ in spans], [rows for _, rows in spans], shares)

    def _shares(self) -> bool:
        """Whether processes exchange statistics now: not in evaluation, where they may have different numbers of batches."""
        sources = {part.source for own in self.parts() for part in own} if self.synchronise else set()
        return not sources.isdisjoint({Source.POOLED, Source.MODALITY}) and across_processes() is not None

    def _run_single(self, x: Tensor, n: int) -> Tensor:
        layer = self.layers[self.candidates[self.active.index(True)]]
        for module in layer.modules():
            if hasattr(module, "n_visible"):
                module.n_visible = n  # type: ignore[assignment]  # typed as a submodule otherwise
        return layer(x)  # type: ignore[no-any-return]  # nn.Module.__call__ is untyped

    def _run_mixture(self, x: Tensor, kept: list[int], modalities: list[Modality], rows: list[slice], shares: bool) -> Tensor:
        parts = self.parts()
        used = [parts[k] for k in kept]
        _check_sizes(x, [part for own in used for part in own], rows, shares)
        if self.coefficients is not None:
            out, moments = self._mixed_before(x, rows, self.coefficients)
        else:
            weights = self.weights.to(device=x.device, dtype=wide(x))
            mixed = mix(
                used, modalities, weights if len(kept) == len(parts) else torch.stack([weights[k] for k in kept]), self.num_features
            )
            if self.weight is not None and self.bias is not None:
                mixed = _scaled(mixed, self.weight.to(wide(x)), self.bias.to(wide(x)))
            out, moments = norm_mixture(x, rows, mixed, self.eps, across_processes() if shares else None)
        if moments is not None:
            self._follow(parts, moments, modalities)
        return out

    def _mixed_before(self, x: Tensor, rows: list[slice], coefficients: Tensor) -> tuple[Tensor, Moments | None]:
        """The mixture, where the parameters of all sites were mixed before the forward pass."""
        if self.weight is not None and self.bias is not None:
            weight, bias = self.weight.to(coefficients), self.bias.to(coefficients)
            coefficients = torch.cat((torch.addcmul(bias, coefficients[:1], weight), coefficients[1:] * weight))
        return mixed_site(x, coefficients, rows, self.eps)

    def _follow(self, parts: Sequence[Sequence[Part]], moments: Moments, modalities: Sequence[Modality]) -> None:
        """Running statistics of the candidates that the batch uses follow it."""
        if torch.compiler.is_compiling():  # a graph must not depend on which candidates were drawn
            for own, weight in zip(parts, self.weights.detach().unbind(), strict=True):
                share = torch.ones_like(weight) if self.update_skipped else (weight != 0).to(weight)
                for step in _followed(own, moments, modalities):
                    update_running(*step, share=share)
            return
        used = [own for own, active in zip(parts, self.active, strict=True) if active or self.update_skipped]
        steps = [step for own in used for step in _followed(own, moments, modalities)]
        if self.record is None:
            update_all(steps)
        else:
            self.record(self, steps)

    def __getstate__(self) -> dict[str, Any]:
        """Copies and pickles are of no forward pass."""
        return {**super().__getstate__(), "coefficients": None, "record": None}

    def candidate_parameters(self, k: int) -> list[nn.Parameter]:
        """Parameters of candidate number ``k`` alone."""
        return list(self.layers[self.candidates[k]].parameters())

    def resolve(self, candidate: str) -> nn.Module:
        """The plain layer of one candidate, with its own copy of parameters and statistics.

        With ``affine="common"`` it gets copies of the common parameters, with ``"none"`` ones and zeros.

        Raises:
            SettingsError: the site has no such candidate.
        """
        if candidate not in self.layers:
            raise SettingsError(f"This site has no candidate {candidate!r}, only {', '.join(self.candidates)}.")
        layer = copy.deepcopy(self.layers[candidate])
        for part in norm_parts(layer) if self.affine != "per_candidate" else ():
            for name, common, fill in (("weight", self.weight, 1.0), ("bias", self.bias, 0.0)):
                value = self.like.new_full((self.num_features,), fill) if common is None else common.detach()
                setattr(part.norm, name, nn.Parameter(value[part.channels].clone()))
            part.norm.affine = True
        return layer


def _source_layer(bn: nn.BatchNorm2d, affine: Affine) -> nn.BatchNorm2d:
    """A copy of the pretrained layer, without parameters where candidates have none."""
    layer = copy.deepcopy(bn)
    if affine != "per_candidate":
        layer.affine = False
        layer.weight = None  # type: ignore[assignment]  # as torch does for affine=False
        layer.bias = None  # type: ignore[assignment]
    return layer


def _scaled(mixed: Mixed, weight: Tensor, bias: Tensor) -> Mixed:
    factors = {name: getattr(mixed, name) for name in ("pooled", "modality", "row", "fixed")}
    return replace(
        mixed, offset=mixed.offset * weight + bias, **{name: value * weight for name, value in factors.items() if value is not None}
    )


def _check_sizes(x: Tensor, parts: Sequence[Part], rows: Sequence[slice], synchronise: bool) -> None:
    sources, pixels = {part.source for part in parts}, x.shape[2] * x.shape[3]
    if Source.ROW in sources and pixels < 2:
        raise ValueError("Instance normalisation needs more than 1 pixel per channel; got a map of 1 x 1.")
    if sources & {Source.POOLED, Source.MODALITY} and not synchronise:
        counts = [(part.stop - part.start) * pixels for part in rows]
        for count in counts if Source.MODALITY in sources else [sum(counts)]:
            check_count(count)


def _followed(parts: Sequence[Part], moments: Moments, modalities: Sequence[Modality]) -> Iterator[Followed]:
    """The layers whose running statistics follow those of the batch; not those of a modality without rows."""
    for part in parts:
        if not isinstance(part.norm, nn.BatchNorm2d) or not updates_statistics(part.norm):
            continue
        if part.modality is None:
            mean, var, count = moments.pooled()
        elif part.modality in modalities:
            group = modalities.index(part.modality)
            mean, var, count = moments.mean[group], moments.var[group], moments.counts[group]
        else:
            continue
        if count > 1:
            yield Followed(part.norm, mean[part.channels], var[part.channels], count)
