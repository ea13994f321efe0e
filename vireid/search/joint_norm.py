"""Search spaces over the normalisations of a ResNet."""

from __future__ import annotations

from collections.abc import Sequence

import torch

from vireid.models import Backbone, build_resnet
from vireid.models.resnet import check_resnet
from vireid.nn import CANDIDATES
from vireid.nn.norm_candidates import norm_candidate
from vireid.search.norm_baselines import norm_baselines
from vireid.search.norm_cost import TrunkFacts, cost_table, total_cost, trunk_facts
from vireid.search.norm_supernet import NormSupernet, batch_norm_at
from vireid.search.site_selection import Tie, ordered_candidates, ordered_subset, select_sites
from vireid.search.sites import Site, resnet_norm_sites
from vireid.search.space import CostKind, SearchSpace
from vireid.search.supernet_norms import SupernetNorms
from vireid.structures import Genotype


class JointNorm(SearchSpace):
    """Every ``BatchNorm2d`` of a ResNet trunk chooses how it normalises.

    Sites come in the order of execution and are named by torchvision's module names, see
    :func:`~vireid.search.sites.resnet_norm_sites`.

    Args:
        candidates: at least two ids, see :data:`vireid.nn.CANDIDATES`; kept in that order.
        backbone: ``resnet10``, ``resnet18``, ``resnet34``, ``resnet50``, ``resnet101`` or ``resnet152``.
        last_stride: stride of stage 4.
        width: channels of the stem; 64 except for backbones of basic blocks.
        sites: patterns of site names: ``bn1`` is the stem, ``layer1.*`` stage 1, ``*.bn3`` the last norm of every bottleneck,
            ``*.downsample.1`` every shortcut. A normalisation that matches none stays the plain shared layer and is no site.
        tie: sites that always take the same candidate: ``none``, those of a ``block`` (``layer1.0``), of a ``stage``
            (``layer1``), or of a ``role`` (``bn1``, ``bn2``, ``bn3``, ``downsample``) in all blocks. The stem is alone.
        subsets: pattern to at least two of ``candidates``, which are then all that the matching sites may become; the last
            pattern that matches counts. ``None`` for all candidates everywhere.

    Raises:
        SettingsError: arguments that no network fits, patterns without a match, or tied sites with different candidates.

    Example:
        >>> space = JointNorm(("shared_bn", "separate_bn"), "resnet50", sites=("layer1.*", "layer2.*"), tie="block")
        >>> len(space.sites()), len(space.encode(space.baselines()["all_shared"]))
        (23, 7)
    """

    def __init__(
        self,
        candidates: Sequence[str] = CANDIDATES,
        backbone: str = "resnet50",
        last_stride: int = 1,
        width: int = 64,
        sites: Sequence[str] = ("*",),
        tie: Tie = "none",
        subsets: dict[str, list[str]] | None = None,
    ) -> None:
        check_resnet(backbone, last_stride, width)
        self.candidates = ordered_candidates(candidates, "`candidates`")
        self.backbone, self.last_stride, self.width = backbone, last_stride, width
        self.norms = tuple(resnet_norm_sites(backbone, self.candidates, width))
        found = {pattern: ordered_subset(ids, self.candidates, pattern) for pattern, ids in dict(subsets or {}).items()}
        self._sites = select_sites(self.norms, sites, found, tie)
        if type(self) is JointNorm:  # a restriction has no such arguments to record
            self.record(candidates=self.candidates, subsets=found or None)

    def sites(self) -> list[Site]:
        """Every choice, in the order of execution."""
        return list(self._sites)

    def supernet(self, weights: str | None = None, norms: SupernetNorms | None = None) -> NormSupernet:
        """The trunk with a :class:`~vireid.nn.NormChoice` at every site, all candidates equal to the pretrained layer."""
        return NormSupernet(self._trunk(weights), self.sites(), norms)

    def materialise(self, genotype: Genotype, weights: str | None = None) -> Backbone:
        """The plain trunk of a point; ``shared_bn`` is torchvision's own layer, untouched."""
        self.validate(genotype)
        trunk = self._trunk(weights)
        for name, candidate in genotype.choices.items():
            bn = batch_norm_at(trunk, name)
            layer = norm_candidate(candidate)(bn)
            if layer is not bn:
                trunk.set_submodule(name, layer)
        return Backbone(trunk)

    def cost(self, genotype: Genotype) -> dict[str, float]:
        """What a point costs.

        ``parameters`` of the trunk, of them ``extra_parameters`` over the plain trunk; ``running_statistics``: values of running
        means and variances of the trunk; sites that are modality-specific (``modality_specific_sites``), that fold into the
        convolution before them at inference (``foldable_sites``), or not (``unfoldable_sites``); ``runtime_elements``: values
        of the maps that the latter still normalise, for one image of 256 x 128; and ``latency``, an estimate relative to the folded trunk
        (:func:`~vireid.search.norm_cost.latency`).
        """
        self.validate(genotype)
        return total_cost(self.norms, self._sites, genotype.choices, self._facts())

    def cost_table(self, kind: CostKind) -> torch.Tensor:
        return cost_table(self._sites, kind, self._facts())

    def baselines(self) -> dict[str, Genotype]:
        """The baselines of :func:`~vireid.search.norm_baselines.norm_baselines` that this space can express.

        - ``all_shared``, ``all_separate``, ``all_in``, ``all_ibn``, ``all_separate_ibn``: one candidate at every site.
        - ``stem_separate``; ``stages_1``, ``stages_1_2``, ``stages_1_2_3`` (the stem and these stages); ``only_stage_4``;
          ``only_downsample``: separate there, shared elsewhere.
        - ``ibn_a``: IBN at the first norm of every block of stages 1 to 3, as published.
        - ``ibn_b``: the closest point to IBN-Net b. Published: IN at the stem, and another IN after the residual addition that
          ends stages 1 and 2. A ResNet has no norm there, so here IN takes the place of the last norm *before* that addition
          (bn3, or bn2 of basic blocks) of the last block of stages 1 and 2; the shortcut is not normalised.

        Reference:
            Pan, Luo, Shi, Tang: Two at Once: Enhancing Learning and Generalization Capacities via IBN-Net, ECCV 2018.
        """
        points = norm_baselines(self.backbone, self.norms, self._sites)
        return {name: self.genotype(choices) for name, choices in points.items()}

    def _facts(self) -> TrunkFacts:
        return trunk_facts(self.backbone, self.last_stride, self.width)

    def _trunk(self, weights: str | None) -> torch.nn.Module:
        return build_resnet(self.backbone, weights, self.last_stride, self.width)
