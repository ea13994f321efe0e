"""Search spaces over the normalisations of a trunk."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch

from vireid.models import Backbone
from vireid.models.trunks.base import Trunk
from vireid.models.trunks.discovery import build, discover
from vireid.models.trunks.named import trunk_of
from vireid.nn import CANDIDATES
from vireid.nn.norm.norm_candidates import norm_candidate
from vireid.search.space import CostKind, SearchSpace
from vireid.search.spaces.norm_baselines import norm_baselines
from vireid.search.spaces.norm_cost import cost_table, price, site_cost, total_cost
from vireid.search.spaces.site_selection import Tie, on_maps, ordered_candidates, ordered_subset, select_sites
from vireid.search.spaces.supernet_norms import NormSupernet, SupernetNorms, batch_norm_at
from vireid.structures import Genotype
from vireid.structures.sites import Site


class JointNorm(SearchSpace):
    """Every ``BatchNorm2d`` of a trunk chooses how it normalises.

    Sites come in the order in which the network calls them and have the names of modules: torchvision's for a ResNet, those of published
    checkpoints for an OSNet or a CDNet. A site on a map of one pixel has no ``in``, ``ibn`` and ``separate_ibn``, which a warning says.

    Args:
        backbone: a :class:`~vireid.models.Trunk`, such as :class:`~vireid.models.Torchvision`, or the short name of a
            :class:`~vireid.models.ResNet` (``resnet50``), an :class:`~vireid.models.OSNet` (``osnet_x1_0``,
            ``osnet_ain_x1_0:in,out,none,in,in,none``) or a :class:`~vireid.models.CDNet` (``cdnet_x1_0``), see
            ``trunk_of``. A short name and the trunk that it stands for are one space.
        candidates: at least two ids, see :data:`vireid.nn.CANDIDATES`; kept in that order.
        sites: patterns of site names: ``bn1`` is the stem of a ResNet, ``layer1.*`` its stage 1, ``*.bn3`` the last norm of every
            bottleneck, ``*.downsample.1`` every shortcut. A normalisation that matches none stays the plain shared layer and is no site.
        tie: sites that always take the same candidate: ``none``, those of a ``block`` (``layer1.0``), of a ``stage``
            (``layer1``), or of a ``role`` (``bn1``, ``bn2``, ``bn3``, ``downsample``) in all blocks. The stem of a ResNet is alone.
        subsets: pattern to at least two of ``candidates``, which are then all that the matching sites may become; the last
            match counts. Default: none.
        last_stride: of a ResNet with a short name: stride of stage 4, 1 or 2; default 1.
        width: of a ResNet with a short name: channels of the stem; default 64, another only with basic blocks.

    Attributes:
        trunk: what ``backbone`` means.

    Raises:
        SettingsError: arguments that no network fits, patterns without a match, tied sites with different candidates, or a trunk whose
            normalisations cannot be searched, see ``discover``.

    Example:
        >>> space = JointNorm("resnet50", candidates=("shared_bn", "separate_bn"), sites=("layer1.*", "layer2.*"), tie="block")
        >>> len(space.sites()), len(space.encode(space.baselines()["all_shared"]))
        (23, 7)
        >>> [site.name for site in JointNorm("osnet_x1_0", sites=("*.conv3.bn",)).sites()][:2]
        ['conv2.0.conv3.bn', 'conv2.1.conv3.bn']
    """

    def __init__(
        self,
        backbone: Trunk | str = "resnet50",
        *,
        candidates: Sequence[str] = CANDIDATES,
        sites: Sequence[str] = ("*",),
        tie: Tie = "none",
        subsets: dict[str, list[str]] | None = None,
        last_stride: int | None = None,
        width: int | None = None,
    ) -> None:
        self.trunk = trunk_of(backbone, last_stride, width)
        self.candidates = ordered_candidates(candidates, "`candidates`")
        self._facts = discover(self.trunk)
        self.own_weights = self.trunk.own_weights
        self.norms = on_maps(self._facts.norms, self._facts.pixels, self.candidates, str(self.trunk))
        found = {pattern: ordered_subset(ids, self.candidates, pattern) for pattern, ids in dict(subsets or {}).items()}
        self._sites = select_sites(self.norms, sites, found, tie)
        self.record(backbone=self.trunk, last_stride=None, width=None, candidates=self.candidates, subsets=found or None)

    def settings(self) -> dict[str, Any]:
        """Of the trunk as a class, whose own ``last_stride`` and ``width`` are."""
        settings = super().settings()
        arguments = {name: value for name, value in settings["init_args"].items() if name not in ("last_stride", "width")}
        return {**settings, "init_args": arguments}

    def sites(self) -> list[Site]:
        """Every choice, in the order of execution."""
        return list(self._sites)

    def supernet(self, weights: str | None = None, norms: SupernetNorms | None = None) -> NormSupernet:
        """The trunk with a :class:`~vireid.nn.NormChoice` at every site, all candidates equal to the pretrained layer."""
        return NormSupernet(build(self.trunk, weights), self.sites(), norms, self._facts.out_channels)

    def materialise(self, genotype: Genotype, weights: str | None = None) -> Backbone:
        """The plain trunk of a point; ``shared_bn`` is the backbone's own layer, untouched."""
        self.validate(genotype)
        trunk = build(self.trunk, weights)
        for name, candidate in genotype.choices.items():
            bn = batch_norm_at(trunk, name)
            layer = norm_candidate(candidate)(bn)
            if layer is not bn:
                trunk.set_submodule(name, layer)
        return Backbone(trunk, self._facts.out_channels)

    def cost(self, genotype: Genotype) -> dict[str, float]:
        """What a point costs.

        - ``parameters``: of the trunk; ``extra_parameters``: how many of them the plain trunk lacks.
        - ``running_statistics``: values of running means and variances of the trunk.
        - ``modality_specific_sites``: sites that need to know the modality.
        - ``foldable_sites``, ``unfoldable_sites``: sites that fold into the convolution before them at inference, and those that do not.
        - ``runtime_elements``: values of the maps that unfoldable sites normalise, for one image of the trunk's ``image_size``
          (256 x 128 by default).
        - ``latency``: an estimate relative to the folded trunk (``latency``).
        """
        self.validate(genotype)
        return total_cost(self.norms, self._sites, genotype.choices, self._facts)

    def site_costs(self, genotype: Genotype) -> dict[str, dict[str, float]]:
        self.validate(genotype)
        return {site.name: site_cost(price(site, genotype.choices[site.name], self._facts)) for site in self._sites}

    def cost_table(self, kind: CostKind) -> torch.Tensor:
        return cost_table(self._sites, kind, self._facts)

    def baselines(self) -> dict[str, Genotype]:
        """The baselines of ``norm_baselines`` that this space can express.

        - ``all_shared``, ``all_separate``, ``all_in``, ``all_ibn``, ``all_separate_ibn``: one candidate at every site.
        - ``stem_separate``; ``stages_1``, ``stages_1_2``, ``stages_1_2_3`` (the stem and these stages); ``only_stage_4``;
          ``only_downsample``: separate there, shared elsewhere. An OSNet counts its stages from 2 to 5, as the
          names of its modules; other trunks count how often their map shrinks.
        - ``osnet_ain``: of a plain OSNet, the published OSNet-AIN.
        - ``ibn_a``, of a ResNet: IBN at the first norm of every block of stages 1 to 3, as published.
        - ``ibn_b``, of a ResNet: the closest point to IBN-Net b. Published: IN at the stem, and another IN after the residual addition
          that ends stages 1 and 2. A ResNet has no norm there, so here IN takes the place of the last norm *before* that addition
          (bn3, or bn2 of basic blocks) of the last block of stages 1 and 2; the shortcut is not normalised.

        Reference:
            Pan, Luo, Shi, Tang: Two at Once: Enhancing Learning and Generalization Capacities via IBN-Net, ECCV 2018.
        """
        points = norm_baselines(self.candidates, self.norms, self._sites, self.trunk.placements())
        return {name: self.genotype(choices) for name, choices in points.items()}


class BNSeparation(JointNorm):
    """Every batch normalisation is shared by the modalities or separate for each: 2^53 points for ResNet-50.

    Args:
        backbone: a trunk or a short name, see :class:`JointNorm`.
        **shared: ``sites``, ``tie``, ``last_stride`` and ``width`` of :class:`JointNorm`.

    Raises:
        SettingsError: see :class:`JointNorm`.

    Example:
        >>> space = BNSeparation("resnet18")
        >>> len(space.sites()), space.cost(space.baselines()["all_separate"])["extra_parameters"]
        (20, 9600)

    Reference:
        Fu, Hu, Wu, Shi, Mei, He: CM-NAS: Cross-Modality Neural Architecture Search for Visible-Infrared Person
        Re-Identification, ICCV 2021.
    """

    def __init__(self, backbone: Trunk | str = "resnet50", **shared: Any) -> None:
        super().__init__(backbone, candidates=("shared_bn", "separate_bn"), subsets=None, **shared)


class INPlacement(JointNorm):
    """Every batch normalisation may become IN, or IBN: half of the channels IN. No candidate knows modalities.

    Args:
        backbone: a trunk or a short name, see :class:`JointNorm`.
        **shared: ``sites``, ``tie``, ``last_stride`` and ``width`` of :class:`JointNorm`.

    Raises:
        SettingsError: see :class:`JointNorm`.

    Reference:
        Pan, Luo, Shi, Tang: Two at Once: Enhancing Learning and Generalization Capacities via IBN-Net, ECCV 2018; its networks a
        and b are the baselines ``ibn_a`` and ``ibn_b``.
    """

    def __init__(self, backbone: Trunk | str = "resnet50", **shared: Any) -> None:
        super().__init__(backbone, candidates=("shared_bn", "in", "ibn"), subsets=None, **shared)
