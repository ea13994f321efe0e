"""The search spaces of CNet and CDNet: kernels and repeats of every block."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from vireid.errors import SettingsError
from vireid.models import Backbone, CDNetTrunk
from vireid.models.published.cdnet import load_reported
from vireid.models.trunks.cdnet import PLANES, combined_block, places, scaled_planes
from vireid.models.trunks.cdnet_blocks import SQUEEZE
from vireid.nn.block_choice import Checkpointing, KernelChoice
from vireid.search.space import CostKind, SearchSpace
from vireid.search.spaces.combined_depth_cost import Price, block_price, frame_price, total
from vireid.search.spaces.supernet_norms import SupernetNorms
from vireid.search.supernet import Supernet
from vireid.structures import Genotype
from vireid.structures.cdnet_sites import OPERATIONS, PUBLISHED, STAGES, Operations, candidate_name
from vireid.structures.sites import Site


class CombinedDepth(SearchSpace):
    """Every block of a CNet or CDNet chooses its two kernels and, in CDNet, how often it is repeated.

    ``5x7-2`` is two blocks in a row with branches of kernel sizes 5 and 7. Search with :class:`~vireid.search.TopK`, a head with
    ``projection``, and features for evaluation, as ``configs/search/cdnet.yaml`` does.

    Args:
        operations: ``cdnet``: all kernels, once or twice (12); ``cdnet_9``: without its last three, those of kernel 9 twice, as in the
            published search by plain DARTS; ``cnet``: all kernels (6); ``cnet_3``: without its last three, those of kernel 9.
        width: factor on all channels, rounded down to multiples of 4.
        planes: channels of the stem and of each stage before that.
        stages: blocks of each stage.
        small: stem for images of 32 x 32.
        fuse: whether branches pass the gate.
        checkpointing: what the search computes again in the backward pass instead of keeping it: ``none``, ``candidates`` or ``sites``.

    Raises:
        SettingsError: unknown ``operations`` or ``checkpointing``, or channels and stages that do not fit.

    Example:
        >>> space = CombinedDepth()
        >>> [site.name for site in space.sites()], space.sites()[0].candidates[:4]
        (['cells.0', 'cells.1', 'cells.3', 'cells.4', 'cells.6', 'cells.7'], ('3x5-1', '3x7-1', '5x7-1', '3x5-2'))

    Reference:
        Li, Wu, Zheng: Combined Depth Space based Architecture Search for Person Re-identification, CVPR 2021.
    """

    def __init__(
        self,
        operations: Operations = "cdnet",
        width: float = 1.0,
        planes: Sequence[int] = PLANES,
        stages: Sequence[int] = STAGES,
        small: bool = False,
        fuse: bool = True,
        checkpointing: Checkpointing = "none",
    ) -> None:
        self.layers = {candidate_name(layer): layer for layer in OPERATIONS[operations]}
        self.operations: Operations = operations
        self.planes, self.stages = scaled_planes(planes, width), tuple(stages)
        self.small, self.fuse = small, fuse
        self.checkpointing: Checkpointing = checkpointing
        self.places = places(self.planes, self.stages)
        if min(self.planes[1:]) < SQUEEZE**2:
            raise SettingsError(f"Blocks need at least {SQUEEZE**2} channels, got {list(self.planes)}. Raise `width` or `planes`.")

    def sites(self) -> list[Site]:
        """Every block in order, named by its module."""
        return [Site(place.name, tuple(self.layers), place.stage, "block", place.out_channels) for place in self.places]

    def supernet(self, weights: str | None = None, norms: SupernetNorms | None = None) -> Supernet:
        """The trunk with every operation at every block, from random weights.

        Raises:
            SettingsError: ``weights`` or ``norms``, which this supernet cannot have.
        """
        if weights is not None:
            raise SettingsError(f"The supernet of CombinedDepth starts from scratch, got weights {weights!r}. Set `weights: null`.")
        if norms is not None:
            raise SettingsError("CombinedDepth has no normalisation sites, so `norms` does not apply. Leave it out.")
        choices = {}
        for place in self.places:
            channels = place.in_channels, place.out_channels
            blocks = {name: combined_block(*channels, layer, self.fuse) for name, layer in self.layers.items()}
            choices[place.name] = KernelChoice(blocks, self.checkpointing)
        return Supernet(self._trunk([next(iter(self.layers))] * len(self.places)), self.sites(), choices)

    def materialise(self, genotype: Genotype, weights: str | None = None) -> Backbone:
        """The plain trunk of a point.

        Args:
            genotype: a point.
            weights: file of a published checkpoint of this point; what does not match is logged. ``None`` for random weights.

        Raises:
            GenotypeError: see :meth:`validate`.
            MissingFileError, CheckpointError: no such file, or nothing of it fits.
        """
        self.validate(genotype)
        backbone = Backbone(self._trunk([genotype.choices[place.name] for place in self.places]))
        if weights is not None:
            load_reported(backbone, weights)
        return backbone

    def baselines(self) -> dict[str, Genotype]:
        """One operation everywhere (``all_3x5-1``, ...), and for six blocks ``published``: what the search on Market-1501 found."""
        points = {f"all_{name}": (name,) * len(self.places) for name in self.layers}
        found = PUBLISHED.get(self.operations)
        if found is not None and self.stages == STAGES:
            points["published"] = found
        return {name: self.from_names(candidates) for name, candidates in points.items()}

    def from_names(self, candidates: Sequence[str]) -> Genotype:
        """The point with these operations, in the order of the blocks.

        Raises:
            GenotypeError: see :meth:`~vireid.search.SearchSpace.genotype`.
        """
        return self.genotype({place.name: name for place, name in zip(self.places, candidates, strict=True)})

    def cost(self, genotype: Genotype) -> dict[str, float]:
        """What a point costs.

        ``parameters`` of the trunk, ``multiply_adds`` of its layers for one image of 256 x 128 (32 x 32 for ``small``), and by how much
        both exceed those of the smallest point; ``running_statistics``: values of running means and variances. Nothing is specific to
        a modality, and every normalisation folds.
        """
        self.validate(genotype)
        rest = frame_price(self.planes, *self._size, self.small)
        rows = self._prices()
        found = total([rest, *(row[genotype.choices[place.name]] for row, place in zip(rows, self.places, strict=True))])
        added = self.site_costs(genotype).values()
        return {
            "parameters": found.parameters,
            "extra_parameters": sum(cost["extra_parameters"] for cost in added),
            "running_statistics": found.statistics,
            "modality_specific_sites": 0,
            "unfoldable_sites": 0,
            "multiply_adds": found.multiply_adds,
            "extra_multiply_adds": sum(cost["extra_multiply_adds"] for cost in added),
        }

    def site_costs(self, genotype: Genotype) -> dict[str, dict[str, float]]:
        self.validate(genotype)
        return {place.name: _extra(row, genotype.choices[place.name]) for place, row in zip(self.places, self._prices(), strict=True)}

    def cost_table(self, kind: CostKind) -> Tensor:
        """See :meth:`~vireid.search.SearchSpace.cost_table`; ``latency`` is that of multiply-adds over the cheapest operation."""
        table = torch.zeros(len(self.places), len(self.layers))
        columns = {"parameters": 0, "latency": 2}
        if kind in columns:
            column = columns[kind]
            table = torch.tensor([[float(price[column]) for price in row.values()] for row in self._prices()])
            table = table - table.min(dim=1, keepdim=True).values
        return table / max(float(table.max()), 1.0)

    def _trunk(self, candidates: Sequence[str]) -> CDNetTrunk:
        return CDNetTrunk([self.layers[name] for name in candidates], self.planes, self.stages, self.small, self.fuse)

    @property
    def _size(self) -> tuple[int, int]:
        return (32, 32) if self.small else (256, 128)

    def _prices(self) -> list[dict[str, Price]]:
        """Price of every candidate at every site."""
        rows = []
        for place in self.places:
            factor = 2 ** (place.stage - 1) * (1 if self.small else 4)
            pixels = (self._size[0] // factor) * (self._size[1] // factor)
            rows.append({name: block_price(place, layer, pixels, self.fuse) for name, layer in self.layers.items()})
        return rows


def _extra(row: dict[str, Price], candidate: str) -> dict[str, float]:
    """By how much a candidate exceeds the cheapest of its site."""
    return {
        "extra_parameters": row[candidate].parameters - min(price.parameters for price in row.values()),
        "extra_multiply_adds": row[candidate].multiply_adds - min(price.multiply_adds for price in row.values()),
    }
