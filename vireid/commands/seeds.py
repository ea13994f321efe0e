"""One seed for everything: ``--seed_everything`` sets the seed of model and data, and any other seed is refused."""

from __future__ import annotations

from collections.abc import Sequence

from vireid.commands.layers import Layer
from vireid.errors import SettingsError


def check_seeds(layers: Sequence[Layer]) -> None:
    """Refuse a seed of model or data, because the seed of ``--seed_everything`` would replace it.

    A file with the same seed everywhere, such as one that a run saved, is accepted.

    Raises:
        SettingsError: a layer sets another seed. The message names the file and the key, or the option.
    """
    for layer in layers:
        for part in ("model", "data"):
            section = layer.content.get(part)
            seed = section.get("seed") if isinstance(section, dict) else None
            if seed is None or (layer.is_file and seed == layer.content.get("seed_everything")):
                continue
            if layer.is_file:
                raise SettingsError(
                    f"{layer.source!r} sets `{part}.init_args.seed`, which `seed_everything` would replace: model and data share one seed. "
                    f"Write `seed_everything: {seed}` instead."
                )
            raise SettingsError(f"`{layer.source}` is refused: model and data share one seed. Give --seed_everything {seed} instead.")
