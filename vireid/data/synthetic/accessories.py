"""Heads with hair and hats, and bags."""

from __future__ import annotations

import numpy as np

from vireid.data.synthetic.drawing import Canvas
from vireid.data.synthetic.materials import Part
from vireid.data.synthetic.people import Bag, Hair, Hat, People
from vireid.data.synthetic.skeleton import FAR, NEAR, View
from vireid.data.synthetic.streams import Floats, Rows


def draw_head(canvas: Canvas, people: People, colours: Floats, view: View) -> None:
    """Skull, hair, face and hat. Hair behind the face is drawn first, so that it never covers a face that looks at the camera."""
    size = people.head * view.unit
    hair = colours[:, Part.HAIR]
    zero = np.zeros_like(size)
    facing = np.cos(view.yaw)
    backwards = view.across(zero, -0.22 * people.head)
    haired = people.hair != Hair.BALD
    _loose_hair(canvas, people, hair, view, away=facing >= 0)
    canvas.ellipse(view.head + backwards, (1.02 * size, 1.22 * size), np.where(haired[:, None], hair, colours[:, Part.SKIN]))
    lowered = np.stack([zero, 0.25 * size], 1)
    bob = people.hair == Hair.BOB
    canvas.ellipse(view.head + backwards + lowered, (1.2 * size, 1.3 * size), hair, rows=bob)
    hooded = people.hat == Hat.HOOD
    canvas.ellipse(view.head + backwards, (1.28 * size, 1.42 * size), colours[:, Part.UPPER], rows=hooded)
    turned = view.across(zero, 0.4 * people.head) + np.stack([zero, 0.22 * size], 1)
    narrow = np.clip(0.55 + 0.6 * facing, 0.2, 0.85) * size
    canvas.ellipse(view.head + turned, (narrow, 0.98 * size), colours[:, Part.SKIN], rows=facing > -0.35)
    _loose_hair(canvas, people, hair, view, away=facing < 0)
    _hat(canvas, people, colours[:, Part.HAT], view, size)


def _loose_hair(canvas: Canvas, people: People, hair: Floats, view: View, away: Rows) -> None:
    """Hair that falls down the back; ``away`` are the images in which it is behind (or in front of) everything else."""
    size = people.head * view.unit
    zero = np.zeros_like(size)
    long, tail = people.hair == Hair.LONG, people.hair == Hair.TAIL
    back, fall = _either(tail, -1.1, -0.45) * people.head, _either(tail, 1.9, 2.3) * size
    wide, end = _either(tail, 0.42, 1.12) * size, _either(tail, 0.28, 0.95) * size
    start = view.head + view.across(zero, back)
    drop, radii = np.stack([zero, fall], 1), (wide, end)
    canvas.capsule(start, start + drop, radii, hair, rows=(long | tail) & away)


def _either(rows: Rows, value: float, other: float) -> Floats:
    chosen: Floats = np.where(rows, np.float32(value), np.float32(other))
    return chosen


def _hat(canvas: Canvas, people: People, colour: Floats, view: View, size: Floats) -> None:
    zero = np.zeros_like(size)
    raised = view.head - np.stack([zero, 0.12 * size], 1)
    brow = view.head[:, 1] - 0.32 * size
    for kind, (wide, tall) in {Hat.CAP: (1.14, 1.28), Hat.BEANIE: (1.17, 1.55), Hat.BRIM: (1.08, 1.42)}.items():
        canvas.ellipse(
            raised, (wide * size, tall * size), colour, rows=people.hat == kind, below=brow + (0.15 * size if kind == Hat.BEANIE else 0)
        )
    edge = np.stack([view.head[:, 0], brow], 1)
    visor = edge + view.across(zero, 1.75 * people.head)
    thin = 0.2 * size
    canvas.capsule(edge + view.across(zero, 0.5 * people.head), visor, (thin * 2, thin), colour, rows=people.hat == Hat.CAP)
    sideways = np.stack([1.85 * size, zero], 1)
    canvas.capsule(edge - sideways, edge + sideways, (thin, thin), colour, rows=people.hat == Hat.BRIM)


def draw_bag(canvas: Canvas, people: People, colours: Floats, view: View, behind: bool) -> None:
    """The bag, in those images in which it is ``behind`` the body (or not)."""
    colour = colours[:, Part.BAG]
    unit, size = view.unit, people.bag_size
    zero = np.zeros_like(unit)
    pack = people.bag == Bag.BACKPACK
    width = view.half_width(0.095 * size, 0.06 * size)
    centre = view.neck + view.across(zero, -(people.depth + 0.045 * size))
    top, bottom = np.stack([zero, 0.03 * unit], 1), np.stack([zero, (0.06 + 0.2 * size) * unit], 1)
    canvas.trunk(centre + top, centre + bottom, (width * 0.85, width * 1.1, width), colour, rows=pack & ((np.cos(view.yaw) > 0) == behind))

    near = (view.sides[:, NEAR] == people.side) != behind
    hip = view.hips + view.across(people.side * (people.hip + 0.035), zero)
    across, down = view.half_width(0.05 * size, 0.085 * size), np.stack([zero, 0.12 * size * unit], 1)
    canvas.trunk(hip - 0.2 * down, hip + down, (across * 0.9, across, across), colour, rows=(people.bag == Bag.SHOULDER) & near)

    slot = np.where(view.sides[:, NEAR] == people.side, NEAR, FAR)
    hand = view.hands[np.arange(len(unit)), slot]
    across, down = view.half_width(0.03 * size, 0.075 * size), np.stack([zero, 0.15 * size * unit], 1)
    hand_bag = (people.bag == Bag.HAND) & near
    canvas.trunk(hand + 0.25 * down, hand + down * 1.2, (across * 0.8, across, across * 1.1), colour, rows=hand_bag)
    canvas.capsule(hand, hand + 0.3 * down, (0.008 * unit, 0.008 * unit), colour, rows=hand_bag)
