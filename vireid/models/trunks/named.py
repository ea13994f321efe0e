"""Short names of trunks, as files of version 1 and YAML have them."""

from __future__ import annotations

from collections.abc import Callable
from difflib import get_close_matches

from vireid.errors import SettingsError
from vireid.models.trunks.base import Trunk
from vireid.models.trunks.cdnet import CDNETS, CDNet
from vireid.models.trunks.osnet import OSNETS, OSNet
from vireid.models.trunks.resnet import FULL_WIDTH, ResNet
from vireid.structures.resnet_sites import RESNETS

CHOSEN: dict[str, Callable[[str, list[str] | None], Trunk]] = {**dict.fromkeys(OSNETS, OSNet), **dict.fromkeys(CDNETS, CDNet)}
"""Names that may go on with a colon and what their blocks are, with commas between."""


def trunk_of(backbone: Trunk | str, last_stride: int | None = None, width: int | None = None) -> Trunk:
    """The trunk that an argument ``backbone`` means.

    Args:
        backbone: a trunk, which is used as it is, or a short name: ``resnet50``, ``osnet_x1_0``, ``cdnet_x1_0``, ...; that of an OSNet or
            a CDNet may go on with a colon: ``osnet_ain_x1_0:in,out,none,in,in,none``, see :class:`~vireid.models.OSNet`, and
            ``cnet_x1_0:3x5,5x7,3x5,3x5,7x9,3x5``, see :class:`~vireid.models.CDNet`.
        last_stride, width: of a ResNet with a short name; ``None`` for its defaults.

    Raises:
        SettingsError: an unknown name, or settings that the trunk does not have.

    Example:
        >>> trunk_of("osnet_ain_x0_25:none,in,none,in,none,none").blocks[:2]
        ('none', 'in')
    """
    given = {name: value for name, value in {"last_stride": last_stride, "width": width}.items() if value is not None}
    if isinstance(backbone, Trunk):
        if given:
            raise SettingsError(f"`{next(iter(given))}` goes with the short name of a ResNet. Give it to the trunk {backbone} itself.")
        return backbone
    if not isinstance(backbone, str):
        raise SettingsError(f"`backbone` must be a vireid.models.Trunk or a short name, got {_kind(backbone)}.")
    if backbone in RESNETS:
        return ResNet(backbone, **given)
    name, _, blocks = backbone.partition(":")
    if name not in CHOSEN:
        raise SettingsError(_unknown(backbone))
    if (last_stride or 1, width or FULL_WIDTH) != (1, FULL_WIDTH):
        raise SettingsError(f"`last_stride` and `width` are settings of ResNets; {backbone} has none. Leave them out.")
    try:
        return CHOSEN[name](name, blocks.split(",") if blocks else None)
    except SettingsError as error:
        raise SettingsError(f"`backbone` {backbone!r} must name its blocks behind the colon, with commas between. {error}") from error


def _unknown(name: str) -> str:
    close = get_close_matches(name, [*RESNETS, *CHOSEN], n=1)
    hint = f" (did you mean {close[0]!r}?)" if close else ""
    whole = [*RESNETS, *(known for known in CHOSEN if known.endswith("x1_0"))]
    return (
        f"`backbone` must be one of {', '.join(whole)} (x1_0 also as x0_75, x0_5, x0_25), got {name!r}{hint}. "
        "Other networks are chosen by class_path: vireid.models.Torchvision, vireid.models.Timm, or a Trunk of yours."
    )


def _kind(value: object) -> str:
    return f"the class {value.__name__}: build it" if isinstance(value, type) else type(value).__name__
