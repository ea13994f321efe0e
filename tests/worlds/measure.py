"""Trains many points of a world under common random numbers and writes what they score.

``python -m tests.worlds.measure bars --people 0 --seeds 0 1 --output tests/worlds/truth/bars-0.json``. A run takes about 5 CPU seconds, a
seed of a world 53 runs; what is in the file is not computed again.

Set-up: ResNet-10 of width 16 on 64 x 32 pixels, its norms tied by stage, from the weights of ``vireid pretrain resnet10 --width 16``;
250 people train, 3 images in each of 6 cameras, and 160 others are searched: every infrared image among all visible ones of other places.
Each modality is normalised by its own mean and deviation, so that all that two numbers can undo is undone. 80 steps of 16 identities x 2
images x 2 modalities, with the losses of :class:`~vireid.RetrainModule` and SGD at 0.05. Runs of one seed share batches and noise.
"""

from __future__ import annotations

import argparse
import itertools
import json
import tempfile
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytorch_lightning as pl
import torch

from vireid import RetrainModule, SyntheticDataModule
from vireid.commands.pretrain.settings import Pretraining
from vireid.commands.pretrain.surrogate import pretrained
from vireid.data import FlipShiftAugmentation
from vireid.files import write_text_atomically
from vireid.results.scoring import score
from vireid.search import JointNorm
from vireid.structures import Evaluation, Genotype, Modality
from vireid.tasks import SGD, WarmupCosine

EPOCHS, STEPS = 10, 8
WIDTH = 16
RANDOM = 16
QUIET: dict[str, Any] = {
    "accelerator": "cpu",
    "logger": False,
    "enable_progress_bar": False,
    "enable_model_summary": False,
    "enable_checkpointing": False,
}
PEOPLE: dict[str, Any] = {
    "identities": 410,
    "test_identities": 160,
    "images": 3,
    "height": 64,
    "width": 32,
    "images_per_identity": 2,
    "num_workers": 0,
    "cache_images": True,
    "trials": 1,
    "eval_batch_size": 480,
}
Statistics = dict[str, list[float]]


def space(width: int = WIDTH) -> JointNorm:
    return JointNorm("resnet10", width=width, tie="stage")


def point(code: str, width: int = WIDTH) -> Genotype:
    """The point of the digits."""
    return space(width).decode([int(digit) for digit in code])


@contextmanager
def quiet_warnings() -> Iterator[None]:
    """Inside, warnings of Lightning and torch about what is meant so are not shown."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", module="pytorch_lightning|lightning_fabric|torch")
        yield


def points() -> list[str]:
    """Digits of stem and stages 1 to 4: 0 shared, 1 separate, 2 IN, 3 IBN, 4 separate IBN."""
    half = ["".join(code) for code in itertools.product("01", repeat=5) if code.count("1") % 2 == 0]  # main effects are free of pairs
    singles = ["10000", "01000", "00100", "00010", "00001", "11111"]
    kinds = [kind * count + "0" * (5 - count) for kind in "234" for count in range(1, 6)]
    generator = torch.Generator().manual_seed(1234)
    drawn = ["".join(map(str, torch.randint(5, (5,), generator=generator).tolist())) for _ in range(RANDOM)]
    return list(dict.fromkeys([*half, *singles, *kinds, *drawn]))


def data(world: str, people: int, seed: int, **arguments: Any) -> SyntheticDataModule:
    found = SyntheticDataModule(world=world, seed_data=people, seed=seed, **PEOPLE, **arguments)
    found.prepare_data()
    return found


def statistics(found: SyntheticDataModule) -> tuple[Statistics, Statistics]:
    """Mean and deviation of every third training image of each modality."""
    images, mean, std = found.train_dataloader().dataset, Statistics(), Statistics()
    for modality in Modality:
        rows = [row for row, record in enumerate(found.parts.weights) if record.modality == modality][::3]
        pixels = images.__getitems__(rows).images.double() / 255
        mean[modality.name.lower()], std[modality.name.lower()] = pixels.mean((0, 2, 3)).tolist(), pixels.std((0, 2, 3)).tolist()
    return mean, std


def run(genotype: Genotype, found: SyntheticDataModule, images: list[Any], seed: int, weights: Path) -> float:
    """mAP of a genotype that is trained from ``weights``, in percent."""
    module = RetrainModule(
        found.num_classes,
        genotype.to_dict(),
        weights=str(weights),
        optimizer=SGD(0.05, schedule=WarmupCosine(EPOCHS, 1)),
        seed=seed,
    )
    with tempfile.TemporaryDirectory() as folder, quiet_warnings():
        trainer = pl.Trainer(max_epochs=EPOCHS, limit_train_batches=STEPS, default_root_dir=folder, **QUIET)
        trainer.fit(module, datamodule=found)
    module.eval()
    with torch.no_grad():
        rows = torch.cat([module.embed(found.on_after_batch_transfer(batch, 0)) for batch in images])
    evaluation = found.evaluation("test")
    everything = next(setting for setting in evaluation.settings if setting.protocol.startswith("sysu/all/multi-shot"))
    return 100 * score(Evaluation(evaluation.records, (everything,)), rows)[0].mean["mAP"]


def measure(world: str, people: int, seeds: list[int], output: Path) -> None:
    """Add what is missing in ``output``."""
    torch.set_num_threads(1)
    weights = pretrained(Pretraining("resnet10", width=WIDTH))
    mean, std = statistics(data(world, people, 0))
    content = (
        json.loads(output.read_text()) if output.exists() else {"world": world, "people": people, "mean": mean, "std": std, "runs": {}}
    )
    for seed in seeds:
        found = data(world, people, seed, augmentation=FlipShiftAugmentation(mean=mean, std=std))
        images = list(found.test_dataloader())
        for code in points():
            if f"{code}/{seed}" not in content["runs"]:
                content["runs"][f"{code}/{seed}"] = round(run(point(code), found, images, seed, weights), 3)
                write_text_atomically(output, json.dumps(content, indent=1) + "\n")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("world")
    parser.add_argument("--people", type=int, default=0)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0])
    parser.add_argument("--output", type=Path, required=True)
    words = parser.parse_args()
    measure(words.world, words.people, words.seeds, words.output)
