"""Arguments for an augmentation that no earlier file or option has chosen are those of the data's default."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from vireid.commands.class_arguments import imported
from vireid.commands.layers import FLAGS, read_layers
from vireid.data import CMNASAugmentation, ReIDDataModule
from vireid.settings import class_path


def with_default_augmentation(words: Sequence[str]) -> list[str]:
    """The words of a command line, with the default augmentation of the data before the first arguments for no class.

    The parser knows no class for them, because an argument that is null by default says none.

    Example:
        >>> with_default_augmentation(["fit", "--data", "vireid.SYSUDataModule", "--data.augmentation.padding", "2"])[3:]
        ['--data.augmentation=vireid.data.CMNASAugmentation', '--data.augmentation.padding', '2']
    """
    places = [place for place, word in enumerate(words) if word.startswith("--") or word.partition("=")[0] in FLAGS]
    people = False
    for place, layer in zip(places, read_layers(words), strict=True):
        data = layer.content.get("data")
        people = people or _is_of_people(data if isinstance(data, str) else data.get("class_path") if isinstance(data, dict) else None)
        said = data.get("augmentation") if isinstance(data, dict) else None
        if isinstance(said, dict) and "class_path" not in said and people:
            return [*words[:place], f"--data.augmentation={class_path(CMNASAugmentation)}", *words[place:]]
        if said is not None:
            break
    return list(words)


def _is_of_people(path: Any) -> bool:
    try:
        found = imported(path) if isinstance(path, str) else None
    except ImportError:  # the parser says so
        return False
    return isinstance(found, type) and issubclass(found, ReIDDataModule)
