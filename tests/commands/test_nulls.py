"""``null`` may be given to an option at any depth, in either form."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import yaml

from tests.commands.runs import run

START = ("fit", "-c", "data/sysu.yaml", "-c", "train/all_shared.yaml")
OWN = """
from pytorch_lightning.loggers import CSVLogger
class Part:
    def __init__(self, size: int | None = 1, name: str | None = "a") -> None: ...
class OwnLogger(CSVLogger):
    def __init__(self, part: Part, label: str | None = "b") -> None: ...
"""
LOGGER = ("--trainer.logger=own_logger.OwnLogger", "--trainer.logger.part=own_logger.Part")


@pytest.fixture(scope="module", autouse=True)
def own_classes(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Classes of the user's, below each other."""
    folder = tmp_path_factory.mktemp("own")
    (folder / "own_logger.py").write_text(OWN)
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(folder)
        yield


@pytest.mark.parametrize(
    "words",
    [
        ("--model.weights", "null"),
        ("--model.evaluation.reranking", "null"),
        ("--model.init_args.evaluation.init_args.reranking=null",),
        ("--data.augmentation=vireid.data.ChannelAugmentation", "--data.augmentation.infrared_erasing_probability", "null"),
        (*LOGGER, "--trainer.logger.label=null"),
        (*LOGGER, "--trainer.logger.part.size", "null"),
        (*LOGGER, "--trainer.logger.part.name=null"),
        ("--trainer.callbacks+=ModelCheckpoint", "--trainer.callbacks.filename=null"),
    ],
)
def test_null_below_any_level(words: tuple[str, ...], capsys: pytest.CaptureFixture[str]) -> None:
    done = run(capsys, *START, *words, "--print_config")
    assert not done.code, done.err
    value: Any = yaml.safe_load(done.out)
    option = words[-1].removesuffix("=null") if words[-1] != "null" else words[-2]
    for key in option.removeprefix("--").replace("init_args.", "").split("."):
        value = value[-1] if isinstance(value, list) else value
        value = value.get("init_args", value)[key]
    assert value is None
