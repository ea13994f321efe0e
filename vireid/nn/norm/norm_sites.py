"""All sites of a supernet in one forward pass: what depends on no activation is done once for all of them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import torch
from torch import Tensor

from vireid.nn.norm.batch_norm import Followed, update_all
from vireid.nn.norm.norm_candidates import Source
from vireid.nn.norm.norm_choice import NormChoice
from vireid.nn.norm.site_mixing import SiteMixing
from vireid.nn.norm.synchronised import across_processes
from vireid.structures import Modality


class NormSites:
    """Mixes the parameters of all sites before a forward pass, and moves the running statistics of all sites after it.

    On a GPU each small operation is a kernel to be started. One site after the other would start thousands of them in every step. The
    results are those of sites that work alone.

    Args:
        sites: of the network, in any order.
    """

    def __init__(self, sites: Sequence[NormChoice]) -> None:
        self.sites = tuple(sites)
        self._parts = [site.parts() for site in self.sites]
        self._key: tuple[object, ...] = ()
        self._mixing: SiteMixing | None = None

    @contextmanager
    def together(self, images: Tensor, n_visible: int) -> Iterator[None]:
        """Around a forward pass of the network on ``images``, whose first ``n_visible`` rows are visible.

        A site that normalises by running statistics, or that shares statistics with other processes, or a compiler at work, leaves every
        site to itself.
        """
        for site in self.sites:
            site.coefficients, site.record = None, None
        counts = {Modality.VISIBLE: n_visible, Modality.INFRARED: images.shape[0] - n_visible}
        modalities = [modality for modality, count in counts.items() if count]
        mixing = self._mixing_now(modalities)
        if mixing is None:
            yield
            return
        like = self.sites[0].like.new_empty(0, dtype=torch.promote_types(self.sites[0].like.dtype, torch.float32))
        found: dict[int, list[Followed]] = {}

        def record(site: NormChoice, steps: list[Followed]) -> None:
            if id(site) in found:  # a trunk that calls a site twice moves its statistics twice
                update_all(found.pop(id(site)))
            found[id(site)] = steps

        for site, values in zip(self.sites, mixing.coefficients([site.weights for site in self.sites], like), strict=True):
            site.coefficients, site.record = values, record
        yield
        for site in self.sites:
            site.record = None  # a pass that activation checkpointing runs again moves the statistics again, as torch's layers do
        update_all(step for steps in found.values() for step in steps)

    def _mixing_now(self, modalities: Sequence[Modality]) -> SiteMixing | None:
        if torch.compiler.is_compiling() or not modalities or all(site.runs_alone for site in self.sites):
            return None
        sources = tuple(part.source for candidates in self._parts for parts in candidates for part in parts)
        if Source.FIXED in sources or (any(site.synchronise for site in self.sites) and across_processes() is not None):
            return None
        key = (sources, tuple(modalities))
        if key != self._key:
            self._key, self._mixing = key, SiteMixing(self._parts, [site.num_features for site in self.sites], modalities)
        return self._mixing
