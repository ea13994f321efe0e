"""Images in a batch."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from typing import Any

import torch
from torch import Tensor

WAITING = ("cpu", "mps")  # copies to them must be over before they are read, which only a copy that waits makes sure


@dataclass(eq=False)  # not frozen: Lightning casts the fields of a batch in place
class _Rows:
    """A record of tensors that Lightning can pin and move."""

    def _map(self, name: str, *args: Any, **kwargs: Any) -> Any:
        moved = {}
        for field in fields(self):
            value = getattr(self, field.name)
            if isinstance(value, (Tensor, _Rows)):
                moved[field.name] = getattr(value, name)(*args, **kwargs)
        return replace(self, **moved)

    def to(self, *args: Any, **kwargs: Any) -> Any:
        """Same rows on another device or in another dtype, as ``Tensor.to``. Nothing waits for pinned rows on their way to a GPU."""
        device = torch.device(args[0] if args and isinstance(args[0], (str, torch.device, int)) else "cpu")
        if device.type not in WAITING:
            kwargs.setdefault("non_blocking", True)
        return self._map("to", *args, **kwargs)

    def pin_memory(self) -> Any:
        """Same rows in page-locked memory."""
        return self._map("pin_memory")


@dataclass(eq=False)
class Batch(_Rows):
    """Visible rows first, then infrared rows; in training, identities in runs of K within each modality.

    Attributes:
        images: ``(B, 3, H, W)``; uint8 as read from disk, float and normalised once on the device.
        labels: ``(B,)`` int64 contiguous class indices 0..C-1, or -1 for an identity without a class (evaluation).
        pids: ``(B,)`` int64 identity numbers as on disk.
        camids: ``(B,)`` int64 camera numbers as on disk.
        modalities: ``(B,)`` int64, see :class:`~vireid.structures.records.Modality`.
        positions: ``(B,)`` int64 row numbers in the list of records that the batch was drawn from.
        n_visible: number of visible rows, 0..B; B and 0 are single-modality batches.
        key: integers that name this batch (seed, rank, epoch, iteration, purpose); random augmentation is a pure function of them.
            Empty for evaluation.
        images_per_identity: K, the length of an identity's run in each modality; 1 where rows are not in runs (evaluation).
        visible_views: number of blocks of visible rows. Every block holds the same images in the same order, augmented in another way.
    """

    images: Tensor
    labels: Tensor
    pids: Tensor
    camids: Tensor
    modalities: Tensor
    positions: Tensor
    n_visible: int
    key: tuple[int, ...] = ()
    images_per_identity: int = 1
    visible_views: int = 1

    def __len__(self) -> int:
        return int(self.images.shape[0])

    def with_images(self, images: Tensor) -> Batch:
        """Same rows with other images."""
        return replace(self, images=images)

    def with_views(self, *visible: Tensor, infrared: Tensor) -> Batch:
        """A batch with several views of every visible image: one block of rows for each view, then the infrared rows.

        Args:
            visible: one or more ``(n_visible, 3, H, W)``.
            infrared: ``(B - n_visible, 3, H, W)``.
        """
        first, last = slice(None, self.n_visible), slice(self.n_visible, None)
        rows: dict[str, Any] = {
            name: torch.cat([*[getattr(self, name)[first]] * len(visible), getattr(self, name)[last]])
            for name in ("labels", "pids", "camids", "modalities", "positions")
        }
        count = self.n_visible * len(visible)
        return replace(self, images=torch.cat([*visible, infrared]), n_visible=count, visible_views=len(visible), **rows)


@dataclass(eq=False)
class SearchBatch(_Rows):
    """Rows for both steps of an architecture search. One loader yields them together.

    Attributes:
        weights: rows for the weight step.
        architecture: rows for the architecture step, from the held-out part.
    """

    weights: Batch
    architecture: Batch


def stack_keys(*parts: int) -> tuple[int, ...]:
    """A batch key: each part reduced to 32 bits, so that it seeds any generator.

    Example:
        >>> stack_keys(0, 2**32 + 1)
        (0, 1)
    """
    return tuple(int(part) & 0xFFFFFFFF for part in parts)


def generator_for(key: tuple[int, ...], device: torch.device | str = "cpu") -> torch.Generator:
    """A torch generator that depends on every part of ``key`` (by a SplitMix64 chain) and on nothing else.

    Example:
        >>> draws = [torch.rand(1, generator=generator_for((seed, 5))) for seed in (0, 0, 1)]
        >>> bool(draws[0] == draws[1]), bool(draws[0] == draws[2])
        (True, False)
    """
    mask = 0xFFFFFFFFFFFFFFFF
    state = 0
    for part in key:
        state = (state + 0x9E3779B97F4A7C15 + (part & mask)) & mask
        state = ((state ^ (state >> 30)) * 0xBF58476D1CE4E5B9) & mask
        state = ((state ^ (state >> 27)) * 0x94D049BB133111EB) & mask
        state ^= state >> 31
    return torch.Generator(device=device).manual_seed(state & 0x7FFFFFFFFFFFFFFF)
