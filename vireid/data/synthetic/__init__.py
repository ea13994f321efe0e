"""Synthetic people in the layouts of visible-infrared datasets: for trials, teaching and tests without a licensed dataset."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vireid.lazy import lazy

if TYPE_CHECKING:
    from vireid.data.synthetic.difficulty import Difficulty as Difficulty
    from vireid.data.synthetic.writer import GENERATOR_VERSION as GENERATOR_VERSION, write_dataset as write_dataset

__getattr__, __dir__, __all__ = lazy(
    __name__,
    {
        ".difficulty": ["Difficulty"],
        ".writer": ["GENERATOR_VERSION", "write_dataset"],
    },
)
