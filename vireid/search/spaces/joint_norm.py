"""Search spaces over the normalisations of a backbone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import torch

from vireid.models import Backbone
from vireid.nn import CANDIDATES
from vireid.nn.norm.norm_candidates import norm_candidate
from vireid.search.norm_plan import NormPlan
from vireid.search.norm_plans import norm_plan
from vireid.search.space import CostKind, SearchSpace
from vireid.search.spaces.norm_baselines import norm_baselines
from vireid.search.spaces.norm_cost import TrunkFacts, cost_table, total_cost, trunk_facts
from vireid.search.spaces.norm_supernet import NormSupernet, batch_norm_at
from vireid.search.spaces.site_selection import Tie, ordered_candidates, ordered_subset, select_sites
from vireid.search.spaces.supernet_norms import SupernetNorms
from vireid.structures import Genotype
from vireid.structures.sites import Site


class JointNorm(SearchSpace):
    """Every ``BatchNorm2d`` of a backbone's trunk chooses how it normalises.

    Sites come in the order of execution and have the names of modules: torchvision's for a ResNet, those of published checkpoints for
    an OSNet or a CDNet.

    Args:
        candidates: at least two ids, see :data:`vireid.nn.CANDIDATES`; kept in that order.
        backbone: a key of :data:`~vireid.search.norm_plans.PLANS`: ``resnet10``, ``resnet18``, ``resnet34``, ``resnet50``,
            ``resnet101`` or ``resnet152``; ``osnet_x1_0`` or ``osnet_ain_x1_0``, both also as ``x0_75``, ``x0_5`` and ``x0_25``, or
            ``osnet_ibn_x1_0``; ``cdnet_x1_0`` or ``cnet_x1_0``, the published genotypes, in the same four widths. Another genotype
            goes behind a colon: ``osnet_ain_x1_0:in,out,none,in,in,none``, and see :func:`~vireid.search.cdnet_norms.cdnet_plan`.
        last_stride: stride of stage 4 of a ResNet.
        width: channels of the stem of a ResNet; 64 except for those of basic blocks.
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
        >>> [site.name for site in JointNorm(backbone="osnet_x1_0", sites=("*.conv3.bn",)).sites()][:2]
        ['conv2.0.conv3.bn', 'conv2.1.conv3.bn']
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
        self.backbone, self.last_stride, self.width = backbone, last_stride, width
        norms = self._plan.norms
        self.candidates = ordered_candidates(candidates, "`candidates`")
        self.norms = tuple(replace(norm, candidates=self.candidates) for norm in norms)
        found = {pattern: ordered_subset(ids, self.candidates, pattern) for pattern, ids in dict(subsets or {}).items()}
        self._sites = select_sites(self.norms, sites, found, tie)
        if type(self) is JointNorm:  # a restriction has no such arguments to record
            self.record(candidates=self.candidates, subsets=found or None)

    def sites(self) -> list[Site]:
        """Every choice, in the order of execution."""
        return list(self._sites)

    def supernet(self, weights: str | None = None, norms: SupernetNorms | None = None) -> NormSupernet:
        """The trunk with a :class:`~vireid.nn.NormChoice` at every site, all candidates equal to the pretrained layer."""
        return NormSupernet(self._plan.build(weights), self.sites(), norms)

    def materialise(self, genotype: Genotype, weights: str | None = None) -> Backbone:
        """The plain trunk of a point; ``shared_bn`` is the backbone's own layer, untouched."""
        self.validate(genotype)
        trunk = self._plan.build(weights)
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
        (:func:`~vireid.search.spaces.norm_cost.latency`).
        """
        self.validate(genotype)
        return total_cost(self.norms, self._sites, genotype.choices, self._facts())

    def cost_table(self, kind: CostKind) -> torch.Tensor:
        return cost_table(self._sites, kind, self._facts())

    def baselines(self) -> dict[str, Genotype]:
        """The baselines of :func:`~vireid.search.spaces.norm_baselines.norm_baselines` that this space can express.

        - ``all_shared``, ``all_separate``, ``all_in``, ``all_ibn``, ``all_separate_ibn``: one candidate at every site.
        - ``stem_separate``; ``stages_1``, ``stages_1_2``, ``stages_1_2_3`` (the stem and these stages); ``only_stage_4``;
          ``only_downsample``: separate there, shared elsewhere. An OSNet counts its stages from 2 to 5, as the names of its modules.
        - ``osnet_ain``: of a plain OSNet, the published OSNet-AIN.
        - ``ibn_a``, of a ResNet: IBN at the first norm of every block of stages 1 to 3, as published.
        - ``ibn_b``, of a ResNet: the closest point to IBN-Net b. Published: IN at the stem, and another IN after the residual addition
          that ends stages 1 and 2. A ResNet has no norm there, so here IN takes the place of the last norm *before* that addition
          (bn3, or bn2 of basic blocks) of the last block of stages 1 and 2; the shortcut is not normalised.

        Reference:
            Pan, Luo, Shi, Tang: Two at Once: Enhancing Learning and Generalization Capacities via IBN-Net, ECCV 2018.
        """
        points = norm_baselines(self.norms, self._sites, self._plan.placements)
        return {name: self.genotype(choices) for name, choices in points.items()}

    @property
    def _plan(self) -> NormPlan:
        return norm_plan(self.backbone, self.last_stride, self.width)

    def _facts(self) -> TrunkFacts:
        return trunk_facts(self.backbone, self.last_stride, self.width)
