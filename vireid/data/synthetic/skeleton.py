"""Pose of a person in an image: a small three-dimensional skeleton, turned by the yaw and projected to pixels."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from vireid.data.synthetic.difficulty import Difficulty
from vireid.data.synthetic.people import People
from vireid.data.synthetic.streams import Floats, normal, uniform

FAR, NEAR = 0, 1  # slots of the paired limbs in a View


@dataclass(frozen=True)
class Pose:
    """One row per image: ``(N,)`` each; angles in radians, shifts in body heights."""

    yaw: Floats
    pitch: Floats
    phase: Floats
    swing: Floats
    bend: Floats
    lean: Floats
    shift_x: Floats
    shift_y: Floats
    scale: Floats


def draw_pose(rng: np.random.Generator, yaws: Floats, pitch: float, count: int, difficulty: Difficulty) -> Pose:
    """Poses of ``count`` images of a camera with view centres ``yaws`` ``(V,)`` and ``pitch``, both in radians."""
    loose = difficulty.pose
    centre = yaws[rng.integers(len(yaws), size=count)]
    return Pose(
        yaw=(centre * difficulty.view_spread + normal(rng, difficulty.view_jitter, count)).astype(np.float32),
        pitch=np.full(count, pitch, dtype=np.float32),
        phase=uniform(rng, 0, 2 * np.pi, count),
        swing=(0.55 + loose * uniform(rng, -0.5, 0.5, count)).astype(np.float32),
        bend=(0.25 + loose * uniform(rng, -0.2, 0.6, count)).astype(np.float32),
        lean=normal(rng, 0.03 * loose, count),
        shift_x=normal(rng, 0.03 * loose, count),
        shift_y=normal(rng, 0.015 * loose, count),
        scale=(1 + normal(rng, 0.03 * loose, count)).astype(np.float32),
    )


@dataclass(frozen=True)
class View:
    """Projected people. Points are ``(N, 2)`` pixels (x, y); limbs are ``(N, 2, 2)``: far limb, near limb (:data:`FAR`, :data:`NEAR`).

    Attributes:
        unit: ``(N,)`` pixels per body height.
        yaw: ``(N,)`` radians; 0 looks at the camera, positive turns the left side away from it.
        sides: ``(N, 2)`` side of the far and of the near limb, +1 is left.
    """

    unit: Floats
    yaw: Floats
    sides: Floats
    neck: Floats
    head: Floats
    hips: Floats
    crotch: Floats
    shoulders: Floats
    elbows: Floats
    hands: Floats
    thighs: Floats
    knees: Floats
    ankles: Floats
    toes: Floats
    axis: Floats
    forward: Floats

    def across(self, side: Floats, forward: Floats) -> Floats:
        """``(N, 2)`` pixel offset of a body offset to the left and forward, in body heights."""
        return side[:, None] * self.axis + forward[:, None] * self.forward

    def half_width(self, lateral: Floats, depth: Floats) -> Floats:
        """``(N,)`` pixels: outline of an ellipse with these half axes, in body heights."""
        return self.unit * np.hypot(lateral * np.cos(self.yaw), depth * np.sin(self.yaw))


def project(people: People, pose: Pose, height: int, width: int) -> View:
    """Skeletons of ``people`` (one row per image) in images of ``height`` x ``width`` pixels."""
    unit = 0.87 * height * pose.scale
    cos, sin = np.cos(pose.yaw), np.sin(pose.yaw)
    origin = np.stack([width * 0.5 + pose.shift_x * height, height * 0.95 + pose.shift_y * height], 1)

    def pixel(x: Floats, y: Floats, z: Floats) -> Floats:
        x, z = x + pose.lean * y, z + people.stoop * np.maximum(y - 0.5, 0)
        towards = z * cos - x * sin
        across = x * cos + z * sin
        upward = y * np.cos(pose.pitch) - towards * np.sin(pose.pitch)
        point: Floats = origin + unit[:, None] * np.stack([across, -upward / np.cos(pose.pitch)], 1)
        return point.astype(np.float32)

    zero = np.zeros_like(unit)
    near_left = np.where(-sin >= 0, 1, -1).astype(np.float32)  # the left side is nearer where it comes forward
    sides = np.stack([-near_left, near_left], 1)
    limbs: dict[str, list[Floats]] = {name: [] for name in ("shoulders", "elbows", "hands", "thighs", "knees", "ankles", "toes")}
    for slot in (FAR, NEAR):
        for name, point in _limbs(people, pose, sides[:, slot]).items():
            limbs[name].append(pixel(*point))
    top = people.leg + 0.32
    axis, forward = pixel(zero + 1, zero, zero) - pixel(zero, zero, zero), pixel(zero, zero, zero + 1) - pixel(zero, zero, zero)
    return View(
        unit=unit.astype(np.float32),
        yaw=pose.yaw,
        sides=sides,
        neck=pixel(zero, top + 0.01, zero),
        head=pixel(zero, 1 - 1.25 * people.head, zero + 0.02),
        hips=pixel(zero, people.leg + 0.03, zero),
        crotch=pixel(zero, people.leg - 0.04, zero),
        axis=axis,
        forward=forward,
        **{name: np.stack(points, 1) for name, points in limbs.items()},
    )


def _limbs(people: People, pose: Pose, side: Floats) -> dict[str, tuple[Floats, Floats, Floats]]:
    """Joints of one arm and one leg in body heights: left, up, forward. The arm swings against the leg."""
    swing = people.stride * pose.swing * np.sin(pose.phase) * side
    lift = people.stride * pose.swing * np.maximum(np.cos(pose.phase) * side, 0) * 1.6
    thigh, shin = 0.5 * people.leg, 0.46 * people.leg
    hip = (0.55 * people.hip * side, people.leg, np.zeros_like(side))
    knee = (hip[0] * 1.02, hip[1] - thigh * np.cos(swing), thigh * np.sin(swing))
    ankle = (hip[0] * 1.0, knee[1] - shin * np.cos(swing - lift), knee[2] + shin * np.sin(swing - lift))
    shoulder = (0.86 * people.shoulder * side, people.leg + 0.283, np.zeros_like(side))
    spread = 0.14 + 0.1 * (people.loose - 1.04)
    elbow = (shoulder[0] + people.arm * spread * side, shoulder[1] - people.arm * np.cos(swing), -people.arm * np.sin(0.9 * swing))
    fore = pose.bend - 0.9 * swing
    hand = (elbow[0] + 0.2 * spread * people.arm * side, elbow[1] - people.arm * np.cos(fore), elbow[2] + people.arm * np.sin(fore))
    toe = (ankle[0] * 1.25, ankle[1] - 0.015, ankle[2] + 0.075)
    points = {"shoulders": shoulder, "elbows": elbow, "hands": hand, "thighs": hip, "knees": knee, "ankles": ankle, "toes": toe}
    return {name: (x.astype(np.float32), y.astype(np.float32), z.astype(np.float32)) for name, (x, y, z) in points.items()}
