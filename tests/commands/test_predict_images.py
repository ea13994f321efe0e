"""``vireid predict --images`` embeds files that no dataset names."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tests.commands.runs import run
from tests.deploy.trained import checkpoint, module, photograph
from vireid import Embedder

Capsys = pytest.CaptureFixture[str]


@pytest.fixture
def trained(tmp_path: Path) -> Path:
    (tmp_path / "run").mkdir()
    return checkpoint(module(), tmp_path / "run" / "tiny.ckpt")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Five images and other files."""
    for seed, name in enumerate(("b.png", "a.jpg", "c.bmp", "person/d.PNG", ".hidden.png")):
        (tmp_path / "images" / name).parent.mkdir(parents=True, exist_ok=True)
        photograph(tmp_path / "images" / name, seed, grey=True)
    (tmp_path / "images" / "notes.md").write_text("no image")
    return tmp_path / "images"


def test_a_folder(trained: Path, folder: Path, capsys: Capsys) -> None:
    outcome = run(capsys, "predict", "--ckpt", trained, "--images", folder, "--modality", "infrared")
    written = trained.parent / "predict-1" / "embeddings.npz"
    assert (outcome.code, outcome.out) == (0, f"4 embeddings in {written}\n")
    embedder = Embedder.load(trained)
    with np.load(written) as file:
        paths = [str(folder / name) for name in ("a.jpg", "b.png", "c.bmp", "person/d.PNG")]
        assert file["paths"].tolist() == paths
        assert file["modalities"].tolist() == [1] * 4
        assert str(file["model"]) == embedder.card.digest
        np.testing.assert_array_equal(file["embeddings"], embedder.embed(paths, "infrared"))


def test_files_and_lists_in_the_order_given(trained: Path, folder: Path, tmp_path: Path, capsys: Capsys) -> None:
    (folder / "list.txt").write_text("c.bmp\n\nperson/d.PNG\n")
    words = ["--images", folder / "list.txt", folder / "a.jpg", "--modality=visible", "--run_dir", tmp_path / "out"]
    assert run(capsys, "predict", "--ckpt_path", trained, *words).code == 0
    with np.load(tmp_path / "out" / "embeddings.npz") as file:
        assert [Path(path).name for path in file["paths"]] == ["c.bmp", "d.PNG", "a.jpg"]
        assert file["modalities"].tolist() == [0] * 3
    assert "is not empty, and nothing is overwritten" in run(capsys, "predict", "--ckpt_path", trained, *words).err


def test_a_folder_of_a_deployed_network(trained: Path, folder: Path, tmp_path: Path, capsys: Capsys) -> None:
    Embedder.load(trained).save_pretrained(tmp_path / "saved")
    words = ["--images", folder, "--modality", "visible", "--run_dir", tmp_path / "out"]
    assert run(capsys, "predict", "--ckpt", tmp_path / "saved", *words).code == 0
    assert (tmp_path / "out" / "embeddings.npz").is_file()


def test_bad_input_leaves_no_folder(trained: Path, folder: Path, tmp_path: Path, capsys: Capsys) -> None:
    (tmp_path / "nothing").mkdir()
    (folder / "list.txt").write_text("gone.png\n")
    (folder / "bytes.txt").write_bytes(b"\xff\xfe\x00")
    (folder / "broken.png").write_bytes(b"no image")
    for words, match in [
        (["--images", folder], "`--images` needs `--modality` visible or infrared"),
        (["--images", folder, "--modality", "night"], "`modality` must be visible or infrared, got 'night'"),
        (["--images", tmp_path / "nothing", "--modality", "visible"], "`images` names no image"),
        (["--images", folder / "gone.png", "--modality", "visible"], "There is no image file"),
        (["--images", folder / "list.txt", "--modality", "visible"], "which line 'gone.png' of"),
        (["--images", folder / "bytes.txt", "--modality", "visible"], "is no list of paths"),
        (["--images", folder, "--modality", "visible"], "broken.png': it is not an image in a known format"),
        (["--images", folder, "--modality", "visible", "--data.root", "x"], "data.root"),
    ]:
        outcome = run(capsys, "predict", "--ckpt", trained, *words)
        assert outcome.code == 2, words
        assert match in outcome.err
    assert [path.name for path in trained.parent.iterdir()] == ["tiny.ckpt"]
    assert "`vireid predict` needs a checkpoint: add --ckpt PATH" in run(capsys, "predict", "--images", folder).err
