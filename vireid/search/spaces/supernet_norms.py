"""How the candidates of a normalisation live together during a search."""

from __future__ import annotations

from collections.abc import Sequence

from torch import nn

from vireid.nn import NormChoice
from vireid.nn.norm.norm_choice import Affine
from vireid.settings import Recorded


class SupernetNorms(Recorded):
    """Settings of every :class:`~vireid.nn.NormChoice` of a supernet.

    They belong to the search and not to its space: a point stays the same point, and its child always has weights and biases of its own.

    In a configuration::

        model:
          init_args:
            norms:
              class_path: vireid.search.SupernetNorms
              init_args: {affine: common}

    Args:
        affine: ``per_candidate``: each candidate has a weight and bias of its own; ``common``: one for all, after the mixture, so that
            candidates differ by their statistics alone; ``none``: no weight and bias while searching, as OSNet-AIN does.
        update_skipped: running statistics of candidates that a batch does not use follow that batch too. Statistics of candidates that
            are seldom drawn are then as fresh as those of the others, though not those of their own child.
        synchronise: statistics of batches are those of all processes, at the price of an exchange at every site.

    Example:
        >>> SupernetNorms(affine="common").settings()["init_args"]
        {'affine': 'common', 'update_skipped': False, 'synchronise': False}

    Reference:
        Zhou, Yang, Cavallaro, Xiang: Learning Generalisable Omni-Scale Representations for Person Re-Identification, TPAMI 2021
        (``affine="none"``).
    """

    def __init__(self, affine: Affine = "per_candidate", update_skipped: bool = False, synchronise: bool = False) -> None:
        self.affine: Affine = affine
        self.update_skipped, self.synchronise = update_skipped, synchronise

    def choice(self, bn: nn.BatchNorm2d, candidates: Sequence[str]) -> NormChoice:
        """The site that takes the place of ``bn``.

        Raises:
            SettingsError: see :class:`~vireid.nn.NormChoice`.
        """
        return NormChoice(bn, candidates, self.affine, self.update_skipped, self.synchronise)
