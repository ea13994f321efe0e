"""Classes that the plan in the folder of a study names. The folder may be somebody else's, so they are looked at before any is imported."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from typing import Any

from vireid.commands.configs import resolve_configs
from vireid.commands.layers import layer_of, read_layers
from vireid.commands.named_classes import PARTS, imported_arguments
from vireid.commands.study.settings import StudySettings
from vireid.errors import SettingsError
from vireid.importable import OWN, may_import

KNOWN = (*OWN, "pytorch_lightning.", "torch.optim.")


def check_plan_classes(settings: StudySettings, allow: str | None) -> None:
    """Refuse a plan that asks for classes of others.

    Args:
        settings: that the folder holds, not those of the user.
        allow: classes that the user names, with commas between.

    Raises:
        SettingsError: naming the classes.
    """
    check_classes(
        [layer for several in (settings.data, settings.retrain, *settings.searches.values()) for layer in several], allow, "study"
    )


def check_classes(layers: Sequence[Any], allow: str | None, kind: str) -> None:
    """Refuse layers that ask for classes of others.

    Args:
        layers: names of configurations, and inline settings.
        allow: classes that the user names, with commas between.
        kind: of the plan, for the message.

    Raises:
        SettingsError: naming the classes.
    """
    allowed = (*KNOWN, *(name.strip() for name in (allow or "").split(",") if name.strip()))
    foreign = dict.fromkeys(text for layer in layers for text in _foreign(_content(layer), allowed))
    if foreign:
        names = ",".join(foreign)
        raise SettingsError(
            f"The plan in the folder asks to import or read {', '.join(map(repr, foreign))}. Only classes of vireid, Lightning and "
            f"torch.optim are imported from a folder; name others if you trust them: --allow {names}, or give the {kind}'s own "
            "file by --config."
        )


def _content(layer: Any) -> dict[str, Any]:
    """What a layer says, as nested dictionaries without ``init_args``."""
    if isinstance(layer, str):
        return {key: value for found in read_layers(resolve_configs(["-c", layer])) for key, value in found.content.items()}
    return layer_of("plan", layer).content


def _foreign(value: Any, allowed: Sequence[str], name: str = "") -> Iterator[str]:
    """Texts that the parser would take for a class, or for a file that describes one, and that are not allowed."""
    if isinstance(value, dict):
        for key, item in value.items():
            yield from _foreign(item, allowed, key)
    elif isinstance(value, list):
        for item in value:
            yield from _foreign(item, allowed, name)
    elif isinstance(value, str) and not may_import(value, allowed) and _is_imported(value, name):
        yield value


def _is_imported(text: str, name: str) -> bool:
    return name in (*PARTS, "class_path") or (name in imported_arguments() and _is_more_than_a_word(text))


def _is_more_than_a_word(text: str) -> bool:
    """Whether a text may be a dotted name, a file or YAML, and not only a choice such as ``resnet50``."""
    return not text.replace("_", "").replace("-", "").isalnum() or os.path.lexists(text)
