"""A whole person, from back to front: far limbs, trunk, near limbs."""

from __future__ import annotations

import numpy as np

from vireid.data.synthetic.accessories import draw_bag, draw_head
from vireid.data.synthetic.drawing import Canvas, Layer
from vireid.data.synthetic.garments import below, opening, pattern, sleeve_pattern, straps, stripe
from vireid.data.synthetic.materials import Part
from vireid.data.synthetic.people import Lower, People
from vireid.data.synthetic.skeleton import FAR, NEAR, View
from vireid.data.synthetic.streams import Floats


def draw_figures(canvas: Canvas, people: People, colours: Floats, view: View) -> None:
    """Paint one person per image.

    Args:
        canvas: N images.
        people: N rows, one per image.
        colours: ``(N, parts, C)`` response of the sensor to each :class:`~vireid.data.synthetic.materials.Part`.
        view: positions of the joints.
    """
    draw_bag(canvas, people, colours, view, behind=True)
    _arm(canvas, people, colours, view, FAR)
    _leg(canvas, people, colours, view, FAR)
    _leg(canvas, people, colours, view, NEAR)
    _lower_trunk(canvas, people, colours, view)
    _upper_trunk(canvas, people, colours, view)
    draw_head(canvas, people, colours, view)
    _arm(canvas, people, colours, view, NEAR)
    draw_bag(canvas, people, colours, view, behind=False)


def _arm(canvas: Canvas, people: People, colours: Floats, view: View, slot: int) -> None:
    skin = colours[:, Part.SKIN]
    sleeve = colours[:, Part.SLEEVE]
    second = colours[:, Part.SECOND]
    bare = np.maximum(people.limb, 0.85) * view.unit
    cloth = bare * (1 + 0.5 * (people.loose - 1) * (people.sleeve > 0))
    shoulder = view.shoulders[:, slot]
    elbow = view.elbows[:, slot]
    hand = view.hands[:, slot]
    upper_layers: list[Layer] = [sleeve_pattern(people, view, second, 0.0), below(skin, people.sleeve)]
    lower_layers: list[Layer] = [sleeve_pattern(people, view, second, 0.17), below(skin, people.sleeve - 1)]
    canvas.capsule(elbow, hand, (0.029 * cloth, 0.021 * cloth), sleeve, lower_layers)
    canvas.capsule(shoulder, elbow, (0.037 * cloth, 0.031 * cloth), sleeve, upper_layers)
    canvas.ellipse(hand, (0.021 * bare, 0.026 * bare), skin)


def _leg(canvas: Canvas, people: People, colours: Floats, view: View, slot: int) -> None:
    skin = colours[:, Part.SKIN]
    shoes = colours[:, Part.SHOES]
    trousers = colours[:, Part.LOWER]
    hip = view.thighs[:, slot]
    knee = view.knees[:, slot]
    ankle = view.ankles[:, slot]
    toe = view.toes[:, slot]
    skirt = people.lower >= Lower.SKIRT
    covered = np.where(skirt, np.float32(0.0), people.lower_length)
    size = people.limb * view.unit
    wide = size * (1 + 0.4 * (people.loose - 1) * ~skirt)
    ankle_radius = np.where(covered > 1, 0.026 * wide * people.flare, 0.027 * size)
    marks = stripe(people, view, colours[:, Part.STRIPE], slot)
    canvas.capsule(ankle, toe, (0.026 * size, 0.02 * size), shoes)
    canvas.capsule(knee, ankle, (0.042 * wide, ankle_radius), trousers, [marks, below(skin, covered - 1), below(shoes, 1 - people.boot)])
    canvas.capsule(hip, knee, (0.066 * wide, 0.046 * wide), trousers, [marks, below(skin, covered)])


def _lower_trunk(canvas: Canvas, people: People, colours: Floats, view: View) -> None:
    lower = colours[:, Part.LOWER]
    hip = view.half_width(people.hip, people.depth)
    waist = view.half_width(people.waist, people.depth * 0.95)
    top = view.hips - np.stack([np.zeros_like(view.unit), 0.05 * view.unit], 1)
    canvas.trunk(top, view.crotch, (waist, hip * 1.06, hip * 0.92), lower)
    flare = hip * people.flare * (1 + 0.25 * (people.lower_length - 0.8))
    drop = np.stack([np.zeros_like(view.unit), people.lower_length * 0.49 * people.leg * view.unit], 1)
    middle = (waist + flare) / 2 + 0.12 * hip
    canvas.trunk(top, view.crotch + drop, (waist, middle, flare), lower, rows=people.lower >= Lower.SKIRT)


def _upper_trunk(canvas: Canvas, people: People, colours: Floats, view: View) -> None:
    loose = people.loose
    shoulder = view.half_width(people.shoulder, people.depth * 0.95)
    waist = view.half_width(people.waist, people.depth) * loose
    hip = view.half_width(people.hip, people.depth) * (1 + 0.7 * (loose - 1))
    down = np.stack([np.zeros_like(view.unit), people.hem * view.unit], 1)
    layers = [
        pattern(people, view, colours[:, Part.SECOND]),
        opening(people, view, colours[:, Part.INNER]),
        straps(people, view, colours[:, Part.BAG]),
    ]
    canvas.capsule(view.neck, view.head, (0.034 * view.unit, 0.03 * view.unit), colours[:, Part.SKIN])
    widths = (shoulder, waist, hip * (1 + 0.8 * np.maximum(people.hem - 0.07, 0)))
    canvas.trunk(view.neck, view.hips + down, widths, colours[:, Part.UPPER], layers, slope=0.055 * view.unit)
