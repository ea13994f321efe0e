"""Counts the operations that a step starts: on a GPU each is a kernel."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from torch._ops import OpOverload
from torch.utils._python_dispatch import TorchDispatchMode

VIEWS = ["alias", "as_strided", "detach", "diagonal", "expand", "lift_fresh", "narrow", "permute", "_reshape_alias", "reshape", "select"]
VIEWS += ["slice", "split", "split_with_sizes", "squeeze", "t", "transpose", "unbind", "unfold", "_unsafe_view", "unsqueeze", "view"]
ALLOCATIONS = ["empty", "empty_like", "empty_strided", "new_empty", "new_empty_strided"]


class Operations(TorchDispatchMode):
    """Inside, operations are counted, forward and backward, views and allocations aside."""

    def __init__(self) -> None:
        super().__init__()
        self.counts: Counter[str] = Counter()

    @property
    def total(self) -> int:
        return self.counts.total()

    def most_common(self, count: int) -> list[tuple[str, int]]:
        return self.counts.most_common(count)

    def __torch_dispatch__(
        self, func: OpOverload, types: Sequence[type], args: Sequence[Any] = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        name = func.overloadpacket.__name__
        if name not in (*VIEWS, *ALLOCATIONS):
            self.counts[name] += 1
        return func(*args, **(kwargs or {}))
