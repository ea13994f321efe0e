"""The backbones whose normalisations can be searched."""

from __future__ import annotations

from collections.abc import Callable

from vireid.errors import SettingsError
from vireid.models.trunks.osnet import OSNETS
from vireid.models.trunks.resnet import FULL_WIDTH
from vireid.search.cdnet_norms import CDNETS, cdnet_plan
from vireid.search.norm_plan import NormPlan
from vireid.search.osnet_norms import osnet_plan
from vireid.search.resnet_norms import resnet_plan
from vireid.structures.resnet_sites import RESNETS

PLANS: dict[str, Callable[[str, int, int], NormPlan]] = {
    **dict.fromkeys(RESNETS, resnet_plan),
    **dict.fromkeys(OSNETS, osnet_plan),
    **dict.fromkeys(CDNETS, cdnet_plan),
}
"""Name of a backbone to its plan, given that name, ``last_stride`` and ``width``."""


def norm_plan(backbone: str, last_stride: int = 1, width: int = FULL_WIDTH) -> NormPlan:
    """The plan of a backbone.

    Args:
        backbone: a key of :data:`PLANS`; that of an OSNet or a CDNet may go on with a colon and a genotype, see
            :func:`~vireid.search.osnet_norms.osnet_plan` and :func:`~vireid.search.cdnet_norms.cdnet_plan`.
        last_stride, width: of a ResNet, see :func:`~vireid.models.build_resnet`; others have none.

    Raises:
        SettingsError: unknown backbone, or settings that it does not have.

    Example:
        >>> [len(norm_plan(backbone).norms) for backbone in ("resnet50", "osnet_x1_0", "cdnet_x1_0", "cnet_x1_0")]
        [53, 79, 66, 54]
    """
    plan = PLANS.get(backbone.partition(":")[0])
    if plan is None:
        raise SettingsError(f"`backbone` must be one of {', '.join(PLANS)}, got {backbone!r}.")
    return plan(backbone, last_stride, width)
