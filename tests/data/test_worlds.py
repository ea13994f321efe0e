"""Worlds: every operator against loops in float64, draws that know nothing of people, and the control equal to the plain sensor."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from typing import Literal, get_args, get_type_hints

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from vireid.commands.data import synthesize
from vireid.data import LLCM, SYSU, RegDB, SyntheticDataModule
from vireid.data.images import read_image
from vireid.data.synthetic import Difficulty, write_dataset
from vireid.data.synthetic.cameras import expose
from vireid.data.synthetic.people import BLOCK, draw_people
from vireid.data.synthetic.render import Look, Unit, render
from vireid.data.synthetic.streams import Purpose, stream
from vireid.data.synthetic.worlds import BAND_SD, WORLDS, WorldName
from vireid.errors import SettingsError
from vireid.structures import Modality, Record

NAMES: tuple[WorldName, ...] = get_args(WorldName)
HEIGHT, WIDTH = 32, 16
SCALE = HEIGHT / 128
Image64 = NDArray[np.float64]


def kernel(sd: float) -> dict[int, float]:
    radius = math.ceil(3 * sd)
    weights = {step: math.exp(-0.5 * (step / sd) ** 2) for step in range(-radius, radius + 1)}
    return {step: weight / sum(weights.values()) for step, weight in weights.items()}


def blur(image: Image64, sd: float) -> Image64:
    """Gaussian of ``sd`` pixels of a 128 pixel high image: a weighted mean over a square, with the nearest pixel beyond a border."""
    weights, blurred = kernel(sd * SCALE), np.zeros_like(image)
    for i, j in np.ndindex(image.shape):
        for down, first in weights.items():
            for right, second in weights.items():
                row, column = min(max(i + down, 0), HEIGHT - 1), min(max(j + right, 0), WIDTH - 1)
                blurred[i, j] += first * second * image[row, column]
    return blurred


def full_contrast(value: float) -> float:
    return 0.55 + 2 * (value - 0.55)


def black_bars(image: Image64) -> Image64:
    return np.array([[0.0] * WIDTH if row < 3 or row > 28 else image[row] for row in range(HEIGHT)])


def draws(rng: np.random.Generator, *ranges: tuple[float, float]) -> list[list[float]]:
    """Per image: a value of each range; all images' first values are drawn first."""
    values = [[low + (high - low) * float(value) for value in rng.random(2, dtype=np.float32)] for low, high in ranges]
    return [list(of_image) for of_image in zip(*values, strict=True)]


def contrast(images: list[Image64], rng: np.random.Generator) -> list[Image64]:
    return images


def detail(images: list[Image64], rng: np.random.Generator) -> list[Image64]:
    return [0.5 + image - blur(image, 5) for image in images]


def noise(images: list[Image64], rng: np.random.Generator) -> list[Image64]:
    white = rng.standard_normal((2, 1, HEIGHT, WIDTH), dtype=np.float32).astype(np.float64)
    found = []
    for image, field in zip(images, white[:, 0], strict=True):
        grain = blur(field, 1)
        grain = grain / math.sqrt(((grain - grain.mean()) ** 2).mean())
        found.append(image + 0.2 * (grain - blur(grain, 2)) / 0.7199)
    return found


def lamp(images: list[Image64], rng: np.random.Generator) -> list[Image64]:
    found = [np.zeros_like(image) for image in images]
    for lit, image, (depth, y, x) in zip(found, images, draws(rng, (0.6, 1), (-0.6, 0.6), (-0.3, 0.3)), strict=True):
        for i, j in np.ndindex(image.shape):
            distance2 = (-1 + 2 * i / (HEIGHT - 1) - y) ** 2 + (-0.5 + j / (WIDTH - 1) - x) ** 2
            lit[i, j] = full_contrast(image[i, j]) * (1 - depth + depth * math.exp(-distance2 / (2 * 0.45**2)))
    return found


def bars(images: list[Image64], rng: np.random.Generator) -> list[Image64]:
    return [black_bars(image) for image in images]


def exposure(images: list[Image64], rng: np.random.Generator) -> list[Image64]:
    drawn = draws(rng, (-2.2, 0), (-0.35, 0.35))
    return [
        0.5 + math.exp(gain) * (np.vectorize(full_contrast)(image) - 0.5) + level
        for image, (gain, level) in zip(images, drawn, strict=True)
    ]


def mixed(images: list[Image64], rng: np.random.Generator) -> list[Image64]:
    return [black_bars(np.clip(0.5 + 4 * (image - blur(image, 5)), 0, 1)) for image in images]


NAIVE: dict[WorldName, Callable[[list[Image64], np.random.Generator], list[Image64]]] = {
    "contrast": contrast,
    "detail": detail,
    "noise": noise,
    "lamp": lamp,
    "bars": bars,
    "exposure": exposure,
    "mixed": mixed,
}


class TestOperators:
    @pytest.mark.parametrize("world", NAMES)
    def test_equals_loops(self, world: WorldName) -> None:
        """float32 against float64: sums of at most 81 products of numbers below 5, each rounded at 6e-8."""
        bytes_ = np.random.default_rng(1).integers(0, 256, (2, 1, HEIGHT, WIDTH))
        images = (bytes_ / 255).astype(np.float32)
        found = WORLDS[world](images, np.random.default_rng(7))
        expected = NAIVE[world](list(images[:, 0].astype(np.float64)), np.random.default_rng(7))
        assert found.dtype == np.float32
        np.testing.assert_allclose(np.clip(found[:, 0], 0, 1), np.clip(expected, 0, 1), atol=1e-5)
        np.testing.assert_array_equal(images, (bytes_ / 255).astype(np.float32))  # the input stays

    def test_all_have_a_naive_version(self) -> None:
        assert tuple(WORLDS) == tuple(NAIVE) == NAMES

    def test_bars_have_the_share_of_a_larger_image(self) -> None:
        framed = WORLDS["bars"](np.ones((1, 1, 128, 64), dtype=np.float32), np.random.default_rng(0))[0, 0]
        assert framed.all(axis=1).nonzero()[0].tolist() == list(range(12, 116))
        assert not framed[[*range(12), *range(116, 128)]].any()

    def test_the_spot_of_the_lamp_has_a_width_in_image_heights(self) -> None:
        """A wider image is lit in its middle alone: at the same distance in pixels the light is the same."""
        square = WORLDS["lamp"](np.ones((1, 1, 129, 129), dtype=np.float32), np.random.default_rng(3))[0, 0]
        narrow = WORLDS["lamp"](np.ones((1, 1, 129, 65), dtype=np.float32), np.random.default_rng(3))[0, 0]
        np.testing.assert_allclose(square[:, 32:97].argmax(axis=1), narrow.argmax(axis=1), atol=1)  # pixels are 1 part in 128 apart
        np.testing.assert_allclose(square[:, 64], narrow[:, 32], rtol=1e-5)

    def test_deviation_of_the_noise(self) -> None:
        grey = np.full((64, 1, 128, 64), 0.5, dtype=np.float32)
        added = WORLDS["noise"](grey, np.random.default_rng(0)) - grey
        assert added.std() == pytest.approx(0.2, rel=0.01)  # 64 images: standard error 1.3 in a thousand

    def test_deviation_of_the_band_in_closed_form(self) -> None:
        """White noise W is blurred to A W a'; B and b are the second blur: expected squares are traces, products over both axes."""

        def matrix(size: int, sd: float) -> Image64:
            blurred = np.zeros((size, size))
            for row in range(size):
                for step, weight in kernel(sd).items():
                    blurred[row, min(max(row + step, 0), size - 1)] += weight
            return blurred

        first = [matrix(size, 1) for size in (128, 64)]
        second = [matrix(size, 2) @ one for size, one in zip((128, 64), first, strict=True)]
        variance = math.prod((one * one).sum() for one in first)
        of_mean = math.prod((one.sum(0) ** 2).sum() for one in first) / (128 * 64)
        band = variance - 2 * math.prod((one * two).sum() for one, two in zip(first, second, strict=True))
        band += math.prod((two * two).sum() for two in second)
        assert math.sqrt(band / (variance - of_mean)) == pytest.approx(BAND_SD, abs=5e-4)  # deviations of single images vary


def draw(world: WorldName, sensor: Literal["visible", "near_infrared", "thermal"] = "near_infrared") -> NDArray[np.uint8]:
    return render(Look(4, 64, 32, Difficulty(occlusion=0), world), Unit(3, sensor, 1, BLOCK, 4, 2)).images


class TestRendering:
    def test_the_control_is_the_plain_sensor(self, monkeypatch: pytest.MonkeyPatch) -> None:
        seen = []

        def watched(*arguments: object) -> NDArray[np.float32]:
            seen.append(expose(*arguments))  # type: ignore[arg-type]
            return seen[-1]

        monkeypatch.setattr("vireid.data.synthetic.render.expose", watched)
        images = draw("contrast").reshape(-1, 64, 32, 3)
        sensor = np.clip(np.rint(seen[0][:, 0] * 255), 0, 255)
        for channel in range(3):
            np.testing.assert_array_equal(images[..., channel], sensor)

    @pytest.mark.parametrize("sensor", ["near_infrared", "thermal"])
    @pytest.mark.parametrize("world", NAMES)
    def test_worlds_change_the_rounded_image_and_are_rounded_again(
        self, world: WorldName, sensor: Literal["near_infrared", "thermal"]
    ) -> None:
        """Everything before the world stays as it is: its numbers come from a stream of their own."""
        control, images = (draw(name, sensor).reshape(-1, 64, 32, 3) for name in ("contrast", world))
        assert (images == images[..., :1]).all()
        before = (control[:, None, ..., 0] / np.float32(255)).astype(np.float32)
        after = WORLDS[world](before, stream(4, Purpose.WORLD, 3, 1, 4))
        np.testing.assert_array_equal(images[..., 0], np.clip(np.rint(after[:, 0] * 255), 0, 255))
        assert (images != control).any() == (world != "contrast")

    @pytest.mark.parametrize("world", NAMES)
    def test_visible_images_are_those_of_the_control(self, world: WorldName) -> None:
        np.testing.assert_array_equal(draw(world, "visible"), draw("contrast", "visible"))

    @pytest.mark.parametrize("world", ["noise", "lamp", "exposure"])
    def test_draws_know_nothing_of_people(self, world: WorldName, monkeypatch: pytest.MonkeyPatch) -> None:
        """Other people in the same place: columns beside them stay as they were."""
        look, unit = Look(4, 64, 64, Difficulty(occlusion=0), world), Unit(3, "near_infrared", 1, BLOCK, 4, 2)
        before = render(look, unit).images
        monkeypatch.setattr("vireid.data.synthetic.render.draw_people", lambda seed, block: draw_people(seed + 1, block))
        after = render(look, unit).images
        np.testing.assert_array_equal(after[..., :4, :], before[..., :4, :])
        assert (after != before).mean() > 0.05

    @pytest.mark.parametrize("world", ["noise", "lamp", "exposure"])
    def test_every_image_has_a_draw_of_its_own(self, world: WorldName) -> None:
        grey = np.full((4, 1, 64, 32), 0.5, dtype=np.float32)
        changed = WORLDS[world](grey, np.random.default_rng(0))
        assert len({image.tobytes() for image in changed}) == 4


class TestFiles:
    @pytest.mark.parametrize("layout", ["sysu", "regdb", "llcm"])
    @pytest.mark.parametrize("world", NAMES)
    def test_readers_find_every_world(self, tmp_path: Path, layout: Literal["sysu", "regdb", "llcm"], world: WorldName) -> None:
        root = write_dataset(tmp_path / world, layout, identities=4, test_identities=2, images=1, height=32, width=16, world=world)
        records: dict[str, Callable[[], list[Record]]] = {
            "sysu": lambda: SYSU(root).train_records(range(1, 5)),
            "regdb": lambda: RegDB(root).train_records(),
            "llcm": lambda: LLCM(root).train_records(),
        }
        found = records[layout]()
        assert {record.modality for record in found} == {Modality.VISIBLE, Modality.INFRARED}
        for record in found:
            with Image.open(record.path) as image:
                assert image.mode == "RGB"
            pixels = read_image(record.path, 32, 16)
            assert (pixels == pixels[..., :1]).all() == (record.modality == Modality.INFRARED)

    def test_another_world_changes_infrared_files_alone(self, tmp_path: Path) -> None:
        trees = [write_dataset(tmp_path / w, identities=4, images=1, height=32, width=16, world=w) for w in ("contrast", "bars")]
        files = [{path.relative_to(tree): path.read_bytes() for path in tree.rglob("*.*")} for tree in trees]
        assert {path.parts[0] for path in files[0] if files[0][path] != files[1][path]} == {"cam3", "cam6"}

    def test_unknown_world(self, tmp_path: Path) -> None:
        names = "contrast, detail, noise, lamp, bars, exposure, mixed"
        with pytest.raises(ValueError, match=f"`world` must be one of {names}, got 'fog'"):
            write_dataset(tmp_path / "x", world="fog")  # type: ignore[arg-type]
        with pytest.raises(SettingsError, match=r"`world`.*contrast.*detail.*noise.*lamp.*bars.*exposure.*mixed.*fog"):
            SyntheticDataModule(world="fog")  # type: ignore[arg-type]

    def test_the_command_offers_all(self) -> None:
        assert get_args(get_type_hints(synthesize)["world"]) == NAMES
