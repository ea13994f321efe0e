"""Responses of the three sensors to clothes, skin and bags, in [0, 1]."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import Literal

import numpy as np

from vireid.data.synthetic.difficulty import Difficulty
from vireid.data.synthetic.people import BLOCK
from vireid.data.synthetic.streams import Floats, Purpose, stream, uniform

Sensor = Literal["visible", "near_infrared", "thermal"]
LUMINANCE = np.array([0.299, 0.587, 0.114], dtype=np.float32)
LIGHT_SKIN, DARK_SKIN = np.array([[0.9, 0.7, 0.58], [0.45, 0.29, 0.2]], dtype=np.float32)
DARK_HAIR, FAIR_HAIR = np.array([[0.08, 0.06, 0.05], [0.75, 0.55, 0.3]], dtype=np.float32)
APART = 0.22  # least distance of upper and lower garment, in visible lightness and in near infrared


class Part(IntEnum):
    """Parts of a person that have a material."""

    SKIN = 0
    HAIR = 1
    UPPER = 2
    SECOND = 3
    SLEEVE = 4
    INNER = 5
    LOWER = 6
    STRIPE = 7
    SHOES = 8
    BAG = 9
    HAT = 10


PRINTS = ((Part.SECOND, Part.UPPER), (Part.INNER, Part.UPPER), (Part.STRIPE, Part.LOWER))  # and their grounds


@dataclass(frozen=True)
class Materials:
    """Responses of the :class:`Part` s of every person: ``(P, parts, 3)`` visible, ``(P, parts)`` near infrared and thermal emission."""

    visible: Floats
    near_infrared: Floats
    thermal: Floats

    def seen_by(self, sensor: Sensor) -> Floats:
        """``(P, parts, C)`` with C = 3 for visible light and 1 otherwise."""
        if sensor == "visible":
            return self.visible
        response = self.near_infrared if sensor == "near_infrared" else self.thermal
        return response[:, :, None]


def draw_materials(seed: int, block: int, difficulty: Difficulty) -> Materials:
    """Materials of the people of a block, see :func:`~vireid.data.synthetic.people.draw_people`."""
    rng = stream(seed, Purpose.MATERIALS, block)
    same_sleeves = rng.random(BLOCK) < 0.7
    visible = _visible(rng, same_sleeves)
    return Materials(visible, _near_infrared(rng, visible @ LUMINANCE, same_sleeves, difficulty), _thermal(rng, same_sleeves))


def _visible(rng: np.random.Generator, same_sleeves: np.ndarray) -> Floats:
    colours = _cloth(rng, BLOCK * len(Part)).reshape(BLOCK, len(Part), 3)
    tone = uniform(rng, 0, 1, BLOCK, 1)
    colours[:, Part.SKIN] = LIGHT_SKIN * (1 - tone) + DARK_SKIN * tone
    tone = uniform(rng, 0, 1, BLOCK, 1) ** 2
    colours[:, Part.HAIR] = DARK_HAIR * (1 - tone) + FAIR_HAIR * tone
    lightness = colours @ LUMINANCE
    for part, other, least in ((Part.LOWER, Part.UPPER, APART), *((part, ground, 0.3) for part, ground in PRINTS)):
        wanted = _apart(lightness[:, part], lightness[:, other], least)
        colours[:, part] = np.clip(colours[:, part] + (wanted - lightness[:, part])[:, None], 0.02, 0.98)
        lightness = colours @ LUMINANCE
    colours[same_sleeves, Part.SLEEVE] = colours[same_sleeves, Part.UPPER]
    return colours


def _near_infrared(rng: np.random.Generator, lightness: Floats, same_sleeves: np.ndarray, difficulty: Difficulty) -> Floats:
    """Near-infrared reflectance. Only the coupling relates it to the colour. A print stays darker or lighter than its ground."""
    coupling = difficulty.tone_coupling
    response = (1 - coupling) * uniform(rng, 0.12, 0.95, BLOCK, len(Part)) + coupling * lightness
    response[:, Part.SKIN] = uniform(rng, 0.6, 0.75, BLOCK)
    response[:, Part.HAIR] = uniform(rng, 0.12, 0.4, BLOCK)
    for part in (Part.UPPER, Part.SLEEVE, Part.LOWER, Part.SHOES, Part.BAG):  # they get an outline against their neighbours
        response[:, part] = _apart(response[:, part], response[:, Part.SKIN], 0.12)
    response[:, Part.LOWER] = _apart(response[:, Part.LOWER], response[:, Part.UPPER], APART)
    survival = difficulty.pattern_survival + (1 - difficulty.pattern_survival) * rng.choice([0.0, 0.5, 1.0], size=(BLOCK, 3))
    for column, (part, ground) in enumerate(PRINTS):
        sign = np.sign(lightness[:, part] - lightness[:, ground])
        contrast = np.clip(response[:, ground] + 0.4 * sign, 0.03, 0.99) - response[:, ground]
        response[:, part] = response[:, ground] + survival[:, column] * contrast
    response[same_sleeves, Part.SLEEVE] = response[same_sleeves, Part.UPPER]
    return response.astype(np.float32)


def _thermal(rng: np.random.Generator, same_sleeves: np.ndarray) -> Floats:
    warmth = uniform(rng, 0.15, 0.75, BLOCK, len(Part))
    warmth[:, Part.SKIN] = uniform(rng, 0.92, 1.0, BLOCK)
    warmth[:, Part.HAIR] = uniform(rng, 0.45, 0.7, BLOCK)
    warmth[:, Part.BAG] = uniform(rng, 0.0, 0.12, BLOCK)  # close to the surroundings
    for part, other in ((Part.SECOND, Part.UPPER), (Part.STRIPE, Part.LOWER)):
        warmth[:, part] = warmth[:, other] + 0.1 * (warmth[:, part] - warmth[:, other])
    warmth[same_sleeves, Part.SLEEVE] = warmth[same_sleeves, Part.UPPER]
    return warmth


def _cloth(rng: np.random.Generator, count: int) -> Floats:
    """``(count, 3)`` colours: a third is grey or nearly grey, the rest has any hue."""
    hue, value = uniform(rng, 0, 6, count), uniform(rng, 0.12, 0.95, count)
    saturation = np.where(rng.random(count) < 0.33, uniform(rng, 0, 0.12, count), uniform(rng, 0.3, 0.85, count))
    ramp = np.abs((hue[:, None] + np.array([0, 4, 2], dtype=np.float32)) % 6 - 3) - 1
    colours: Floats = value[:, None] * (1 - saturation[:, None] * (1 - np.clip(ramp, 0, 1)))
    return colours.astype(np.float32)


def _apart(values: Floats, others: Floats, least: float) -> Floats:
    """``values``, moved to at least ``least`` from ``others``, on the side that has room for it."""
    side = np.where(values >= others, 1, -1)
    room = np.where(side > 0, 0.95 - others, others - 0.08)
    side = np.where(room >= least, side, -side)
    close = np.abs(values - others) < least
    return np.where(close | (side * (values - others) < 0), others + side * least, values).astype(np.float32)
