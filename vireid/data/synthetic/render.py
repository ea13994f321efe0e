"""Images of a block of people in one camera, the unit of work. They do not depend on other units or on the process that draws them."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from vireid.data.synthetic.cameras import Camera, draw_camera, expose
from vireid.data.synthetic.difficulty import Difficulty
from vireid.data.synthetic.drawing import Canvas
from vireid.data.synthetic.figure import draw_figures
from vireid.data.synthetic.materials import Sensor, draw_materials
from vireid.data.synthetic.people import BLOCK, draw_people
from vireid.data.synthetic.scene import ambient, crop_scenes, draw_occluders, draw_scene
from vireid.data.synthetic.skeleton import draw_pose, project
from vireid.data.synthetic.streams import Floats, Purpose, stream
from vireid.data.synthetic.worlds import WORLDS, WorldName

SHOTS = 4  # images of each person in one unit, at most
MOUNT = 100  # a camera number + MOUNT is another sensor on the mount of that camera: same place and view, moments of its own


@dataclass(frozen=True)
class Look:
    """Everything that determines pixels, except person, camera and shot."""

    seed: int
    height: int
    width: int
    difficulty: Difficulty
    world: WorldName = "contrast"


@dataclass(frozen=True)
class Unit:
    """Unit of work: ``people`` (at most BLOCK) of block ``block``, ``shots`` images each, starting at image ``first``, in one camera."""

    camid: int
    sensor: Sensor
    block: int
    people: int
    first: int
    shots: int

    @property
    def place(self) -> tuple[int, int, int]:
        """Numbers that determine the random streams of single images."""
        return self.camid, self.block, self.first

    @property
    def pids(self) -> range:
        """Identity numbers, from 1."""
        return range(self.block * BLOCK + 1, self.block * BLOCK + self.people + 1)


@dataclass(frozen=True)
class Drawn:
    """Images of a unit.

    Attributes:
        images: ``(people, shots, H, W, 3)``; infrared images have three equal channels.
        frontal: ``(people, shots)``, whether the person is seen from the front.
    """

    images: NDArray[np.uint8]
    frontal: NDArray[np.bool_]


def render(look: Look, unit: Unit) -> Drawn:
    """Draw a unit. Only body and clothes depend on the person. All other streams depend on camera, block and image number."""
    difficulty = look.difficulty
    who = np.repeat(np.arange(unit.people), unit.shots)
    mount = unit.camid % MOUNT
    camera = draw_camera(look.seed, mount, unit.sensor, difficulty)
    people = draw_people(look.seed, unit.block).take(who)
    colours = draw_materials(look.seed, unit.block, difficulty).seen_by(unit.sensor)[who]
    pose = draw_pose(stream(look.seed, Purpose.POSE, *unit.place), camera.yaws, camera.pitch, len(who), difficulty)

    scene = _scene(look.seed, mount, unit.sensor, look.height, look.width)
    crops = stream(look.seed, Purpose.CROP, *unit.place)
    pixels = crop_scenes(scene, crops, len(who), look.height, look.width, difficulty.background)
    if unit.sensor == "thermal":
        ambient(pixels, stream(look.seed, Purpose.AMBIENT, *unit.place))
    canvas = Canvas(pixels, np.full(len(who), camera.light if unit.sensor != "thermal" else 0, dtype=np.float32))
    draw_figures(canvas, people, colours, project(people, pose, look.height, look.width))
    draw_occluders(canvas, stream(look.seed, Purpose.OCCLUDER, *unit.place), difficulty)

    images = _recorded(pixels, camera, look, unit)
    return Drawn(
        images.reshape(unit.people, unit.shots, *images.shape[1:]),
        (np.cos(pose.yaw) > 0).reshape(unit.people, unit.shots),
    )


def _recorded(pixels: Floats, camera: Camera, look: Look, unit: Unit) -> NDArray[np.uint8]:
    """``(N, H, W, 3)`` bytes that the camera writes for ``(N, C, H, W)`` light: the effect of its sensor and, in infrared, of its world."""
    exposure, noise = (stream(look.seed, purpose, *unit.place) for purpose in (Purpose.EXPOSURE, Purpose.NOISE))
    image = _rounded(expose(pixels, camera, exposure, noise))
    if unit.sensor != "visible":
        seen = image.astype(np.float32) / np.float32(255)
        image = _rounded(WORLDS[look.world](seen, stream(look.seed, Purpose.WORLD, *unit.place)))
    channels = np.broadcast_to(image, (len(image), 3, *image.shape[2:]))
    return np.ascontiguousarray(channels.transpose(0, 2, 3, 1))


def _rounded(intensities: Floats) -> NDArray[np.uint8]:
    written: NDArray[np.uint8] = np.clip(np.rint(intensities * 255), 0, 255).astype(np.uint8)
    return written


@lru_cache(maxsize=8)
def _scene(seed: int, camid: int, sensor: Sensor, height: int, width: int) -> Floats:
    return draw_scene(seed, camid, sensor, height, width)
