"""Places of a garment with another material: patterns, open fronts, straps, hems. Shares are ``(n, h, w)`` in [0, 1]."""

from __future__ import annotations

import numpy as np

from vireid.data.synthetic.drawing import Layer, Local
from vireid.data.synthetic.people import Bag, Pattern, People
from vireid.data.synthetic.skeleton import View
from vireid.data.synthetic.streams import Floats

TURN = np.float32(2 * np.pi)
SHARP = np.float32(4.0)  # steepness of the borders of stripes


def body_angle(local: Local, yaw: Floats) -> Floats:
    """Angle around the body, in radians: 0 is the front, and positive is the left side."""
    return np.arcsin(local.across) - local.pick(yaw)


def turned(angle: Floats, centre: float) -> Floats:
    """Distance of an angle from ``centre``, 0..pi."""
    offset = angle - np.float32(centre)
    distance: Floats = np.abs(offset - TURN * np.rint(offset / TURN))
    return distance


def below(colour: Floats, cut: Floats) -> Layer:
    """Layer of ``colour`` that begins at the share ``cut`` of the length (``(N,)``, may lie outside 0..1), e.g. skin below a sleeve."""
    return colour, lambda local: np.clip((local.along - local.pick(cut)) * local.length + 0.5, 0, 1) * (local.pick(cut) < 1)


def pattern(people: People, view: View, colour: Floats) -> Layer:
    """The pattern of the upper garment in ``colour``."""

    def share(local: Local) -> Floats:
        kind = local.pick(people.pattern)
        angle = body_angle(local, view.yaw)
        cycles = TURN / (local.pick(people.period) * local.pick(view.unit))
        horizontal = np.clip(SHARP * np.sin(local.along * local.length * cycles) / 2 + 0.5, 0, 1)
        turns = np.round(np.float32(0.6) / local.pick(people.period))
        vertical = np.clip(SHARP * np.cos(turns * angle) / 2 + 0.5, 0, 1)
        block = np.clip((local.along - 6 * local.pick(people.period)) * local.length + 0.5, 0, 1)
        size = 0.5 + 3 * local.pick(people.period)
        front = _spot(turned(angle, 0), local.along - 0.38, size)
        back = _spot(turned(angle, np.pi), local.along - 0.42, size * 1.2)
        shares = [horizontal, vertical, (horizontal + vertical) / 2, block, front, back]
        kinds = [Pattern.HORIZONTAL, Pattern.VERTICAL, Pattern.PLAID, Pattern.BLOCK, Pattern.LOGO, Pattern.BACK_PRINT]
        return np.select([kind == item for item in kinds], shares, np.float32(0))

    return colour, share


def sleeve_pattern(people: People, view: View, colour: Floats, start: float) -> Layer:
    """Rings on sleeves of garments with horizontal stripes or plaid; ``start`` is the arm length before this part, in body heights."""

    def share(local: Local) -> Floats:
        unit = local.pick(view.unit)
        phase = (local.along * local.length + start * unit) * TURN / (local.pick(people.period) * unit)
        kind = local.pick(people.pattern)
        rings = np.clip(SHARP * np.sin(phase) / 2 + 0.5, 0, 1)
        strength = np.select([kind == Pattern.HORIZONTAL, kind == Pattern.PLAID], [np.float32(1), np.float32(0.5)], np.float32(0))
        shown: Floats = rings * strength
        return shown

    return colour, share


def opening(people: People, view: View, colour: Floats) -> Layer:
    """Inner garment under an open jacket, visible in a strip along the front."""
    return colour, lambda local: np.clip((local.pick(people.opened) - turned(body_angle(local, view.yaw), 0)) * 8, 0, 1)


def stripe(people: People, view: View, colour: Floats, slot: int) -> Layer:
    """The stripe along the outer side of a trouser leg."""

    def share(local: Local) -> Floats:
        outer = np.sin(body_angle(local, view.yaw)) * local.pick(view.sides[:, slot])
        band: Floats = np.clip((outer - 0.62) * 5, 0, 1)
        return band * local.pick(people.stripe)

    return colour, share


def straps(people: People, view: View, colour: Floats) -> Layer:
    """Straps of a backpack (front) or of a shoulder bag (diagonal, front and back)."""

    def share(local: Local) -> Floats:
        angle, bag = body_angle(local, view.yaw), local.pick(people.bag)
        pair = np.clip((0.17 - np.abs(turned(angle, 0) - 0.55)) * 10, 0, 1) * (local.along < 0.72)
        diagonal = np.clip((0.2 - np.abs(np.sin(angle) - local.pick(people.side) * (2 * local.along - 1))) * 6, 0, 1)
        return np.select([bag == Bag.BACKPACK, bag == Bag.SHOULDER], [pair, diagonal], np.float32(0))

    return colour, share


def _spot(angle: Floats, height: Floats, size: Floats) -> Floats:
    spot: Floats = np.clip((1 - np.hypot(angle / size, height / (0.3 * size))) * 5, 0, 1)
    return spot
