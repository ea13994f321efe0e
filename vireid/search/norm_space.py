"""Search spaces over the normalisations of a ResNet."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache

import torch

from vireid.errors import SettingsError
from vireid.models import Backbone, build_resnet
from vireid.models.resnet import check_resnet
from vireid.nn import CANDIDATES
from vireid.nn.norm_candidates import norm_candidate
from vireid.search.sites import Site, resnet_norm_sites
from vireid.search.space import SearchSpace
from vireid.search.supernet import Supernet, batch_norm_at
from vireid.structures import Genotype

MODALITY_SPECIFIC = ("separate_bn", "separate_ibn")


class NormSpace(SearchSpace):
    """Every ``BatchNorm2d`` of a ResNet trunk chooses among the same candidates.

    Sites come in the order of execution and are named by torchvision's module names, see
    :func:`~vireid.search.sites.resnet_norm_sites`.

    Args:
        candidates: ids, see :data:`vireid.nn.CANDIDATES`; kept in that order.
        backbone: ``resnet10``, ``resnet18``, ``resnet34``, ``resnet50``, ``resnet101`` or ``resnet152``.
        last_stride: stride of stage 4.
        width: channels of the stem; 64 except for backbones of basic blocks.

    Raises:
        SettingsError: arguments that no network fits.
    """

    def __init__(self, candidates: Sequence[str], backbone: str = "resnet50", last_stride: int = 1, width: int = 64) -> None:
        check_resnet(backbone, last_stride, width)
        if not candidates or len(set(candidates)) != len(candidates):
            raise SettingsError(f"`candidates` must name at least one candidate, each once, got {list(candidates)}.")
        for name in candidates:
            norm_candidate(name)
        self.candidates = tuple(sorted(candidates, key=CANDIDATES.index))
        self.backbone, self.last_stride, self.width = backbone, last_stride, width
        if type(self) is NormSpace:
            self.record(candidates=self.candidates)

    def sites(self) -> list[Site]:
        """Every normalisation, in the order of execution."""
        return list(resnet_norm_sites(self.backbone, self.candidates, self.width))

    def supernet(self, weights: str | None = None) -> Supernet:
        """The trunk with a :class:`~vireid.nn.NormChoice` at every site, all candidates equal to the pretrained layer."""
        return Supernet(self._trunk(weights), self.sites())

    def materialise(self, genotype: Genotype, weights: str | None = None) -> Backbone:
        """The plain trunk of a point; ``shared_bn`` is torchvision's own layer, untouched."""
        self.validate(genotype)
        trunk = self._trunk(weights)
        for name, candidate in genotype.choices.items():
            bn = batch_norm_at(trunk, name)
            layer = norm_candidate(candidate).build(bn)
            if layer is not bn:
                trunk.set_submodule(name, layer)
        return Backbone(trunk)

    def cost(self, genotype: Genotype) -> dict[str, int]:
        """Parameters of the trunk, those beyond the plain trunk, and the number of modality-specific sites."""
        self.validate(genotype)
        specific = [site for site in self.sites() if genotype.choices[site.name] in MODALITY_SPECIFIC]
        extra = sum(2 * (site.channels or 0) for site in specific)  # one more weight and bias per channel
        plain = _plain_parameters(self.backbone, self.width)
        return {"parameters": plain + extra, "extra_parameters": extra, "modality_specific_sites": len(specific)}

    def baselines(self) -> dict[str, Genotype]:
        """Every candidate everywhere (``all_shared``, ``all_separate``), and separation of parts of the network.

        With both ``shared_bn`` and ``separate_bn`` there are further ``stem_separate``, ``stages_1``, ``stages_1_2`` and
        ``stages_1_2_3`` (the stem and these stages), ``only_stage_4`` and ``only_downsample``.
        """
        points = {f"all_{name.removesuffix('_bn')}": self._uniform(name) for name in self.candidates}
        if {"shared_bn", "separate_bn"} <= set(self.candidates):
            points["stem_separate"] = self._separate(lambda site: site.stage == 0)
            points["stages_1"] = self._separate(lambda site: site.stage <= 1)
            points["stages_1_2"] = self._separate(lambda site: site.stage <= 2)
            points["stages_1_2_3"] = self._separate(lambda site: site.stage <= 3)
            points["only_stage_4"] = self._separate(lambda site: site.stage == 4)
            points["only_downsample"] = self._separate(lambda site: site.role == "downsample")
        return points

    def _uniform(self, candidate: str) -> Genotype:
        return self.genotype({site.name: candidate for site in self.sites()})

    def _separate(self, chosen: Callable[[Site], bool]) -> Genotype:
        return self.genotype({site.name: "separate_bn" if chosen(site) else "shared_bn" for site in self.sites()})

    def _trunk(self, weights: str | None) -> torch.nn.Module:
        return build_resnet(self.backbone, weights, self.last_stride, self.width)


class BNSeparation(NormSpace):
    """Every batch normalisation is shared by the modalities or separate for each: 2^53 points for ResNet-50.

    Args:
        backbone: ``resnet10``, ``resnet18``, ``resnet34``, ``resnet50``, ``resnet101`` or ``resnet152``.
        last_stride: stride of stage 4.
        width: channels of the stem; 64 except for backbones of basic blocks.

    Raises:
        SettingsError: arguments that no network fits.

    Example:
        >>> space = BNSeparation("resnet18")
        >>> len(space.sites()), space.cost(space.baselines()["all_separate"])["extra_parameters"]
        (20, 9600)

    Reference:
        Fu, Hu, Wu, Shi, Mei, He: CM-NAS: Cross-Modality Neural Architecture Search for Visible-Infrared Person
        Re-Identification, ICCV 2021.
    """

    def __init__(self, backbone: str = "resnet50", last_stride: int = 1, width: int = 64) -> None:
        super().__init__(("shared_bn", "separate_bn"), backbone, last_stride, width)


@lru_cache(maxsize=32)
def _plain_parameters(backbone: str, width: int) -> int:
    with torch.device("meta"):
        trunk = build_resnet(backbone, width=width)
    return sum(parameter.numel() for parameter in trunk.parameters())
