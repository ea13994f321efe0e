"""Facts of the sites that a genotype file holds, so that a reader need not build the space."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from vireid.search.space import SearchSpace
from vireid.structures import Genotype
from vireid.structures.sites import groups


def site_provenance(space: SearchSpace, genotype: Genotype) -> dict[str, Any]:
    """Entries of a genotype's provenance.

    - ``stages``: of every site, see :class:`~vireid.search.Site`.
    - ``ties``: the sites of every group that is tied.
    - ``cost``: of the genotype, by name.
    - ``site_costs``: what each site adds to it, under the same names. Zeros are left out.

    Raises:
        GenotypeError: the genotype is no point of the space.
    """
    sites = space.sites()
    return {
        "stages": {site.name: site.stage for site in sites},
        "ties": {members[0].group: [site.name for site in members] for members in groups(sites) if len(members) > 1},
        "cost": space.cost(genotype),
        "site_costs": _without_zeros(space.site_costs(genotype)),
    }


def with_site_provenance(space: SearchSpace, genotype: Genotype) -> Genotype:
    """The genotype with :func:`site_provenance` added to its own."""
    return Genotype(genotype.space, genotype.choices, {**genotype.provenance, **site_provenance(space, genotype)})


def _without_zeros(costs: Mapping[str, Mapping[str, float]]) -> dict[str, dict[str, float]]:
    found = {site: {name: value for name, value in cost.items() if value} for site, cost in costs.items()}
    return {site: cost for site, cost in found.items() if cost}
