"""Arguments that all data modules share: named in the base, the same from Python, from a parser and from a record."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any, Literal

import pytest
from jsonargparse import ArgumentError, ArgumentParser

import vireid
from vireid.data import BatchDataModule, CutoutAugmentation, FlipShiftAugmentation, ReIDDataModule
from vireid.data.datasets.releases import Found, warn_of_differences
from vireid.errors import SettingsError
from vireid.settings import instantiate

PEOPLE = ["SYSU", "RegDB", "LLCM", "PairedFolder", "Market1501", "DukeMTMC", "MSMT17", "Synthetic"]
CLASSES = ["CIFAR100", "ImageNet"]
READING = ["validation", "heldout_fraction", "seed", "num_workers", "eval_batch_size"]
BATCHES = ["identities_per_batch", "images_per_identity", "sampling"]
IMAGES = ["on_bad_image", "cache_images", "pixel_range", "draft_jpeg"]
OF_PEOPLE = ["height", "width", *BATCHES, "augmentation", "search_split", *IMAGES, *READING]
OF_CLASSES = ["batch_size", "augmentation", "search_split", *READING]
ARGUMENTS = dict.fromkeys(PEOPLE, OF_PEOPLE) | dict.fromkeys(CLASSES, OF_CLASSES)


def parser_of(cls: type) -> ArgumentParser:
    parser = ArgumentParser(exit_on_error=False)
    parser.add_class_arguments(cls, "data")
    return parser


@pytest.mark.parametrize("name", ARGUMENTS)
def test_a_parser_shows_the_shared_arguments_with_type_default_and_help(name: str) -> None:
    text = " ".join(parser_of(getattr(vireid, f"{name}DataModule")).format_help().split())
    for argument in ARGUMENTS[name]:
        (shown,) = re.findall(rf"--data\.{argument} \S+ (.+?)(?= --data\.|$)", text)[-1:]
        assert re.search(r"\w.*\((type: .+, )?default: ", shown), (argument, shown)
    assert "--data.shared" not in text


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        (
            "SYSU",
            "height of the network input, in pixels, at most 2048; images are resized with the Lanczos filter. (type: int, default: 256)",
        ),
        ("Market1501", "drawn uniformly over all images; null draws P x K images instead."),
        ("MSMT17", "drawn uniformly over all images; null draws P x K images instead."),
        ("MSMT17", "--data.train_on {train,trainval,all}"),
        ("Synthetic", "number of galleries, 1..10; results are means over them. (type: int, default: 10)"),
        ("CIFAR100", "--data.search_split {none,image}"),
        ("ImageNet", "(type: int, default: 8)"),
    ],
)
def test_what_a_parser_shows(name: str, expected: str) -> None:
    assert expected in " ".join(parser_of(getattr(vireid, f"{name}DataModule")).format_help().split())


@pytest.mark.parametrize("name", ARGUMENTS)
@pytest.mark.parametrize("key", ["heigth", "shared", "batch_sise"])
def test_a_misspelt_key_is_refused(name: str, key: str) -> None:
    with pytest.raises(ArgumentError, match=key):
        parser_of(getattr(vireid, f"{name}DataModule")).parse_args(["--data.root=x", f"--data.{key}=3"])


@pytest.mark.parametrize("key", ["gallery", "heldout", "train_ids"])
def test_what_drawn_people_fix_is_no_argument(key: str) -> None:
    with pytest.raises(ArgumentError, match=key):
        parser_of(vireid.SyntheticDataModule).parse_object({"data": {key: "official"}})
    assert key not in vireid.SyntheticDataModule().settings()["init_args"]


def test_a_misspelt_name_in_python_gets_the_nearest(sysu_root: Path, market_root: Path) -> None:
    with pytest.raises(TypeError, match=r"SYSUDataModule has no argument `heigth`\. Did you mean `height`\?"):
        vireid.SYSUDataModule(sysu_root, heigth=32)
    with pytest.raises(TypeError, match=r"Market1501DataModule has no argument `eval_batch_sise`\. Did you mean `eval_batch_size`\?"):
        vireid.Market1501DataModule(market_root, eval_batch_sise=32)


class OwnSYSU(vireid.SYSUDataModule):
    def __init__(self, root: str | Path, flavour: Literal["plain", "spicy"] = "plain", **kwargs: Any) -> None:
        super().__init__(root, trials=2, **kwargs)
        self.flavour = flavour


class OwnerSYSU(OwnSYSU):
    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)


@pytest.mark.parametrize("cls", [OwnSYSU, OwnerSYSU])
def test_a_subclass_of_the_users_is_rebuilt_exactly(cls: type[OwnSYSU], sysu_root: Path) -> None:
    given: dict[str, Any] = {"height": 32, "width": 16, "seed": 3, "gallery": "official", "augmentation": FlipShiftAugmentation(padding=2)}
    original = cls(sysu_root, "spicy", **given)
    twin = instantiate(original.settings(), allowed=("vireid.", f"{__name__}."))
    assert twin.settings() == original.settings()
    assert (twin.height, twin.width, twin.seed, twin.gallery, twin.flavour, twin.trials) == (32, 16, 3, "official", "spicy", 2)
    assert twin.root == original.root.absolute()
    assert "trials" not in original.settings()["init_args"]


def test_every_shared_argument_is_noted_with_its_default(sysu_root: Path) -> None:
    noted = vireid.SYSUDataModule(sysu_root).settings()["init_args"]
    assert set(noted) == {"root", "gallery", "heldout", "train_ids", "trials", *OF_PEOPLE}
    assert (noted["height"], noted["num_workers"], noted["validation"]) == (256, 4, "none")


def test_bases_of_the_users_own() -> None:
    class Own(BatchDataModule):
        num_classes = 3

        def provenance(self) -> dict[str, Any]:
            return {}

    assert (Own(seed=3).seed, Own().validation, Own().num_workers) == (3, "none", 4)
    with pytest.raises(SettingsError, match="`validation` must be none, heldout or faithful_test_set, got 'test'"):
        Own(validation="test")  # type: ignore[arg-type]


def test_null_is_the_augmentation_of_the_class(tmp_path: Path) -> None:
    assert isinstance(vireid.CIFAR100DataModule(tmp_path).augmentation, CutoutAugmentation)
    assert isinstance(vireid.ImageNetDataModule(tmp_path).augmentation, FlipShiftAugmentation)
    assert vireid.ImageNetDataModule(tmp_path).augmentation.settings()["init_args"]["padding"] == 0


def test_data_without_a_release_is_compared_with_nothing(folder_root: Path, caplog: pytest.LogCaptureFixture) -> None:
    vireid.PairedFolderDataModule(folder_root).setup("fit")
    assert not caplog.records
    warn_of_differences(Found("llcm", folder_root, {}, {}))  # nothing was read, so nothing differs
    assert not caplog.records
    assert issubclass(vireid.PairedFolderDataModule, ReIDDataModule)
