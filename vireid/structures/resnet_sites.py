"""Names of the normalisation sites of a torchvision ResNet, and the order in which a CM-NAS list names them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from vireid.errors import SettingsError

BlockKind = Literal["basic", "bottleneck"]

RESNETS: dict[str, tuple[BlockKind, tuple[int, int, int, int]]] = {
    "resnet10": ("basic", (1, 1, 1, 1)),
    "resnet18": ("basic", (2, 2, 2, 2)),
    "resnet34": ("basic", (3, 4, 6, 3)),
    "resnet50": ("bottleneck", (3, 4, 6, 3)),
    "resnet101": ("bottleneck", (3, 4, 23, 3)),
    "resnet152": ("bottleneck", (3, 8, 36, 3)),
}


def cmnas_order(backbone: str) -> list[str]:
    """Site names in the order of a CM-NAS list: stem; per stage the downsample site first, then bn1, bn2(, bn3) of every block.

    Args:
        backbone: a key of :data:`RESNETS`.

    Raises:
        SettingsError: unknown backbone.

    Example:
        >>> cmnas_order("resnet50")[:3], len(cmnas_order("resnet50"))
        (['bn1', 'layer1.0.downsample.1', 'layer1.0.bn1'], 53)
    """
    if backbone not in RESNETS:
        raise SettingsError(f"`backbone` must be one of {', '.join(RESNETS)}, got {backbone!r}.")
    kind, depths = RESNETS[backbone]
    norms = ("bn1", "bn2") if kind == "basic" else ("bn1", "bn2", "bn3")
    names = ["bn1"]
    for stage, depth in enumerate(depths, start=1):
        if stage > 1 or kind == "bottleneck":
            names.append(f"layer{stage}.0.downsample.1")
        names.extend(f"layer{stage}.{block}.{norm}" for block in range(depth) for norm in norms)
    return names


def resnet_name(arguments: Mapping[str, Any]) -> str:
    """Name of the ResNet in a space's ``backbone``, which is a name or the settings of a class; ``resnet50`` without a backbone.

    Raises:
        SettingsError: the settings are those of another network.

    Example:
        >>> resnet_name({"backbone": "resnet18"}), resnet_name({})
        ('resnet18', 'resnet50')
    """
    backbone = arguments.get("backbone", "resnet50")
    if not isinstance(backbone, Mapping):
        return str(backbone)
    name = (backbone.get("init_args") or {}).get("name")
    if name not in RESNETS:
        raise SettingsError(f"A CM-NAS list is of a ResNet ({', '.join(RESNETS)}), not of {backbone.get('class_path')!r}.")
    return str(name)
