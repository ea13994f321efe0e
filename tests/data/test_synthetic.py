"""The people generator: same bytes for a seed, published layouts, no leak of identity into what is not the person."""

from __future__ import annotations

import hashlib
import re
import resource
from dataclasses import fields
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from PIL import Image

from vireid import locks
from vireid.data import LLCM, Market1501
from vireid.data.synthetic import GENERATOR_VERSION, Difficulty, layouts, write_dataset
from vireid.data.synthetic.people import BLOCK, Bag, Hair, Hat, Lower, Pattern, draw_people
from vireid.data.synthetic.render import MOUNT, Drawn, Look, Unit, render
from vireid.data.synthetic.worlds import WORLDS, WorldName
from vireid.errors import OutputError
from vireid.locks import FolderLock

SMALL = {"height": 32, "width": 16}
INFRARED = (3, 6)


def digest(root: Path) -> dict[str, str]:
    """Hash of every file by its path under ``root``."""
    files = (path for path in sorted(root.rglob("*")) if path.is_file())
    return {path.relative_to(root).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def ids(root: Path, name: str) -> list[int]:
    text = (root / "exp" / f"{name}_id.txt").read_text()
    assert re.fullmatch(r"\d+(,\d+)*\n", text), "one line of integers, separated by commas"
    return [int(pid) for pid in text.split(",")]


def draw(difficulty: Difficulty, sensor: str = "near_infrared", camid: int = 3, seed: int = 0) -> NDArray[np.uint8]:
    return render(Look(seed, 64, 32, difficulty), Unit(camid, sensor, 0, BLOCK, 0, 2)).images  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def sysu(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_dataset(tmp_path_factory.mktemp("people") / "sysu", identities=64, images=2, height=64, width=32)


@pytest.fixture(scope="module")
def regdb(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_dataset(tmp_path_factory.mktemp("people") / "regdb", layout="regdb", identities=7, **SMALL)


@pytest.fixture(scope="module")
def llcm(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_dataset(tmp_path_factory.mktemp("people") / "llcm", "llcm", identities=9, **SMALL)


@pytest.fixture(scope="module")
def market(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_dataset(tmp_path_factory.mktemp("people") / "market", "market", identities=9, **SMALL)


class TestDeterminism:
    def test_same_bytes_for_any_number_of_workers(self, tmp_path: Path) -> None:
        trees = [write_dataset(tmp_path / str(n), identities=20, images=5, seed=3, world="noise", workers=n, **SMALL) for n in (0, 1, 2)]
        first, *others = [digest(tree) for tree in trees]
        assert all(other == first for other in others)

    @pytest.mark.parametrize("layout", ["sysu", "regdb", "llcm", "market"])
    def test_same_bytes_for_any_order_of_work(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, layout: layouts.LayoutName) -> None:
        """What two workers may do, in one process: units are drawn from last to first."""
        forwards = write_dataset(tmp_path / "forwards", layout, identities=20, images=5, seed=3, world="lamp", **SMALL)
        monkeypatch.setattr("vireid.data.synthetic.writer.units", lambda *arguments: layouts.units(*arguments)[::-1])
        backwards = write_dataset(tmp_path / "backwards", layout, identities=20, images=5, seed=3, world="lamp", **SMALL)
        assert digest(forwards) == digest(backwards)

    def test_same_bytes_for_any_number_of_threads(self) -> None:
        before = torch.get_num_threads()
        images = []
        try:
            for threads in (1, 2):
                torch.set_num_threads(threads)
                images.append(draw(Difficulty()))
        finally:
            torch.set_num_threads(before)
        np.testing.assert_array_equal(*images)

    def test_global_random_state_is_neither_used_nor_changed(self) -> None:
        state = torch.get_rng_state()
        first = draw(Difficulty())
        assert torch.equal(torch.get_rng_state(), state)
        torch.rand(1)
        np.testing.assert_array_equal(draw(Difficulty()), first)

    def test_seeds_differ(self) -> None:
        assert (draw(Difficulty(), seed=0) != draw(Difficulty(), seed=1)).mean() > 0.5

    def test_people_do_not_depend_on_how_many_there_are(self, tmp_path: Path) -> None:
        few, many = (write_dataset(tmp_path / str(n), identities=n, images=1, **SMALL) for n in (16, 20))
        assert {name: value for name, value in digest(many).items() if name in digest(few) and "exp" not in name} == {
            name: value for name, value in digest(few).items() if "exp" not in name
        }

    def test_the_version_is_a_number(self) -> None:
        assert isinstance(GENERATOR_VERSION, int)


class TestSysuLayout:
    def test_folders_and_files(self, sysu: Path) -> None:
        expected = {f"cam{cam}/{pid:04d}/{number:04d}.jpg" for cam in range(1, 7) for pid in range(1, 65) for number in (1, 2)}
        expected |= {f"exp/{name}_id.txt" for name in ("train", "val", "test", "available")}
        assert set(digest(sysu)) == expected

    def test_identity_lists(self, sysu: Path) -> None:
        parts = {name: ids(sysu, name) for name in ("train", "val", "test")}
        assert {name: len(part) for name, part in parts.items()} == {"test": 13, "val": 10, "train": 41}
        assert sorted(pid for part in parts.values() for pid in part) == ids(sysu, "available") == list(range(1, 65))
        assert all(part == sorted(part) for part in parts.values())

    def test_number_of_test_identities(self, tmp_path: Path) -> None:
        root = write_dataset(tmp_path / "x", identities=8, test_identities=5, images=1, **SMALL)
        assert [len(ids(root, name)) for name in ("test", "val", "train")] == [5, 1, 2]

    def test_sizes_and_channels(self, sysu: Path) -> None:
        for camid in range(1, 7):
            with Image.open(sysu / f"cam{camid}/0001/0001.jpg") as image:
                assert image.format == "JPEG"
                assert image.size == (32, 64)
                assert image.mode == "RGB"

    def test_default_is_three_images(self, tmp_path: Path) -> None:
        root = write_dataset(tmp_path / "x", identities=4, **SMALL)
        assert len(list((root / "cam1" / "0001").iterdir())) == 3


class TestRegDBLayout:
    def test_images(self, regdb: Path) -> None:
        for folder, letter in (("Visible", "v"), ("Thermal", "t")):
            assert sorted(int(path.name) for path in (regdb / folder).iterdir()) == list(range(1, 8))
            for path in (regdb / folder).rglob("*.*"):
                assert re.fullmatch(rf"(fe)?male_(front|back)_{letter}_\d{{5}}_{path.parent.name}\.bmp", path.name)
                with Image.open(path) as image:
                    assert (image.format, image.size, image.mode) == ("BMP", (16, 32), "RGB")
            assert all(len(list(person.iterdir())) == 10 for person in (regdb / folder).iterdir())

    @pytest.mark.parametrize("trial", range(1, 11))
    def test_index(self, regdb: Path, trial: int) -> None:
        people = {}
        for part, count in (("train", 3), ("test", 4)):
            maps = []
            for modality in ("Visible", "Thermal"):
                lines = (regdb / "idx" / f"{part}_{modality.lower()}_{trial}.txt").read_text().splitlines()
                pairs = [(path, int(label)) for path, label in (line.split(" ") for line in lines)]
                assert len(set(pairs)) == 10 * count
                assert all((regdb / path).is_file() and path.startswith(f"{modality}/") for path, _ in pairs)
                maps.append({path.split("/")[1]: label for path, label in pairs})
            assert maps[0] == maps[1]
            assert sorted(maps[0].values()) == list(range(count))
            people[part] = set(maps[0])
        assert not people["train"] & people["test"]
        assert len(people["train"] | people["test"]) == 7

    def test_trials_differ(self, regdb: Path) -> None:
        assert len({(regdb / "idx" / f"train_visible_{trial}.txt").read_text() for trial in range(1, 11)}) > 5

    def test_number_of_test_identities(self, tmp_path: Path) -> None:
        root = write_dataset(tmp_path / "x", "regdb", identities=6, test_identities=2, images=1, **SMALL)
        assert len((root / "idx" / "test_thermal_1.txt").read_text().splitlines()) == 2
        assert len((root / "idx" / "train_thermal_1.txt").read_text().splitlines()) == 4


class TestLLCMLayout:
    def test_folders_and_files(self, llcm: Path) -> None:
        cameras = {"vis": set(range(1, 10)), "nir": set(range(1, 10)) - {3}}
        test = [int(pid) for pid in (llcm / "idx/test_id.txt").read_text().split(",")]
        assert len(test) == 3
        for kind in ("vis", "nir"):
            names = {path.relative_to(llcm / kind).as_posix() for path in (llcm / kind).rglob("*.jpg")}
            numbers = [(pid, camera, number) for pid in range(1, 10) for camera in cameras[kind] for number in (1, 2)]
            assert names == {f"{p:04d}/{p:04d}_c{c:02d}_s{n:06d}_f{n:04d}_{kind}.jpg" for p, c, n in numbers}
            with Image.open(llcm / kind / min(names)) as image:
                assert (image.format, image.size, image.mode) == ("JPEG", (16, 32), "RGB")
            copies = {path.relative_to(llcm / f"test_{kind}").as_posix(): path for path in (llcm / f"test_{kind}").rglob("*.jpg")}
            assert set(copies) == {f"cam{c}/{p:04d}/{p:04d}_c{c:02d}_s{n:06d}_f{n:04d}_{kind}.jpg" for p, c, n in numbers if p in test}
            assert all(path.read_bytes() == (llcm / kind / path.parent.name / path.name).read_bytes() for path in copies.values())

    def test_what_it_says_is_what_the_dataset_reads(self, llcm: Path) -> None:
        dataset = LLCM(llcm)
        train = dataset.train_records()
        assert len(train) == 6 * 2 * (9 + 8)
        assert not {record.pid for record in train} & set(dataset.test_ids())
        sizes = [(len(s.trials[0].query), len(s.trials[0].gallery)) for s in dataset.evaluation().settings]
        assert sizes == [(3 * 9 * 2, 3 * 8), (3 * 8 * 2, 3 * 9)]

    def test_both_sensors_of_a_place_share_their_camera_but_not_their_moments(self) -> None:
        look = Look(0, 64, 32, Difficulty(noise=0))
        first, twin = (render(look, Unit(camid, "visible", 0, BLOCK, 0, 1)) for camid in (1, MOUNT + 1))
        assert (first.images != twin.images).mean() > 0.5

    def test_number_of_test_identities(self, tmp_path: Path) -> None:
        root = write_dataset(tmp_path / "x", "llcm", identities=6, test_identities=4, images=1, **SMALL)
        assert len((root / "idx/test_id.txt").read_text().split(",")) == 4
        assert len((root / "idx/train_nir.txt").read_text().splitlines()) == 2 * 8


class TestMarketLayout:
    def test_files(self, market: Path) -> None:
        files = [path.relative_to(market).as_posix() for path in market.rglob("*") if path.is_file()]
        assert all(
            re.fullmatch(r"(bounding_box_train|query|bounding_box_test)/(-1|\d{4})_c[1-6]s1_\d{6}_\d\d\.jpg", name) for name in files
        )
        pids = {
            folder: [path.name.split("_")[0] for path in (market / folder).iterdir()] for folder in {name.split("/")[0] for name in files}
        }
        train, query, gallery = (set(pids[folder]) for folder in ("bounding_box_train", "query", "bounding_box_test"))
        assert (len(train), len(query)) == (4, 5)
        assert gallery == {*query, "0000", "-1"}
        assert not train & query
        assert {folder: len(names) for folder, names in pids.items()} == {
            "bounding_box_train": 4 * 6 * 3,
            "query": 5 * 6,
            "bounding_box_test": 5 * 6 * 2 + 2 + 2,
        }
        with Image.open(market / files[0]) as image:
            assert (image.format, image.size, image.mode) == ("JPEG", (16, 32), "RGB")

    def test_what_it_says_is_what_the_dataset_reads(self, market: Path) -> None:
        splits = Market1501(market).splits()
        assert {split: len(records) for split, records in splits.items()} == {"train": 72, "query": 30, "gallery": 62}
        assert sum(record.pid == 0 for record in splits["gallery"]) == 2
        assert {record.camid for record in splits["query"]} == set(range(1, 7))

    def test_number_of_test_identities(self, tmp_path: Path) -> None:
        root = write_dataset(tmp_path / "x", "market", identities=6, test_identities=2, images=2, **SMALL)
        assert len(list((root / "query").iterdir())) == 2 * 6


def average_precision(
    query: NDArray[np.float64], gallery: NDArray[np.float64], query_pids: NDArray[np.int64], gallery_pids: NDArray[np.int64]
) -> float:
    """mAP of cosine retrieval, written out."""
    query = query / np.linalg.norm(query, axis=1, keepdims=True)
    gallery = gallery / np.linalg.norm(gallery, axis=1, keepdims=True)
    order = np.argsort(-(query @ gallery.T), axis=1, kind="stable")
    scores = []
    for row, pid in zip(gallery_pids[order], query_pids, strict=True):
        ranks = np.flatnonzero(row == pid) + 1
        scores.append(np.mean(np.arange(1, len(ranks) + 1) / ranks))
    return float(np.mean(scores))


@pytest.fixture(scope="module")
def images(sysu: Path) -> tuple[NDArray[np.float64], NDArray[np.int64], NDArray[np.int64]]:
    paths = sorted(sysu.glob("cam*/*/*.jpg"))
    pixels = np.stack([np.asarray(Image.open(path).convert("RGB"), dtype=np.float64) for path in paths])
    return pixels, np.array([int(path.parent.name) for path in paths]), np.array([int(path.parts[-3][3:]) for path in paths])


def histogram(pixels: NDArray[np.float64]) -> NDArray[np.float64]:
    """``(N, 48)`` counts of 16 intensities in three channels."""
    bins = pixels.reshape(len(pixels), -1, 3).astype(int) // 16 + [0, 16, 32]
    return np.stack([np.bincount(image.ravel(), minlength=48) for image in bins]).astype(float)


def border(pixels: NDArray[np.float64]) -> NDArray[np.float64]:
    """``(N, D)`` pixels above and to the left of the person, each image with mean 0."""
    edges = np.concatenate([pixels[:, :2].reshape(len(pixels), -1), pixels[:, :, :1].reshape(len(pixels), -1)], axis=1)
    return edges - edges.mean(1, keepdims=True)


class TestLeakage:
    @staticmethod
    def chance(query: NDArray[np.int64], gallery: NDArray[np.int64]) -> float:
        rng = np.random.default_rng(0)
        return average_precision(rng.random((len(query), 8)), rng.random((len(gallery), 8)), query, gallery)

    @pytest.mark.parametrize("world", WORLDS)
    def test_colours_and_border_are_useless_across_modalities(
        self, images: tuple[NDArray[np.float64], NDArray[np.int64], NDArray[np.int64]], world: WorldName
    ) -> None:
        pixels, pids, camids = images
        visible = ~np.isin(camids, INFRARED)
        look, units = Look(0, 64, 32, Difficulty(), world), [Unit(c, "near_infrared", b, BLOCK, 0, 2) for c in INFRARED for b in range(4)]
        query = np.concatenate([render(look, unit).images.reshape(-1, 64, 32, 3) for unit in units])
        query_pids = np.concatenate([np.repeat(unit.pids, 2) for unit in units])
        for cue in (histogram, border):
            found = average_precision(cue(query.astype(float)), cue(pixels[visible]), query_pids, pids[visible])
            assert found < 2 * self.chance(query_pids, pids[visible]), cue.__name__

    def test_border_is_useless_between_visible_cameras(
        self, images: tuple[NDArray[np.float64], NDArray[np.int64], NDArray[np.int64]]
    ) -> None:
        pixels, pids, camids = images
        kept = np.isin(camids, (1, 2))
        pixels, pids, query = pixels[kept], pids[kept], camids[kept] == 1
        features = pixels[:, :2].reshape(len(pixels), -1)
        features = features - features.mean(1, keepdims=True)
        assert average_precision(features[query], features[~query], pids[query], pids[~query]) < 2 * self.chance(pids[query], pids[~query])

    def test_the_clothes_identify_within_visible_light(self) -> None:
        """Control of the test above: the same measure finds people where it may, by the mean colours of chest and legs."""
        look = Look(0, 64, 32, Difficulty(camera_gap=0))
        found = [
            np.concatenate([render(look, Unit(camid, "visible", block, BLOCK, 0, 2)).images for block in range(4)]) for camid in (1, 2)
        ]
        features = [x[:, :, 18:52, 12:20].reshape(-1, 2, 17, 8, 3).mean((2, 3)).reshape(len(x) * 2, -1) for x in found]
        centred = [x - x.mean(0) for x in features]
        pids = np.repeat(np.arange(64), 2)
        assert average_precision(*centred, pids, pids) > 0.4

    def test_scene_and_noise_know_nothing_of_people(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Other people in the same place: pixels that no person covers stay as they were."""
        look, unit = Look(0, 64, 64, Difficulty(occlusion=0)), Unit(1, "visible", 0, BLOCK, 0, 1)
        before = render(look, unit).images
        monkeypatch.setattr("vireid.data.synthetic.render.draw_people", lambda seed, block: draw_people(seed + 1, block))
        after = render(look, unit).images
        np.testing.assert_array_equal(after[..., :4, :], before[..., :4, :])
        assert (after != before).mean() > 0.05


class TestStyles:
    def test_thermal_differs_from_near_infrared(self) -> None:
        assert (draw(Difficulty(), "thermal") != draw(Difficulty(), "near_infrared")).mean() > 0.5

    def test_the_style_reaches_the_files(self, tmp_path: Path) -> None:
        near, thermal = (
            digest(write_dataset(tmp_path / style, identities=4, images=1, style=style, **SMALL)) for style in ("near_infrared", "thermal")
        )
        changed = {name.split("/")[0] for name in near if near[name] != thermal[name]}
        assert changed == {"cam3", "cam6"}

    def test_skin_is_the_warmest(self) -> None:
        """Faces, averaged over people, are brighter than anything at the height of the chest."""
        images = draw(Difficulty(noise=0, pose=0, view_spread=0, view_jitter=0, camera_gap=0, occlusion=0), "thermal").astype(float)
        people = draw_people(0, 0)
        bare = (people.hat == Hat.NONE) & (people.hair == Hair.BALD) | (people.hair == Hair.SHORT)
        assert images[bare][:, :, 9:12, 15:17].mean() > images[bare][:, :, 20:30, 12:20].mean() + 10

    def test_every_kind_of_clothing_occurs(self) -> None:
        blocks = [draw_people(0, block) for block in range(20)]
        for name, kinds in {"hair": Hair, "hat": Hat, "bag": Bag, "lower": Lower, "pattern": Pattern}.items():
            assert {int(kind) for people in blocks for kind in getattr(people, name)} == {int(kind) for kind in kinds}


class TestDifficulty:
    @pytest.mark.parametrize("knob", [field.name for field in fields(Difficulty)])
    def test_every_knob_changes_the_images(self, knob: str) -> None:
        value = 0.9 if knob in ("tone_coupling", "occlusion") else 0.0
        assert (draw(Difficulty(**{knob: value})) != draw(Difficulty())).any()

    def test_tone_coupling_ties_infrared_to_lightness(self) -> None:
        def correlation(coupling: float) -> float:
            knobs = Difficulty(
                tone_coupling=coupling, view_spread=0, view_jitter=0, pose=0, camera_gap=0, noise=0, background=0, occlusion=0
            )
            visible = draw(knobs, "visible", 1).mean(-1)[:, :, 18:50, 12:20].mean((1, 3))
            infrared = draw(knobs).mean(-1)[:, :, 18:50, 12:20].mean((1, 3))
            return float(np.corrcoef((visible - visible.mean(0)).ravel(), (infrared - infrared.mean(0)).ravel())[0, 1])

        assert correlation(1.0) > 0.8 > 0.5 > correlation(0.0)

    @pytest.mark.parametrize(("knob", "value"), [("noise", 0.0), ("infrared_contrast", 0.2), ("background", 0.0)])
    def test_lower_knobs_calm_the_image(self, knob: str, value: float) -> None:
        def roughness(difficulty: Difficulty) -> float:
            return float(np.abs(np.diff(draw(difficulty).astype(float), axis=3)).mean())

        assert roughness(Difficulty(**{knob: value})) < roughness(Difficulty())

    @pytest.mark.parametrize("value", [-0.1, 1.5, float("nan"), True, "much"])
    def test_bad_values(self, value: object) -> None:
        with pytest.raises(ValueError, match=r"`difficulty.tone_coupling` must be a number from 0 to 1, got"):
            Difficulty(tone_coupling=value)  # type: ignore[arg-type]


class TestWriting:
    def test_empty_folder_is_used_and_parents_are_made(self, tmp_path: Path) -> None:
        target = tmp_path / "a" / "b"
        target.mkdir(parents=True)
        assert write_dataset(str(target), identities=4, images=1, **SMALL) == target
        assert (target / "cam6" / "0004" / "0001.jpg").is_file()
        assert write_dataset(tmp_path / "new" / "tree", identities=4, images=1, **SMALL).is_dir()

    def test_progress_bar(self, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("FORCE_COLOR", "1")  # a terminal
        write_dataset(tmp_path / "quiet", identities=4, images=1, **SMALL)
        assert capsys.readouterr().out == ""
        write_dataset(tmp_path / "bar", identities=4, images=1, progress=True, **SMALL)
        assert "Drawing people" in capsys.readouterr().out

    @pytest.mark.parametrize("error", [KeyboardInterrupt(), RuntimeError("broken")])
    def test_interruption_leaves_nothing(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: BaseException) -> None:
        count = 0

        def fail(look: Look, unit: Unit) -> Drawn:
            nonlocal count
            count += 1
            if count == 3:
                raise error
            return render(look, unit)

        monkeypatch.setattr("vireid.data.synthetic.writer.render", fail)
        with pytest.raises(type(error)):
            write_dataset(tmp_path / "x", identities=4, images=1, **SMALL)
        assert count == 3
        assert list(tmp_path.iterdir()) == []

    def test_full_disk(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        def full(*args: object) -> Drawn:
            raise OSError(28, "No space left on device")

        monkeypatch.setattr("vireid.data.synthetic.writer.render", full)
        with pytest.raises(OutputError, match=r"Cannot write .*No space left on device.*nothing was left there"):
            write_dataset(tmp_path / "x", identities=4, images=1, **SMALL)
        assert list(tmp_path.iterdir()) == []

    def test_dead_workers(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        from concurrent.futures.process import BrokenProcessPool

        def died(*args: object) -> None:
            raise BrokenProcessPool("died")

        monkeypatch.setattr("vireid.data.synthetic.writer._draw_all", died)
        with pytest.raises(OutputError, match=r'2 worker processes ended early.*__name__ == "__main__".*`workers=0`'):
            write_dataset(tmp_path / "x", identities=4, images=1, workers=2, **SMALL)

    def test_occupied_root(self, tmp_path: Path) -> None:
        (tmp_path / "x").mkdir()
        (tmp_path / "x" / "mine.txt").write_text("keep")
        with pytest.raises(OutputError, match=r"x' exists and is not an empty folder; name another `root`"):
            write_dataset(tmp_path / "x", identities=4)
        assert (tmp_path / "x" / "mine.txt").read_text() == "keep"

    def test_root_is_a_file(self, tmp_path: Path) -> None:
        (tmp_path / "x").write_text("keep")
        with pytest.raises(OutputError, match="exists and is not an empty folder"):
            write_dataset(tmp_path / "x", identities=4)

    def test_parent_is_a_file(self, tmp_path: Path) -> None:
        (tmp_path / "x").write_text("keep")
        with pytest.raises(OutputError, match="Cannot "):
            write_dataset(tmp_path / "x" / "y", identities=4)

    @pytest.mark.parametrize(
        ("given", "message"),
        [
            ({"layout": "duke"}, "`layout` must be one of sysu, regdb, llcm, market, got 'duke'."),
            ({"layout": "market", "images": 1}, "`images` must be a whole number from 2 to 9999, got 1."),
            ({"style": "x-ray"}, "`style` must be one of near_infrared, thermal, got 'x-ray'."),
            ({"identities": 3}, "`identities` must be a whole number from 4 to 9999, got 3."),
            ({"identities": 8.0}, "`identities` must be a whole number from 4 to 9999, got 8.0."),
            ({"images": 0}, "`images` must be a whole number from 1 to 9999, got 0."),
            ({"seed": -1}, "`seed` must be a whole number from 0 to 4294967295, got -1."),
            ({"height": 8}, "`height` must be a whole number from 32 to 1024, got 8."),
            ({"width": 8}, "`width` must be a whole number from 16 to 512, got 8."),
            ({"workers": -1}, "`workers` must be a whole number from 0 to 64, got -1."),
            (
                {"identities": 10, "test_identities": 9},
                "`test_identities` must be a whole number from 1 to 8 (two must remain to train and validate), got 9.",
            ),
        ],
    )
    def test_bad_arguments(self, tmp_path: Path, given: dict[str, object], message: str) -> None:
        with pytest.raises(ValueError, match=re.escape(message)):
            write_dataset(tmp_path / "x", **given)  # type: ignore[arg-type]
        assert list(tmp_path.iterdir()) == []


def test_what_a_killed_run_left_is_removed_and_two_runs_do_not_write_one_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(locks, "PATIENCE", 0)
    for name in (".people.partial", ".people-2.partial"):
        (tmp_path / name / "cam1").mkdir(parents=True)
    root = tmp_path / "people"
    with FolderLock(root, beside=True), pytest.raises(OutputError, match=r"people' is in use"):
        write_dataset(root, identities=4, images=1, **SMALL)
    write_dataset(root, identities=4, images=1, **SMALL)
    assert sorted(path.name for path in tmp_path.iterdir()) == [".people-2.partial", "people"]


@pytest.mark.parametrize("layout", ["sysu", "regdb"])
def test_an_image_that_a_full_disk_cuts_short_is_an_error(layout: layouts.LayoutName, tmp_path: Path) -> None:
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (300, before[1]))
    try:
        with pytest.raises(OutputError, match="File too large"):
            write_dataset(tmp_path / "people", layout, identities=4, images=1, height=32, width=16)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert not list(tmp_path.iterdir())
