"""What came of loading a published state dict."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple


class StateReport(NamedTuple):
    """What did not fit.

    Attributes:
        missing: entries of our network without a counterpart in the published state; they keep their values.
        unused: entries of the published state that our network has no place for.
        ignored: entries of the published state that its own code keeps, but never uses in the network that was asked for.
    """

    missing: list[str]
    unused: list[str]
    ignored: Sequence[str] = ()
