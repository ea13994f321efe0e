"""The search space of OSNet-AIN: where an OSNet normalises instances."""

from __future__ import annotations

from functools import lru_cache
from typing import Any, Literal

import torch
from torch import Tensor, nn

from vireid.errors import SettingsError
from vireid.models import Backbone, count
from vireid.models.trunks.osnet import AIN, IBN, OSNetTrunk, build_trunk
from vireid.models.trunks.osnet_blocks import OSBLOCKS
from vireid.nn.block_choice import BlockChoice, Checkpointing
from vireid.nn.choice import Choice
from vireid.search.space import CostKind, SearchSpace
from vireid.search.spaces.osnet_choice import SharedBlockChoice
from vireid.search.spaces.osnet_supernet import OSNetSupernet
from vireid.search.spaces.supernet_norms import SupernetNorms
from vireid.structures import Genotype
from vireid.structures.osnet_sites import OSNET_CHANNELS, OSNET_SITES
from vireid.structures.sites import Site

PLACEMENTS = tuple(OSBLOCKS)
IN_COUNT = {"none": 0, "in": 1, "out": 1, "inout": 2}  # instance normalisations of a placement
EXTRA_NORMS = {"none": 0, "in": 0, "out": 1, "inout": 1}  # normalisations more than those of `none`
PIXELS = {2: 64 * 32, 3: 32 * 16, 4: 16 * 8}  # of the maps of a stage, for one image of 256 x 128
Width = Literal["x1_0", "x0_75", "x0_5", "x0_25"]


class OSNetAIN(SearchSpace):
    """Each of the six blocks of an OSNet chooses where it normalises instances: 4096 points.

    Candidates are ``none``, ``in`` (inside: IN replaces the last BN of the residual), ``out`` (outside: IN after the residual sum) and
    ``inout`` (both), see ``OSBLOCKS``. The stem is always IN, everything else BN.

    The supernet has no weights and biases in its normalisations and PyTorch's initial weights, as published; its children have both,
    and the published initial weights. It starts from scratch: a state without those weights and biases cannot hold a pretrained one.

    What a search step costs at width ``x1_0``: activations kept for the backward pass (float32, one image of 256 x 128; those that are
    computed again come on top, one candidate or one site at a time) and time relative to the full mixture (one CPU core, 4 images of
    128 x 64, on an idle machine):

    ==================================================  ============  =====
    option                                              MiB an image  time
    ==================================================  ============  =====
    full mixture (published)                                   288.7   1
    hard relaxation (:class:`GumbelHard`): single path          84.6   0.26
    ``shared_trunk``                                           113.1   0.29
    ``checkpointing: candidates``                               42.6   1.36
    ``checkpointing: sites``                                    18.6   1.38
    (a child)                                                   77.1   0.25
    ==================================================  ============  =====

    ``trainer.precision: bf16-mixed`` halves most activations. In a single path, only the chosen candidate's weight has a gradient.

    Of the published search code these are not offered: several steps on one batch (``mc_iter``, published as 1), and a random mixture in
    evaluation (its authors say to ignore that accuracy; here the derived child is evaluated). Noise of its own for each of 8 devices is
    ``per_process`` of :class:`RectifiedGumbel`.

    Args:
        width: ``x1_0``, ``x0_75``, ``x0_5`` or ``x0_25``.
        shared_trunk: the candidates of a block share their convolutions: a third of the parameters and of the time, but another
            supernet than the published one (:class:`~vireid.search.SharedBlockChoice`).
        checkpointing: what the search computes again in the backward pass instead of keeping it: ``none``, ``candidates`` or
            ``sites``.

    Raises:
        SettingsError: unknown ``width`` or ``checkpointing``, or ``shared_trunk`` with ``checkpointing: candidates``.

    Example:
        >>> space = OSNetAIN()
        >>> len(space.sites()), list(space.baselines()["osnet_ain"].choices.values())
        (6, ['in', 'in', 'none', 'in', 'in', 'none'])

    Reference:
        Zhou, Yang, Cavallaro, Xiang: Learning Generalisable Omni-Scale Representations for Person Re-Identification, TPAMI 2021.
    """

    def __init__(self, width: Width = "x1_0", shared_trunk: bool = False, checkpointing: Checkpointing = "none") -> None:
        if shared_trunk and checkpointing == "candidates":
            raise SettingsError("Candidates that share a trunk cannot be checkpointed one by one: set `checkpointing` to sites or none.")
        self.channels = OSNET_CHANNELS[width]
        self.shared_trunk = shared_trunk
        self.checkpointing: Checkpointing = checkpointing

    def sites(self) -> list[Site]:
        """The six blocks, in the order of execution, named by their modules (``conv2.0`` is called conv2-1 in the paper)."""
        return [Site(name, PLACEMENTS, int(name[4]), "block", self.channels[int(name[4]) - 1]) for name in OSNET_SITES]

    def identity(self) -> dict[str, Any]:
        """The width alone: ``shared_trunk`` and ``checkpointing`` change the supernet, not the points of the space."""
        settings = self.settings()
        return {**settings, "init_args": {"width": settings["init_args"]["width"]}}

    def supernet(self, weights: str | None = None, norms: SupernetNorms | None = None) -> OSNetSupernet:
        """The trunk with every placement at every block.

        Raises:
            SettingsError: ``weights`` or ``norms``, which this supernet cannot have.
        """
        if weights is not None:
            raise SettingsError(f"The supernet of OSNetAIN starts from scratch, got weights {weights!r}. Set `weights: null`.")
        if norms is not None:
            raise SettingsError("OSNetAIN has no normalisation sites, so `norms` does not apply. Leave it out.")
        trunk = OSNetTrunk(self.channels, stem="in", affine=False)
        choices = {site.name: self._choice(trunk, site.name) for site in self.sites()}
        return OSNetSupernet(trunk, self.sites(), choices)

    def materialise(self, genotype: Genotype, weights: str | None = None) -> Backbone:
        """The plain trunk of a point.

        Args:
            genotype: a point.
            weights: file of a checkpoint, of either published naming, or ``None`` for random weights.

        Raises:
            GenotypeError: see :meth:`validate`.
            SettingsError, MissingFileError, CheckpointError: see :func:`~vireid.models.build_osnet`.
        """
        self.validate(genotype)
        return Backbone(build_trunk(self.channels, self._placements(genotype), "in", weights))

    def baselines(self) -> dict[str, Genotype]:
        """One placement everywhere (``all_none``, ``all_in``, ``all_out``, ``all_inout``), and the published networks.

        - ``osnet_ibn``: hand-made, ``out`` in stage 2.
        - ``osnet_ain``: found by the published search, on MSMT17.

        (The published ``osnet`` is ``all_none`` but for its stem, which is BN.)
        """
        points = {f"all_{placement}": (placement,) * len(OSNET_SITES) for placement in PLACEMENTS}
        points |= {"osnet_ibn": IBN, "osnet_ain": AIN}
        return {name: self.genotype(dict(zip(OSNET_SITES, placements, strict=True))) for name, placements in points.items()}

    def cost(self, genotype: Genotype) -> dict[str, float]:
        """What a point costs.

        - ``parameters``: of the trunk; ``extra_parameters``: how many of them placement ``none`` lacks.
        - ``running_statistics``: values of running means and variances.
        - ``multiply_adds``: of convolutions, for one image of 256 x 128.
        - ``unfoldable_sites``: blocks with IN. BN folds into convolutions at inference.
        - ``runtime_elements``: values of the maps that these INs normalise at inference.
        - ``modality_specific_sites``: 0.
        """
        self.validate(genotype)
        parameters, statistics, multiply_adds = _plain_facts(self.channels)
        added = self.site_costs(genotype).values()
        extra = sum(cost["extra_parameters"] for cost in added)
        without_bn = [site for site in self.sites() if not OSBLOCKS[genotype.choices[site.name]].keeps_bn]
        return {
            "parameters": parameters + extra,
            "extra_parameters": extra,
            "running_statistics": statistics - sum(2 * (site.channels or 0) for site in without_bn),
            "modality_specific_sites": 0,
            "unfoldable_sites": sum(cost["unfoldable_sites"] for cost in added),
            "multiply_adds": multiply_adds,
            "runtime_elements": sum(cost["runtime_elements"] for cost in added),
        }

    def site_costs(self, genotype: Genotype) -> dict[str, dict[str, float]]:
        self.validate(genotype)
        kinds: dict[str, CostKind] = {
            "extra_parameters": "parameters",
            "unfoldable_sites": "unfoldable_sites",
            "runtime_elements": "latency",
        }
        chosen = {site: PLACEMENTS.index(genotype.choices[site.name]) for site in self.sites()}
        return {site.name: {name: self._prices(kind, site)[k] for name, kind in kinds.items()} for site, k in chosen.items()}

    def cost_table(self, kind: CostKind) -> Tensor:
        table = torch.tensor([self._prices(kind, site) for site in self.sites()], dtype=torch.float32)
        return table / max(float(table.max()), 1.0)

    def _prices(self, kind: CostKind, site: Site) -> list[int]:
        assert site.channels is not None
        prices: dict[CostKind, list[int]] = {
            "modality_specific_sites": [0] * len(PLACEMENTS),
            "unfoldable_sites": [int(IN_COUNT[placement] > 0) for placement in PLACEMENTS],
            "parameters": [2 * site.channels * EXTRA_NORMS[placement] for placement in PLACEMENTS],
            "latency": [site.channels * PIXELS[site.stage] * IN_COUNT[placement] for placement in PLACEMENTS],
        }
        return prices[kind]

    def _choice(self, trunk: nn.Module, name: str) -> Choice:
        block = trunk.get_submodule(name)
        channels = block.conv1.conv.in_channels, block.conv3.conv.out_channels  # type: ignore[union-attr]  # an OSBlock
        if self.shared_trunk:
            return SharedBlockChoice(*channels, self.checkpointing)  # type: ignore[arg-type]  # ints
        return BlockChoice({placement: kind(*channels, affine=False) for placement, kind in OSBLOCKS.items()}, self.checkpointing)  # type: ignore[arg-type]

    def _placements(self, genotype: Genotype) -> tuple[str, ...]:
        return tuple(genotype.choices[name] for name in OSNET_SITES)


@lru_cache(maxsize=8)
def _plain_facts(channels: tuple[int, int, int, int]) -> tuple[int, int, int]:
    """Parameters, running statistics and multiply-adds of the trunk with placement ``none`` everywhere."""
    with torch.device("meta"):
        trunk = OSNetTrunk(channels, stem="in")
        counts = count(trunk, torch.empty(1, 3, 256, 128))
    return counts.parameters, sum(b.numel() for b in trunk.buffers() if b.is_floating_point()), counts.multiply_adds
