"""One seed for everything: ``--seed_everything`` reaches model and data, and no other seed is taken beside it."""

from __future__ import annotations

from collections.abc import Sequence

from vireid.commands.layers import Layer
from vireid.errors import SettingsError


def check_seeds(layers: Sequence[Layer]) -> None:
    """Refuse a seed of model or data, which would be replaced by the one of ``--seed_everything``.

    A file that says the same seed everywhere, such as one that a run saved, is taken.

    Raises:
        SettingsError: naming the file and the key, or the option.
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
