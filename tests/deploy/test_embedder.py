"""An embedder gives what was tested, for images of any kind."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

import vireid
from tests.deploy.trained import DATA, averaged, checkpoint, module, photograph
from vireid import Embedder
from vireid.cli import main
from vireid.deploy.image_embedder import unit
from vireid.errors import BadImageError, CheckpointError, MissingFileError, SettingsError
from vireid.structures import Modality
from vireid.tasks import EMA, Retrieval


@pytest.mark.parametrize(
    ("options", "name"),
    [
        ([], "embeddings"),
        (["--model.evaluation.feature=features"], "embeddings"),
        (["--model.evaluation.flip=true"], "embeddings_flip"),
    ],
    ids=["average", "features", "flip"],
)
def test_it_embeds_as_predict_does(tested: Path, tmp_path: Path, options: list[str], name: str) -> None:
    path = tested / "checkpoints" / "last.ckpt"
    main(["predict", "--ckpt", str(path), *options, "--run_dir", str(tmp_path / "predicted")])
    with np.load(tmp_path / "predicted" / "embeddings.npz") as file:
        expected, paths, modalities = unit(file[name]), file["paths"], file["modalities"]
    content = torch.load(path, weights_only=True)
    if options:
        key, value = options[0].removeprefix("--model.evaluation.").split("=")
        arguments = {key: value == "true" if key == "flip" else value}
        content["vireid"]["model"]["init_args"]["evaluation"] = {"class_path": "vireid.tasks.Retrieval", "init_args": arguments}
        path = tmp_path / "changed.ckpt"
        torch.save(content, path)
    embedder = Embedder.load(path)
    assert (embedder.card.weights, embedder.card.flip) == ("average", "flip" in name)
    for modality in Modality:
        found = embedder.embed(paths[modalities == modality], modality)
        np.testing.assert_allclose(found, expected[modalities == modality], atol=2e-7)  # rounding of other batches


def test_threads_with_images_of_different_modalities_do_not_disturb_one_another(tmp_path: Path) -> None:
    image = photograph(tmp_path / "a.png", grey=True)
    embedder = Embedder.load(checkpoint(module("all_separate"), tmp_path / "a.ckpt"))
    alone = [embedder.embed(image, modality) for modality in Modality]
    assert np.abs(alone[0] - alone[1]).max() > 1e-3
    embedder.network.backbone.trunk.conv1.register_forward_hook(lambda *_: time.sleep(0.05))  # so that the other thread comes in between
    with ThreadPoolExecutor(2) as pool:
        together = list(pool.map(lambda modality: embedder.embed(image, modality), Modality))
    np.testing.assert_array_equal(together, alone)


def test_the_average_and_not_the_raw_weights(tmp_path: Path) -> None:
    image = photograph(tmp_path / "a.png")
    trained = averaged(module(ema=EMA(0.9, mode="average")))
    raw = module()
    first, second = (Embedder.load(checkpoint(task, tmp_path / f"{name}.ckpt")) for name, task in (("a", trained), ("b", raw)))
    assert (first.card.weights, second.card.weights) == ("average", "raw")
    assert torch.equal(first.network.state_dict()["backbone.trunk.conv1.weight"], 1.25 * raw.network.backbone.trunk.conv1.weight)
    assert np.abs(first.embed(image, "visible") - second.embed(image, "visible")).max() > 1e-3


@pytest.fixture(scope="module")
def embedder(tmp_path_factory: pytest.TempPathFactory) -> Embedder:
    return Embedder.load(checkpoint(module(), tmp_path_factory.mktemp("tiny") / "tiny.ckpt"), batch_size=2)


def test_modalities_take_their_own_norms_and_statistics(embedder: Embedder, tmp_path: Path) -> None:
    image = photograph(tmp_path / "a.png", grey=True)
    pixels = torch.from_numpy(np.array(Image.open(image).convert("RGB").resize((24, 48), Image.Resampling.LANCZOS))).permute(2, 0, 1)
    means = {Modality.VISIBLE: (0.4, 0.5, 0.6), Modality.INFRARED: (0.3, 0.3, 0.3)}
    for modality, mean in means.items():
        normal = (pixels / 255 - torch.tensor(mean)[:, None, None]) / torch.tensor((0.2, 0.25, 0.3))[:, None, None]
        with torch.inference_mode():
            expected = embedder.network.embed(normal[None], 1 - modality)
        np.testing.assert_allclose(embedder.embed(image, modality), unit(expected.numpy()), atol=2e-7)


def test_all_kinds_of_images_and_their_order(embedder: Embedder, tmp_path: Path) -> None:
    path = photograph(tmp_path / "a.png")
    array = np.array(Image.open(path))
    tensor = torch.from_numpy(array).permute(2, 0, 1)
    other = photograph(tmp_path / "b.png", seed=1, size=(7, 200))
    kinds: list[Any] = [path, str(path), Image.open(path), array, tensor, array / 255, tensor / 255, other]
    found = embedder.embed(kinds, "visible")
    assert found.dtype == np.float32
    assert found.shape == (8, embedder.card.width)
    np.testing.assert_allclose(np.linalg.norm(found, axis=1), 1, atol=1e-6)
    np.testing.assert_allclose(found[:7], np.repeat(found[:1], 7, axis=0), atol=2e-7)
    np.testing.assert_allclose(found[7:], embedder.embed(other, Modality.VISIBLE), atol=2e-7)
    assert np.abs(found[7] - found[0]).max() > 1e-3
    assert embedder.embed([], "visible").shape == (0, embedder.card.width)
    np.testing.assert_array_equal(embedder.embed(np.stack([array, array]), "visible"), embedder.embed([array, array], "visible"))


def test_grey_and_deep_images(embedder: Embedder, tmp_path: Path) -> None:
    grey = np.random.default_rng(0).integers(0, 256, (60, 30), dtype=np.uint8)
    deep = grey.astype(np.uint16) * 257  # 255 becomes 65535
    Image.fromarray(deep).save(tmp_path / "deep.png")
    found = embedder.embed([grey, deep, tmp_path / "deep.png", np.repeat(grey[:, :, None], 3, 2), grey[:, :, None]], "infrared")
    np.testing.assert_allclose(found, np.repeat(found[:1], 5, axis=0), atol=2e-7)


def test_boxes_are_cropped_before_images_are_resized(embedder: Embedder, tmp_path: Path) -> None:
    array = np.array(Image.open(photograph(tmp_path / "a.png")))
    parts = embedder.embed([array[10:80, 5:30], array[:40, 20:]], "visible")
    two = embedder.embed(array, "visible", boxes=[(5, 10, 30, 80), (20, -7, 60, 40)])
    np.testing.assert_allclose(two, parts, atol=2e-7)
    np.testing.assert_allclose(embedder.embed(array, "visible", boxes=(5, 10, 30, 80)), parts[:1], atol=2e-7)
    np.testing.assert_allclose(
        embedder.embed([array, array], "visible", boxes=np.array([[5, 10, 30, 80], [20, 0, 40, 40]])), parts, atol=2e-7
    )


@pytest.mark.parametrize(
    ("boxes", "match"),
    [
        ([(50, 0, 60, 10)], r"lies outside of image 0, which has 40 x 90 pixels"),
        ([(5, 5, 5, 9)], "left before its right"),
        ([(1, 2, 3)], "must be four numbers"),
        ([(0, 0, 4, 4)] * 3, "one box for each image, got 3 for 2 images"),
        ([(0, 0, float("nan"), 4)], "left before its right"),
    ],
)
def test_boxes_that_are_none(embedder: Embedder, boxes: Any, match: str) -> None:
    image = np.zeros((90, 40, 3), np.uint8)
    with pytest.raises(SettingsError, match=match):
        embedder.embed([image, image] if len(boxes) == 3 else image, "visible", boxes)


@pytest.mark.parametrize(
    ("image", "match"),
    [
        (np.zeros((4, 4, 2), np.uint8), r"its shape is \(4, 4, 2\), and an image is \(H, W, 3\)"),
        (torch.zeros(5, 4, 3), r"its shape is \(5, 4, 3\), and an image is \(3, H, W\)"),
        (np.zeros((0, 4, 3), np.uint8), r"its shape is \(0, 4, 3\)"),
        (np.zeros((4, 4, 3), np.int64), "its numbers are int64; give uint8"),
        (np.full((4, 4, 3), 1.5), r"one is not in \[0, 1\]"),
        (np.full((4, 4, 3), np.nan), r"one is not in \[0, 1\]"),
        (Image.new("L", (10_000, 6_000)), "has 10000 x 6000 pixels, more than 50,000,000"),
    ],
)
def test_what_is_no_image(embedder: Embedder, image: Any, match: str) -> None:
    with pytest.raises(BadImageError, match=match):
        embedder.embed(image, "visible")


def test_files_that_are_no_images(embedder: Embedder, tmp_path: Path) -> None:
    with pytest.raises(MissingFileError, match=r"There is no image file '.*absent.png'"):
        embedder.embed(tmp_path / "absent.png", "visible")
    (tmp_path / "text.png").write_text("no image")
    with pytest.raises(BadImageError, match="not an image in a known format"):
        embedder.embed([tmp_path / "text.png"], "visible")
    whole = photograph(tmp_path / "whole.png").read_bytes()
    (tmp_path / "half.png").write_bytes(whole[: len(whole) // 2])
    with Image.open(tmp_path / "half.png") as half, pytest.raises(BadImageError, match="Cannot take image 0"):
        embedder.embed(half, "visible")


def test_one_pixel_and_a_constant_image_have_unit_embeddings(embedder: Embedder) -> None:
    found = embedder.embed([np.full((1, 1, 3), 7, np.uint8), np.zeros((50, 20), np.uint8)], "infrared")
    np.testing.assert_allclose(np.linalg.norm(found, axis=1), 1, atol=1e-6)


def test_a_coloured_infrared_image_warns(embedder: Embedder, tmp_path: Path) -> None:
    paths = [photograph(tmp_path / "grey.jpg", grey=True), photograph(tmp_path / "colour.png")]
    Image.open(paths[0]).convert("RGB").save(tmp_path / "grey_as_colour.jpg")
    with pytest.warns(UserWarning, match=r"1 of 3 infrared images are in colour, first .*colour.png.* Is the modality right"):
        embedder.embed([*paths, tmp_path / "grey_as_colour.jpg"], "infrared")


@pytest.mark.parametrize("modality", ["night", 2, None])
def test_an_unknown_modality(embedder: Embedder, modality: Any) -> None:
    with pytest.raises(SettingsError, match="`modality` must be visible or infrared"):
        embedder.embed([], modality)


def test_a_checkpoint_without_data_settings_needs_a_size(tmp_path: Path) -> None:
    path = checkpoint(module(), tmp_path / "bare.ckpt", data=None)
    with pytest.raises(SettingsError, match="does not say which size of images its network takes: give `height` and `width`"):
        Embedder.load(path)
    how = Embedder.load(path, height=32, width=16).card.preparations[Modality.INFRARED]
    assert (how.height, how.width, how.mean) == (32, 16, (0.485, 0.456, 0.406))
    with pytest.raises(SettingsError, match="takes images of 48 x 24: leave `height` and `width` out"):
        Embedder.load(checkpoint(module(), tmp_path / "full.ckpt"), height=32, width=16)


@pytest.mark.parametrize("height", [10**6, 0, "48", True])
def test_a_checkpoint_with_a_size_that_is_none(height: Any, tmp_path: Path) -> None:
    path = checkpoint(module(), tmp_path / "large.ckpt", data={**DATA, "height": height})
    with pytest.raises(SettingsError, match=r"`height` of .*large.ckpt' must be a whole number from 1 to 2048"):
        Embedder.load(path)


def test_what_cannot_be_loaded(tmp_path: Path) -> None:
    with pytest.raises(MissingFileError, match="There is no checkpoint or folder"):
        Embedder.load(tmp_path / "absent.ckpt")
    (tmp_path / "text.ckpt").write_text("no checkpoint")
    with pytest.raises(CheckpointError, match="no archive of torch"):
        Embedder.load(tmp_path / "text.ckpt")
    search = vireid.SearchModule(4, module().space, weights=None)
    with pytest.raises(SettingsError, match="holds a SearchModule, not a RetrainModule"):
        Embedder.load(checkpoint(search, tmp_path / "search.ckpt"))  # type: ignore[arg-type]
    with pytest.raises(SettingsError, match="`batch_size` must be at least 1, got 0"):
        Embedder.load(checkpoint(module(), tmp_path / "good.ckpt"), batch_size=0)


def test_the_digest_tells_what_changes_embeddings(tmp_path: Path) -> None:
    def digest(task: vireid.RetrainModule, **data: Any) -> str:
        return Embedder.load(checkpoint(task, tmp_path / "any.ckpt", {"height": 48, "width": 24, **data})).card.digest

    first = digest(module())
    assert len(first) == 64
    assert digest(module(), seed=3, num_workers=0) == first
    others = [
        digest(module(seed=1)),
        digest(module("all_shared")),
        digest(module(evaluation=Retrieval(feature="features"))),
        digest(module(evaluation=Retrieval(flip=True))),
        digest(averaged(module(ema=EMA(mode="average")))),
        digest(module(), height=40),
        digest(module(), pixel_range=[0, 9]),
    ]
    assert len({first, *others}) == 8
