"""``vireid gallery`` from folders of images to ranked lists, by a folder that needs no torch and by a checkpoint."""

from __future__ import annotations

import json
import resource
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from tests.commands.runs import Outcome, run
from tests.deploy.conftest import Folder
from tests.deploy.gallery.stand_in import image, on_disk
from tests.deploy.trained import checkpoint, module
from vireid import Embedder, Gallery
from vireid.deploy import Calibration, Where, export
from vireid.errors import GalleryError, SettingsError

Capsys = pytest.CaptureFixture[str]
Call = Callable[..., Outcome]


@pytest.fixture
def call(capsys: Capsys, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Call:
    """Run ``vireid gallery`` in an empty folder."""
    monkeypatch.chdir(tmp_path)
    return lambda *words: run(capsys, "gallery", *words)


@pytest.fixture
def model(exported: Folder) -> str:
    return str(exported("shared"))


def people(folder: Path, names: list[str], shots: int = 2, grey: bool = False) -> None:
    """One folder of images for each person."""
    for number, name in enumerate(names):
        (folder / name).mkdir(parents=True)
        for shot in range(shots):
            image(number, shot, grey, (24, 48)).save(folder / name / f"{shot}.png")


def test_from_folders_to_ranked_lists(call: Call, model: str) -> None:
    people(Path("all/visible"), ["ann", "[bold]bob", "cyd"])
    people(Path("all/infrared"), ["ann", "dan"], grey=True)
    added = call("add", "people.gallery", "all", "--model", model, "--camera", "gate", "--time", "2026-11-30T21:05")
    assert added.out == "Added 10 images. people.gallery holds 10 images of 4 people.\n", added.err
    again = call("add", "people.gallery", "all", "--model", model)
    assert again.out == "Added 0 images; 10 were there already. people.gallery holds 10 images of 4 people.\n"
    image(1, 7, size=(24, 48)).save("query.png")
    found = call("search", "people.gallery", "query.png", "--modality", "visible", "--in_modality", "visible", "--model", model, "--k", "3")
    assert found.code == 0, found.err
    rows = [line for line in found.out.splitlines() if "visible" in line]
    assert len(rows) == 3
    assert "[bold]bob" in rows[0]
    assert "gate" in rows[0]
    assert "2026-11-30T21:05:00" in rows[0]
    words = ("search", "people.gallery", "query.png", "--modality", "visible", "--in_modality", "visible", "--model", model, "--by_person")
    content = json.loads(call(*words, "--format", "json").out)
    assert content["candidates"][0]["entry"]["person"] == "[bold]bob"
    assert len(content["candidates"]) == 3
    assert content["remarks"] == ["The gallery holds 3 that may be found, fewer than 10."]
    told = call("info", "people.gallery", "--images").out
    assert "people.gallery: 10 images (6 visible and 4 infrared) of 4 people, 1 camera," in told
    assert "the file is whole" in told
    assert told.count("[bold]bob") == 2


def test_removal_leaves_nothing(call: Call, model: str) -> None:
    people(Path("day"), ["ann", "bob"])
    call("add", "people.gallery", "day", "--modality", "visible", "--model", model)
    assert b"day/ann" in on_disk(Path("people.gallery"))
    removed = call("remove", "people.gallery", "--person", "ann")
    assert removed.out == "Removed 2 images; no byte of them is left. people.gallery holds 2 images of 1 person.\n"
    assert b"day/ann" not in on_disk(Path("people.gallery"))
    assert call("remove", "people.gallery", "--ids", "3,4").out.startswith("Removed 2 images")
    assert "MiB" in call("vacuum", "people.gallery").out
    assert call("backup", "people.gallery", "copy.gallery").out == "Wrote copy.gallery.\n"
    assert "copy.gallery: 0 images" in call("info", "copy.gallery").out


def test_one_image_one_person_and_lists(call: Call, model: str) -> None:
    people(Path("day"), ["ann"])
    Image.new("RGB", (9, 20), (200, 20, 20)).save("alone.png")
    Path("list.txt").write_text("alone.png\nday/ann/0.png\n")
    for words in (("alone.png", "--person", "zoe"), ("day", "--person", "ann"), ("day/ann",)):
        assert call("add", "g", words[0], "--model", model, "--modality", "visible", *words[1:]).code == (2 if words[0] == "day/ann" else 0)
    assert call("search", "g", "list.txt", "--modality", "visible", "--model", model).code == 0
    with Gallery.open("g") as gallery:
        assert gallery.people == ["ann", "zoe"]
        assert len(gallery) == 3


def test_thresholds(call: Call, model: str) -> None:
    people(Path("day"), [f"p{number:02}" for number in range(40)], shots=3)
    people(Path("night/infrared"), [f"p{number:02}" for number in range(20, 60)], shots=1, grey=True)
    call("add", "g", "day", "--modality", "visible", "--model", model)
    shown = call("calibrate", "g", "--targets", "[0.3,0.01]", "--probes", "night", "--model", model)
    assert shown.code == 0, shown.err
    assert "No threshold of infrared-visible at 0.3" in shown.out
    assert "needs at least 3000 searches of people who are not in the gallery, got 120" in shown.out
    row = next(line for line in shown.out.splitlines() if "visible-visible" in line and "0.3" in line)
    assert "120" in row
    told = call("info", "g").out
    assert "visible-visible" in told
    found = call("search", "g", "day/p01/0.png", "--modality", "visible", "--model", model, "--target", "0.3")
    assert "Somebody is accepted at the threshold" in found.out
    refused = call("search", "g", "day/p01/0.png", "--modality", "visible", "--model", model, "--target", "0.01")
    assert refused.code == 2
    assert "needs at least 3000 searches" in refused.err


def test_a_card_tells_the_thresholds_of_a_gallery(call: Call, model: str, monkeypatch: pytest.MonkeyPatch) -> None:
    told: dict[str, Any] = {}
    monkeypatch.setattr(export, "write_folder", lambda *_, facts, **__: told.update(facts))
    other = checkpoint(module("random-1"), Path("other.ckpt"), {"height": 48, "width": 24})
    with Gallery("g", Embedder.load(f"{model}.ckpt")) as gallery:
        with pytest.raises(SettingsError, match=r"'g' was not calibrated: run `vireid gallery calibrate`"):
            export.export_network(f"{model}.ckpt", "out", calibration="g")
        gallery.add(
            [image(person, shot) for person in range(30) for shot in range(3)], "visible", [str(p) for p in range(30) for _ in "abc"]
        )
        found = gallery.calibrate([0.3])
    export.export_network(f"{model}.ckpt", "out", calibration="g")
    assert Calibration.from_dict(told["calibration"]) == found
    with pytest.raises(GalleryError, match="they cannot be compared"):
        export.export_network(other, "out", calibration="g")


def test_a_new_model(call: Call, model: str) -> None:
    people(Path("day"), ["ann", "bob"])
    call("add", "g", "day", "--modality", "visible", "--model", model)
    other = checkpoint(module("all_shared", seed=1), Path("other.ckpt"))
    refused = call("search", "g", "day/ann", "--modality", "visible", "--model", other)
    assert (refused.code, "they cannot be compared" in refused.err) == (2, True)
    Path("day/bob/1.png").unlink()
    done = call("reembed", "g", other).out
    assert "Embedded 3 images by model" in done
    assert "Not image 4, which no search finds now: Its file" in done
    assert call("search", "g", "day/ann", "--modality", "visible", "--model", other).code == 0
    assert "1 image waits for an embedding of this model, and no search finds it" in call("info", "g").out


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("add", "g", "day", "--modality", "visible"), "Name the network with --model"),
        (("add", "g", "day", "--model", "M"), "Say of which modality 'day' is: --modality visible or infrared"),
        (("add", "g", "both", "--modality", "infrared", "--model", "M"), "'both' holds visible images, not infrared"),
        (("add", "g", "empty", "--modality", "visible", "--model", "M"), "names no image"),
        (("add", "g", "absent.png", "--modality", "visible", "--model", "M"), "There is no image file 'absent.png'"),
        (("add", "g", "day", "--modality", "visible", "--model", "absent"), "absent"),
        (("add", "g", "broken", "--modality", "visible", "--model", "M"), "Before it 0 images got into the gallery"),
        (("add", "g", "day", "--modality", "visible", "--model", "M", "--time", "noon"), "`time` must be a date and time"),
        (
            ("search", "absent", "day", "--modality", "visible", "--model", "M"),
            "There is no gallery 'absent'. `vireid gallery add` makes one.",
        ),
        (("search", "g", "day", "--model", "M"), "Say of which modality the query is"),
        (("search", "there", "day", "--modality", "visible", "--model", "M", "--person", "an"), "Did you mean 'ann'?"),
        (("search", "there", "day", "--modality", "visible", "--model", "M", "--k", "0"), "`k` must be at least 1"),
        (("search", "there", "day", "--modality", "visible", "--model", "M", "--target", "0.1"), "Run `vireid gallery calibrate`"),
        (("remove", "there"), "Say which images are meant"),
        (("remove", "there", "--ids", "1,x"), "`--ids` must be numbers with commas between"),
        (("remove", "there", "--ids", "99"), "The gallery holds no image 99"),
        (("calibrate", "there"), "Nothing can be calibrated"),
        (("calibrate", "there", "--targets", "[2]"), "`targets` must be rates between 0 and 1"),
        (("calibrate", "there", "--probes", "loose", "--modality", "visible", "--model", "M"), "must hold one folder for each person"),
        (("backup", "there", "day"), "exists, and nothing is overwritten"),
        (("info", "day"), "There is no gallery 'day'"),
        (("vacuum", "broken/x.png"), "is damaged, or no gallery"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else "",
)
def test_what_cannot_be_done_is_a_sentence(call: Call, model: str, words: tuple[str, ...], message: str) -> None:
    people(Path("day"), ["ann", "bob"])
    people(Path("both/visible"), ["ann"])
    for folder in ("empty", "broken", "loose"):
        Path(folder).mkdir()
    Path("broken/x.png").write_bytes(b"\x89PNG no image" * 99)
    image(1).save("loose/x.png")
    assert call("add", "there", "day", "--modality", "visible", "--model", model).code == 0
    outcome = call(*(model if word == "M" else word for word in words))
    assert outcome.code == 2
    assert message in outcome.err
    assert len(outcome.err.splitlines()) <= 6


def test_people_without_images_are_named(call: Call, model: str) -> None:
    people(Path("day"), ["ann", "nobody"])
    for file in Path("day/nobody").iterdir():
        file.unlink()
    assert "No image was found in the folders of: nobody." in call("add", "g", "day", "--modality", "visible", "--model", model).out


def test_a_search_needs_no_torch_and_is_ready_soon(call: Call, model: str, tmp_path: Path) -> None:
    people(Path("day"), ["ann", "bob"])
    call("add", "g", "day", "--modality", "visible", "--model", model)
    program = """
import resource, sys
from vireid.cli import main
main(sys.argv[1:])
assert not {"torch", "torchvision", "pytorch_lightning"} & set(sys.modules)
used = resource.getrusage(resource.RUSAGE_SELF)
print("CPU", used.ru_utime + used.ru_stime)
"""
    words = ["gallery", "search", "g", "day/ann", "--modality", "visible", "--model", model]
    seconds = []
    for _ in range(3):  # a busy machine makes one slow
        done = subprocess.run([sys.executable, "-c", program, *words], capture_output=True, text=True, check=True, cwd=tmp_path)
        assert "ann" in done.stdout
        seconds.append(float(done.stdout.split("CPU")[-1]))
    assert min(seconds) <= 1.5, resource.getrusage(resource.RUSAGE_CHILDREN)


def test_filters_of_the_command_reach_the_search(call: Call, model: str) -> None:
    people(Path("day"), ["ann", "bob"])
    call("add", "g", "day/ann", "--person", "ann", "--camera", "1", "--time", "2026-01-01", "--modality", "visible", "--model", model)
    call("add", "g", "day/bob", "--person", "bob", "--camera", "2", "--time", "2026-02-01", "--modality", "visible", "--model", model)
    base = ("search", "g", "day/ann", "--modality", "visible", "--model", model, "--format", "json")
    for words in (("--camera", "2"), ("--person", "bob"), ("--since", "2026-01-15"), ("--quantised", "--since", "2026-01-15")):
        found = json.loads(call(*base, *words).out)["candidates"]
        assert {candidate["entry"]["person"] for candidate in found} == {"bob"}
    assert call(*base, "--until", "2025-01-01").code == 0
    assert call("remove", "g", "--until", "2026-01-02", "--camera", "1").out.startswith("Removed 2 images")
    with Gallery.open("g") as gallery:
        assert {entry.person for entry in gallery.entries(Where(cameras=["2"]))} == {"bob"}
