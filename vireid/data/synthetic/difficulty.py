"""Difficulty of the synthetic task."""

from __future__ import annotations

import math
from dataclasses import dataclass, fields

UNIT_KNOBS = ("tone_coupling", "pattern_survival", "occlusion")
LARGEST = 4.0


@dataclass(frozen=True)
class Difficulty:
    """Knobs of the generator; the defaults are the calibrated benchmark.

    Attributes:
        tone_coupling: 0..1, share of the visible lightness in the near-infrared response of a garment. The strongest knob: at 1 the grey
            image predicts the infrared image; at 0 only shapes, patterns and outlines connect the two. At 0.5 a template of grey
            values alone reaches an mAP of about 0.2 and an untrained small network 0.07 (60 test people, all their images as gallery;
            chance is 0.024): report the template beside trained results.
        pattern_survival: 0..1, smallest share of the contrast of a garment pattern that the near infrared keeps.
        view_spread: factor on the camera yaws (0: every camera looks from the front).
        view_jitter: standard deviation of the yaw within one camera and view, radians.
        background: factor on the contrast of the scene behind the person (0: flat).
        pose: factor on stride, arm swing, lean and on the shift of the person in the frame.
        noise: factor on sensor noise.
        camera_gap: factor on the differences of gain, gamma, white balance, light and blur between cameras.
        occlusion: 0..1, share of images with an object in front of the person.
        infrared_contrast: factor on the contrast of infrared images around a middle grey, before noise. If it is well below 1, the way in
            which a network normalises the modalities matters.

    Raises:
        ValueError: a value out of range.
    """

    tone_coupling: float = 0.5
    pattern_survival: float = 0.8
    view_spread: float = 0.7
    view_jitter: float = 0.15
    background: float = 0.3
    pose: float = 0.5
    noise: float = 0.25
    camera_gap: float = 0.5
    occlusion: float = 0.05
    infrared_contrast: float = 0.5

    def __post_init__(self) -> None:
        for field in fields(self):
            value = getattr(self, field.name)
            top = 1.0 if field.name in UNIT_KNOBS else LARGEST
            if isinstance(value, bool) or not isinstance(value, (int, float)) or not math.isfinite(value) or not 0 <= value <= top:
                raise ValueError(f"`difficulty.{field.name}` must be a number from 0 to {top:g}, got {value!r}.")


BENCHMARK = Difficulty()
