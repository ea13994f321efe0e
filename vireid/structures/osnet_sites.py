"""Names of the blocks of an OSNet, of its widths, and of its placements in the six-name list that OSNet-AIN's search prints."""

from __future__ import annotations

Channels = tuple[int, int, int, int]

OSNET_SITES = ("conv2.0", "conv2.1", "conv3.0", "conv3.1", "conv4.0", "conv4.1")
"""Module names of the six blocks, in the order of execution."""

OSNET_CLASSES = {"none": "OSBlock", "in": "OSBlockINv1", "out": "OSBlockINv2", "inout": "OSBlockINv3"}
"""Placement id to the class that the search code prints."""

OSNET_CHANNELS: dict[str, Channels] = {
    "x1_0": (64, 256, 384, 512),
    "x0_75": (48, 192, 288, 384),
    "x0_5": (32, 128, 192, 256),
    "x0_25": (16, 64, 96, 128),
}
"""Channels of the stem and of stages 2, 3 and 4, by width."""
