"""Images of a block of people in one camera: the unit of work, the same whoever draws it and beside whatever else."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from vireid.data.synthetic.cameras import draw_camera, expose
from vireid.data.synthetic.difficulty import Difficulty
from vireid.data.synthetic.drawing import Canvas
from vireid.data.synthetic.figure import draw_figures
from vireid.data.synthetic.materials import Sensor, draw_materials
from vireid.data.synthetic.people import BLOCK, draw_people
from vireid.data.synthetic.scene import ambient, crop_scenes, draw_occluders, draw_scene
from vireid.data.synthetic.skeleton import draw_pose, project
from vireid.data.synthetic.streams import Floats, Purpose, stream

SHOTS = 4  # images of each person in one unit, at most
MOUNT = 100  # a camera number + MOUNT is another sensor on the mount of that camera: same place and view, moments of its own


@dataclass(frozen=True)
class Look:
    """All that decides about pixels, apart from which person, camera and shot."""

    seed: int
    height: int
    width: int
    difficulty: Difficulty


@dataclass(frozen=True)
class Unit:
    """A piece of work: ``people`` (at most BLOCK) of block ``block``, ``shots`` images each, starting at image ``first``, in one camera."""

    camid: int
    sensor: Sensor
    block: int
    people: int
    first: int
    shots: int

    @property
    def pids(self) -> range:
        """Identity numbers, from 1."""
        return range(self.block * BLOCK + 1, self.block * BLOCK + self.people + 1)


@dataclass(frozen=True)
class Drawn:
    """What a unit looks like.

    Attributes:
        images: ``(people, shots, H, W, 3)`` or, infrared, ``(people, shots, H, W)``.
        frontal: ``(people, shots)`` seen from the front.
    """

    images: NDArray[np.uint8]
    frontal: NDArray[np.bool_]


def render(look: Look, unit: Unit) -> Drawn:
    """Draw a unit. Streams of scene, exposure, noise, occluder and ambient depend on camera, block and image number, not on who is seen."""
    difficulty = look.difficulty
    who = np.repeat(np.arange(unit.people), unit.shots)
    place = (unit.camid, unit.block, unit.first)
    mount = unit.camid % MOUNT
    camera = draw_camera(look.seed, mount, unit.sensor, difficulty)
    people = draw_people(look.seed, unit.block).take(who)
    colours = draw_materials(look.seed, unit.block, difficulty).seen_by(unit.sensor)[who]
    pose = draw_pose(stream(look.seed, Purpose.POSE, *place), camera.yaws, camera.pitch, len(who), difficulty)

    scene = _scene(look.seed, mount, unit.sensor, look.height, look.width)
    crops = stream(look.seed, Purpose.CROP, *place)
    pixels = crop_scenes(scene, crops, len(who), look.height, look.width, difficulty.background)
    if unit.sensor == "thermal":
        ambient(pixels, stream(look.seed, Purpose.AMBIENT, *place))
    canvas = Canvas(pixels, np.full(len(who), camera.light if unit.sensor != "thermal" else 0, dtype=np.float32))
    draw_figures(canvas, people, colours, project(people, pose, look.height, look.width))
    draw_occluders(canvas, stream(look.seed, Purpose.OCCLUDER, *place), difficulty)

    exposed = expose(pixels, camera, stream(look.seed, Purpose.EXPOSURE, *place), stream(look.seed, Purpose.NOISE, *place))
    bytes_ = np.clip(np.rint(exposed * 255), 0, 255).astype(np.uint8)
    images = bytes_.transpose(0, 2, 3, 1) if unit.sensor == "visible" else bytes_[:, 0]
    return Drawn(
        np.ascontiguousarray(images.reshape(unit.people, unit.shots, *images.shape[1:])),
        (np.cos(pose.yaw) > 0).reshape(unit.people, unit.shots),
    )


@lru_cache(maxsize=8)
def _scene(seed: int, camid: int, sensor: Sensor, height: int, width: int) -> Floats:
    return draw_scene(seed, camid, sensor, height, width)
