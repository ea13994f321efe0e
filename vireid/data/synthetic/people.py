"""Identity of a person: body, hair and clothes, the same in all images. Lengths are fractions of the body height."""

from __future__ import annotations

from dataclasses import dataclass, fields
from enum import IntEnum

import numpy as np
from numpy.typing import NDArray

from vireid.data.synthetic.streams import Floats, Purpose, stream, uniform

BLOCK = 16  # people drawn from one stream
Kinds = NDArray[np.int64]


class Hair(IntEnum):
    """Hair styles."""

    BALD = 0
    SHORT = 1
    BOB = 2
    LONG = 3
    TAIL = 4


class Hat(IntEnum):
    """Kinds of headwear."""

    NONE = 0
    CAP = 1
    BEANIE = 2
    BRIM = 3
    HOOD = 4


class Bag(IntEnum):
    """Kinds of bags."""

    NONE = 0
    BACKPACK = 1
    SHOULDER = 2
    HAND = 3


class Lower(IntEnum):
    """Garments of the lower body."""

    TROUSERS = 0
    SHORTS = 1
    SKIRT = 2
    LONG_SKIRT = 3


class Pattern(IntEnum):
    """Patterns of the upper garment."""

    PLAIN = 0
    HORIZONTAL = 1
    VERTICAL = 2
    PLAID = 3
    BLOCK = 4
    LOGO = 5
    BACK_PRINT = 6


@dataclass(frozen=True)
class People:
    """One row per person; ``(P,)`` each. ``side`` is +1 for the left hand, ``sleeve`` counts arm halves (0..2)."""

    shoulder: Floats
    waist: Floats
    hip: Floats
    depth: Floats
    leg: Floats
    head: Floats
    limb: Floats
    arm: Floats
    stoop: Floats
    stride: Floats
    hair: Kinds
    hat: Kinds
    sleeve: Floats
    hem: Floats
    loose: Floats
    opened: Floats
    lower: Kinds
    lower_length: Floats
    flare: Floats
    boot: Floats
    bag: Kinds
    side: Floats
    bag_size: Floats
    pattern: Kinds
    period: Floats
    stripe: Floats

    def take(self, rows: NDArray[np.int64]) -> People:
        """The people at ``rows``, which may repeat."""
        return People(**{field.name: getattr(self, field.name)[rows] for field in fields(self)})


def draw_people(seed: int, block: int) -> People:
    """The :data:`BLOCK` people of a block, with pids from ``block * BLOCK + 1`` on. They depend on the arguments only."""
    rng = stream(seed, Purpose.PEOPLE, block)
    size = uniform(rng, -1, 1, BLOCK)  # slim to stout: widths are correlated, but not equal
    upper = _kinds(rng, 0.22, 0.30, 0.14, 0.16, 0.18)  # tee, long sleeve, open jacket, coat, sleeveless
    lower = _kinds(rng, 0.45, 0.2, 0.18, 0.17)
    length = np.select(
        [lower == Lower.TROUSERS, lower == Lower.SHORTS, lower == Lower.SKIRT],
        [uniform(rng, 1.5, 2, BLOCK), uniform(rng, 0.45, 1, BLOCK), uniform(rng, 0.5, 1.05, BLOCK)],
        uniform(rng, 1.3, 1.8, BLOCK),
    )
    hem = np.where(upper == 3, uniform(rng, 0.14, 0.34, BLOCK), uniform(rng, -0.03, 0.08, BLOCK))
    sleeve = np.select([upper == 0, upper == 4], [uniform(rng, 0.45, 1.1, BLOCK), np.zeros(BLOCK)], uniform(rng, 1.75, 2.0, BLOCK))
    arm = uniform(rng, 0.16, 0.185, BLOCK)
    return People(
        shoulder=0.118 + 0.02 * size + uniform(rng, -0.014, 0.014, BLOCK),
        waist=0.09 + 0.026 * size + uniform(rng, -0.01, 0.01, BLOCK),
        hip=0.098 + 0.022 * size + uniform(rng, -0.012, 0.012, BLOCK),
        depth=0.066 + 0.014 * size + uniform(rng, -0.008, 0.008, BLOCK),
        leg=uniform(rng, 0.445, 0.53, BLOCK),
        head=uniform(rng, 0.052, 0.067, BLOCK),
        limb=0.95 + 0.2 * size + uniform(rng, -0.1, 0.15, BLOCK),
        arm=arm,
        stoop=uniform(rng, -0.04, 0.14, BLOCK),
        stride=uniform(rng, 0.2, 0.5, BLOCK),
        hair=_kinds(rng, 0.08, 0.36, 0.2, 0.2, 0.16),
        hat=_kinds(rng, 0.52, 0.13, 0.12, 0.11, 0.12),
        sleeve=sleeve.astype(np.float32),
        hem=hem.astype(np.float32),
        loose=uniform(rng, 1.04, 1.42, BLOCK),
        opened=(upper == 2).astype(np.float32) * uniform(rng, 0.3, 0.6, BLOCK),
        lower=lower,
        lower_length=length.astype(np.float32),
        flare=uniform(rng, 0.95, 1.9, BLOCK),
        boot=np.where(rng.random(BLOCK) < 0.35, uniform(rng, 0.45, 0.95, BLOCK), 0).astype(np.float32),
        bag=_kinds(rng, 0.34, 0.26, 0.22, 0.18),
        side=np.where(rng.random(BLOCK) < 0.5, -1, 1).astype(np.float32),
        bag_size=uniform(rng, 0.85, 1.5, BLOCK),
        pattern=_kinds(rng, 0.14, 0.2, 0.15, 0.14, 0.2, 0.09, 0.08),
        period=uniform(rng, 0.06, 0.16, BLOCK),
        stripe=(rng.random(BLOCK) < 0.3).astype(np.float32),
    )


def _kinds(rng: np.random.Generator, *shares: float) -> Kinds:
    return rng.choice(len(shares), size=BLOCK, p=shares).astype(np.int64)
