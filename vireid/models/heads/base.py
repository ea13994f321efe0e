"""What follows a trunk, as plain settings: chosen in a configuration, built when channels and classes are known."""

from __future__ import annotations

from abc import ABC, abstractmethod

from vireid.models.backbone import Backbone
from vireid.models.branches import BranchNetwork
from vireid.models.network import ReIDNetwork
from vireid.settings import Recorded


class Head(Recorded, ABC):
    """Which network to build over a backbone. Derive from it to bring your own."""

    @abstractmethod
    def build(self, backbone: Backbone, num_classes: int | None) -> ReIDNetwork | BranchNetwork:
        """The network; ``num_classes`` of 0 or ``None`` for one without a classifier."""
