"""Names of the blocks of an OSNet, and of their placements in the six-name list that OSNet-AIN's search prints."""

from __future__ import annotations

OSNET_SITES = ("conv2.0", "conv2.1", "conv3.0", "conv3.1", "conv4.0", "conv4.1")
"""Module names of the six blocks, in the order of execution."""

OSNET_CLASSES = {"none": "OSBlock", "in": "OSBlockINv1", "out": "OSBlockINv2", "inout": "OSBlockINv3"}
"""Placement id to the class that the search code prints."""
