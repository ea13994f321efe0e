"""The joint space with fewer candidates: what CM-NAS searches, and where IBN-Net's networks are points."""

from __future__ import annotations

from collections.abc import Sequence

from vireid.search.spaces.joint_norm import JointNorm
from vireid.search.spaces.site_selection import Tie


class BNSeparation(JointNorm):
    """Every batch normalisation is shared by the modalities or separate for each: 2^53 points for ResNet-50.

    Args:
        backbone, last_stride, width, sites, tie: see :class:`JointNorm`.

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

    def __init__(
        self, backbone: str = "resnet50", last_stride: int = 1, width: int = 64, sites: Sequence[str] = ("*",), tie: Tie = "none"
    ) -> None:
        super().__init__(("shared_bn", "separate_bn"), backbone, last_stride, width, sites, tie)


class INPlacement(JointNorm):
    """Every batch normalisation may become IN, or IBN: half of the channels IN. No candidate knows modalities.

    Args:
        backbone, last_stride, width, sites, tie: see :class:`JointNorm`.

    Raises:
        SettingsError: see :class:`JointNorm`.

    Reference:
        Pan, Luo, Shi, Tang: Two at Once: Enhancing Learning and Generalization Capacities via IBN-Net, ECCV 2018; its networks a
        and b are the baselines ``ibn_a`` and ``ibn_b``.
    """

    def __init__(
        self, backbone: str = "resnet50", last_stride: int = 1, width: int = 64, sites: Sequence[str] = ("*",), tie: Tie = "none"
    ) -> None:
        super().__init__(("shared_bn", "in", "ibn"), backbone, last_stride, width, sites, tie)
