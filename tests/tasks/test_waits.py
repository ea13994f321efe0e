"""A step reads nothing from the device, so that a GPU always has the next kernels at hand."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from torch import Tensor

import vireid
from tests.tasks.blind_device import watch
from vireid.data import ChannelAugmentation
from vireid.data.modules.division import SearchSplit
from vireid.losses import CrossEntropy, SmoothAveragePrecision, ViewConsistency, WeightedRegularizedTriplet
from vireid.models import BNNeckHead, NonLocalBlocks, TwoStreams
from vireid.nn import GeMPooling
from vireid.search import BNSeparation, GumbelHard, GumbelSoft, JointNorm
from vireid.structures import Batch
from vireid.tasks import EMA, SGD, OneLevel, RandomPaths, ReIDModule, TwoLevels

SPACES = {"separation": BNSeparation("resnet10", width=8), "joint": JointNorm(backbone="resnet10", width=8)}


def cm_nas() -> ReIDModule:
    return vireid.RetrainModule(6, "stem_separate", SPACES["separation"], weights=None, ema=EMA())


def agw() -> ReIDModule:
    parts, head = [TwoStreams("maxpool"), NonLocalBlocks(inner_channels=1)], BNNeckHead(pooling=GeMPooling())
    losses = [CrossEntropy(), WeightedRegularizedTriplet()]
    return vireid.RetrainModule(6, "all_shared", BNSeparation("resnet50"), None, losses, SGD(), trunk_parts=parts, head=head)


def ours() -> ReIDModule:
    triplet = WeightedRegularizedTriplet(stabilise="corrected")
    losses = [CrossEntropy(), triplet, ViewConsistency(), SmoothAveragePrecision(within=True), SmoothAveragePrecision(name="across")]
    return vireid.RetrainModule(6, "random-0", SPACES["joint"], weights=None, losses=losses)


def searched(strategy: Callable[[], object], space: str) -> ReIDModule:
    return vireid.SearchModule(6, SPACES[space], weights=None, strategy=strategy())  # type: ignore[arg-type]


def soft() -> TwoLevels:
    return TwoLevels(weight_relaxation=GumbelSoft(), warmup_epochs=0)


def alternating() -> TwoLevels:
    return TwoLevels(weight_relaxation=GumbelHard(), warmup_epochs=0)


def one_level() -> OneLevel:
    return OneLevel(warmup_epochs=0)


CASES: dict[str, tuple[Callable[[], ReIDModule], int]] = {  # what is built, and waits of one batch
    "retrain, CM-NAS": (cm_nas, 0),
    "retrain, AGW": (agw, 0),
    "retrain, ours": (ours, 0),
    "soft mixtures": (lambda: searched(soft, "joint"), 0),
    **{f"alternating, {space}": (lambda space=space: searched(alternating, space), 1) for space in SPACES},  # type: ignore[misc]
    "one level": (lambda: searched(one_level, "separation"), 0),
    "random paths": (lambda: searched(RandomPaths, "joint"), 0),
}


def people(root: Path, split: SearchSplit) -> vireid.SYSUDataModule:
    sizes = {"height": 32, "width": 16, "identities_per_batch": 2, "images_per_identity": 2}
    return vireid.SYSUDataModule(root=str(root), search_split=split, num_workers=0, **sizes)


@pytest.mark.parametrize("case", CASES)
def test_waits_of_a_step(case: str, sysu_root: Path) -> None:
    build, waits = CASES[case]
    shared = {"height": 32, "width": 16, "identities_per_batch": 2, "images_per_identity": 2}
    data = vireid.SYSUDataModule(
        root=str(sysu_root), search_split="none" if case.startswith("retrain") else "image", num_workers=0, **shared
    )
    if case == "retrain, ours":
        data.augmentation = ChannelAugmentation()
    found = watch(build(), data, max_epochs=2)
    assert len(found) == waits, "\n".join(found)


class Curious(vireid.RetrainModule):
    """Reads its loss in every step, in three ways."""

    def training_step(self, batch: Batch, batch_idx: int) -> Tensor:
        loss = super().training_step(batch, batch_idx)
        if loss > 0:
            loss = loss * loss.new_tensor(1.0)
        return loss + 0.0 * loss.item()


def test_waits_are_counted(sysu_root: Path) -> None:
    curious = Curious(6, "all_shared", SPACES["separation"], weights=None)
    found = watch(curious, people(sysu_root, "none"), max_epochs=2)
    assert [line.partition(",")[0] for line in found] == ["_local_scalar_dense", "waiting copy of new_tensor", "_local_scalar_dense"]
