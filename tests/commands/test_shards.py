"""``vireid predict --shard`` and ``vireid evaluate``: a test in parts is the test."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from tests.commands.runs import everything, run
from tests.deploy.trained import DATA, checkpoint, module, photograph, settle
from vireid.archives import read_arrays
from vireid.cli import main
from vireid.errors import MissingFileError, ResultsError
from vireid.results import read_embeddings, read_results
from vireid.results.shard_files import note_digest
from vireid.structures import Modality

pytestmark = pytest.mark.filterwarnings("ignore:.*hold fewer than 10 images:UserWarning")
Capsys = pytest.CaptureFixture[str]
QUIET = ("--trainer.enable_progress_bar=false", "--trainer.accelerator=cpu")


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    task = module()
    settle(task.network, DATA["height"], DATA["width"])  # else all images have nearly one embedding
    return checkpoint(task, tmp_path_factory.mktemp("trained") / "tiny.ckpt")


@pytest.fixture(scope="module")
def options(trained: Path, sysu_root: Path) -> list[str]:
    data = json.dumps({"root": str(sysu_root), "eval_batch_size": 16, "num_workers": 0, **DATA})
    return ["--ckpt", str(trained), "--data=vireid.SYSUDataModule", f"--data.init_args={data}", *QUIET]


@pytest.fixture(scope="module")
def parts(options: list[str], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The test in three parts."""
    folder = tmp_path_factory.mktemp("parts") / "three"
    for number in (1, 2, 3):
        main(["predict", *options, "--shard", f"{number}/3", "--run_dir", str(folder)])
    return folder


def test_any_number_of_parts_scores_as_the_test_does(options: list[str], parts: Path, tmp_path: Path, capsys: Capsys) -> None:
    """Rules of SYSU-MM01, ten trials a setting; of 7 parts one holds no image, and queries lie in several."""
    flip = "--model.evaluation.flip=true"
    assert run(capsys, "test", *options, flip, "--run_dir", tmp_path / "whole").code == 0
    whole = read_results(tmp_path / "whole")
    for count in (1, 7):
        words = ["predict", *options, flip, "--run_dir", str(tmp_path / str(count))]
        for number in range(1, count + 1):
            main([*words, f"--shard={number}/{count}"])
        sizes = [len(read_arrays(path)["pids"]) for path in (tmp_path / str(count)).glob("*/embeddings.npz")]
        assert (len(sizes), 0 in sizes) == (count, count == 7)
        assert run(capsys, "evaluate", tmp_path / str(count)).code == 0
        found = read_results(tmp_path / str(count))
        assert found.results == whole.results
        assert found.about["phase"] == whole.about["phase"]
        for mine, other in zip(found.results, whole.results, strict=True):
            for trial, expected in zip(mine.per_query, other.per_query, strict=True):
                assert trial.scores().keys() == expected.scores().keys()
                np.testing.assert_array_equal(trial.first, expected.first)
    outcome = run(capsys, "evaluate", parts, "--run_dir", tmp_path / "chosen")
    assert outcome.code == 0
    assert "sysu/all/single-shot" in outcome.out
    assert read_results(tmp_path / "chosen").results == tuple(result for result in whole.results if not result.variant)


def test_a_part_that_is_there_is_skipped_and_one_that_was_cut_short_is_not(
    options: list[str], trained: Path, parts: Path, tmp_path: Path, capsys: Capsys
) -> None:
    shutil.copytree(parts, tmp_path / "parts")
    before = everything(tmp_path / "parts")
    words = ["predict", *options, "--shard=2/3", "--run_dir", tmp_path / "parts"]
    folder = tmp_path / "parts" / "shard-2-of-3"
    assert "Part 2/3 is embedded already" in run(capsys, *words).out
    (folder / "embeddings.npz.sha256").unlink()  # as a job leaves it that is killed between the two files
    assert "Part 2/3 is embedded already" in run(capsys, *words).out
    assert everything(tmp_path / "parts") == before
    for name in ("embeddings.npz", "embeddings.npz.sha256"):
        (folder / name).unlink()
    (folder / ".embeddings.npz.part").write_bytes(b"half")
    outcome = run(capsys, *words)
    assert (outcome.code, "Embeddings in" in outcome.out) == (0, True)
    after = everything(tmp_path / "parts")
    assert {name for name in before if before[name] != after[name]} <= {"shard-2-of-3/config.yaml"}

    other = checkpoint(module("all_shared"), tmp_path / "other.ckpt")
    assert "is of another model or list, and nothing is overwritten" in run(capsys, *words, "--ckpt", other).err
    content = bytearray((folder / "embeddings.npz").read_bytes())
    content[300] ^= 1
    (folder / "embeddings.npz").write_bytes(bytes(content))
    assert "it does not have the digest beside it" in run(capsys, *words).err


@pytest.mark.parametrize(
    ("text", "match"),
    [
        ("0/3", "`--shard` must be i/n with i from 1 to n, and n from 1 to 1,000,000, such as 2/7, got 0/3."),
        ("4/3", "got 4/3"),
        ("1/0", "got 1/0"),
        ("-1/3", "got -1/3"),
        ("two", "`--shard` must be i/n, such as 2/7 for the second of seven parts, got 'two'"),
    ],
)
def test_parts_that_there_are_not(options: list[str], tmp_path: Path, capsys: Capsys, text: str, match: str) -> None:
    outcome = run(capsys, "predict", *options, f"--shard={text}", "--run_dir", tmp_path / "parts")
    assert outcome.code == 2
    assert match in outcome.err
    assert not (tmp_path / "parts").exists()


def test_parts_that_do_not_fit_together(options: list[str], parts: Path, tmp_path: Path, capsys: Capsys) -> None:
    def copied(name: str) -> Path:
        return Path(shutil.copytree(parts, tmp_path / name))

    def refused(folder: Path, match: str) -> None:
        outcome = run(capsys, "evaluate", folder)
        assert (outcome.code, match in outcome.err) == (2, True), outcome.err
        assert not (folder / "test-1").exists()

    other = checkpoint(module("all_shared"), tmp_path / "other.ckpt")
    mixed = copied("mixed")
    shutil.rmtree(mixed / "shard-3-of-3")
    refused(mixed, "are not embedded: 3/3. Run `vireid predict --shard` for them.")
    words = ["predict", *options, "--shard=3/3", "--run_dir", mixed]
    batches = run(capsys, *words, "--data.eval_batch_size=4")
    assert (batches.code, "images, protocols or `eval_batch_size` differ" in batches.err) == (2, True), batches.err
    assert not (mixed / "shard-3-of-3" / "embeddings.npz").exists()
    assert run(capsys, *words, "--ckpt", other).code == 0
    refused(mixed, "are of different models: 'shard-3-of-3' differs")

    lists = copied("lists")
    with np.load(lists / "list.npz") as file:
        arrays = dict(file)
    arrays["pids"][0] += 1
    np.savez(lists / "list.npz", **arrays)
    refused(lists, "are of different lists: 'shard-1-of-3' differs")
    (lists / "list.npz").write_bytes(b"no archive")
    refused(lists, "list.npz' is damaged")

    diverged = copied("diverged")
    path = diverged / "shard-1-of-3" / "embeddings.npz"
    with np.load(path) as file:
        arrays = dict(file)
    arrays["embeddings"][1, 2] = np.nan
    np.savez(path, **arrays)
    refused(diverged, "it does not have the digest beside it")
    note_digest(path)
    refused(diverged, "must be finite, but hold NaN or infinity")
    np.savez_compressed(path, **arrays)
    note_digest(path)
    refused(diverged, "embeddings.npz' is damaged: ")

    divided = copied("divided")
    shutil.copytree(parts / "shard-1-of-3", divided / "shard-1-of-2")
    refused(divided, "holds parts of a list in 2 and of one in 3: remove one of them")
    shutil.rmtree(divided / "shard-1-of-2")
    shutil.rmtree(divided / "shard-2-of-3")
    shutil.copytree(parts / "shard-1-of-3", divided / "shard-2-of-3")
    refused(divided, "or one that another part holds too")
    refused(tmp_path / "nothing", "There is no folder")
    (tmp_path / "empty").mkdir()
    refused(tmp_path / "empty", "There is no list.npz in")


def test_files_without_labels_in_parts(trained: Path, tmp_path: Path, capsys: Capsys) -> None:
    (tmp_path / "images").mkdir()
    for seed in range(3):
        photograph(tmp_path / "images" / f"{seed}.png", seed)
    words = ["predict", "--ckpt", trained, "--images", tmp_path / "images", "--modality=visible"]
    for number in (1, 2, 3, 4):
        assert run(capsys, *words, f"--shard={number}/4", "--run_dir", tmp_path / "parts").code == 0
    assert run(capsys, *words, "--run_dir", tmp_path / "whole").code == 0
    with np.load(tmp_path / "whole" / "embeddings.npz") as whole:
        for number in (1, 2, 3):
            with np.load(tmp_path / "parts" / f"shard-{number}-of-4" / "embeddings.npz") as part:
                assert part["paths"].tolist() == [whole["paths"][number - 1]]
                np.testing.assert_allclose(part["embeddings"][0], whole["embeddings"][number - 1], atol=1e-6)
    assert "Part 2/4 is embedded already" in run(capsys, *words, "--shard=2/4", "--run_dir", tmp_path / "parts").out
    photograph(tmp_path / "images" / "3.png", 3)
    assert "is of another model or list" in run(capsys, *words, "--shard=2/4", "--run_dir", tmp_path / "parts").err
    assert "Files embedded with --images have no labels to score" in run(capsys, "evaluate", tmp_path / "parts").err
    assert "`--shard` needs --run_dir, one folder for all parts" in run(capsys, *words, "--shard=2/4").err


@pytest.mark.filterwarnings("ignore:.*infrared images are in colour:UserWarning")
def test_parts_without_labels_are_read_together(trained: Path, tmp_path: Path, capsys: Capsys) -> None:
    """In the order of the list; parts of another model, list, modality or division are refused."""
    images, parts = tmp_path / "images", tmp_path / "parts"
    images.mkdir()
    for seed in range(3):
        photograph(images / f"{seed}.png", seed)

    def predict(run_dir: Path, number: int, modality: str = "visible", ckpt: Path = trained) -> None:
        words = ["--ckpt", ckpt, "--images", images, f"--modality={modality}", "--run_dir", run_dir]
        assert run(capsys, "predict", *words, *([f"--shard={number}/4"] if number else [])).code == 0

    for number in (1, 2, 3, 4):
        predict(parts, number)
    predict(tmp_path / "whole", 0)
    found, whole = read_embeddings(parts), read_embeddings(tmp_path / "whole")
    assert (found.paths.tolist(), found.modality, found.model) == (whole.paths.tolist(), Modality.VISIBLE, whole.model)
    np.testing.assert_allclose(found.embeddings, whole.embeddings, atol=1e-6)

    def refused(match: str, number: int = 2, **other: Any) -> None:
        """When one of the parts is another one."""
        folder = shutil.copytree(parts, tmp_path / "mixed")
        shutil.rmtree(folder / f"shard-{number}-of-4")
        if other:
            predict(folder, number, **other)
        with pytest.raises((ResultsError, MissingFileError), match=match):
            read_embeddings(folder)
        shutil.rmtree(folder)

    refused("are not embedded: 2/4")
    with pytest.raises(MissingFileError, match="nowhere' are not embedded"):
        read_embeddings(tmp_path / "nowhere")
    refused("are of different lists: 'shard-2-of-4' differs", modality="infrared")
    refused("are of different models: 'shard-2-of-4' differs", ckpt=other_checkpoint(trained, tmp_path / "other.ckpt"))
    photograph(images / "3.png", 3)
    refused("are of different lists: 'shard-4-of-4' differs", 4, modality="visible")
    shutil.copytree(parts / "shard-2-of-4", parts / "shard-2-of-5")
    with pytest.raises(ResultsError, match="holds parts of a list in 4 and of one in 5"):
        read_embeddings(parts)
    shutil.rmtree(parts / "shard-2-of-5")
    rewritten(parts / "shard-1-of-4" / "embeddings.npz", paths=np.array(["elsewhere.png"]))
    with pytest.raises(ResultsError, match="their images are not those of the list that they name"):
        read_embeddings(parts)
    rewritten(parts / "shard-1-of-4" / "embeddings.npz", embeddings=np.full((1, 4), np.nan, np.float32))
    with pytest.raises(ResultsError, match="its embeddings are no finite table"):
        read_embeddings(parts)
    rewritten(parts / "shard-1-of-4" / "embeddings.npz", positions=np.arange(1))
    with pytest.raises(ResultsError, match="it is of labelled images"):
        read_embeddings(parts)


def other_checkpoint(path: Path, to: Path) -> Path:
    """A checkpoint with one changed weight."""
    content = torch.load(path, weights_only=True)
    next(values for values in content["state_dict"].values() if values.is_floating_point()).add_(1)
    torch.save(content, to)
    return to


def rewritten(path: Path, **changed: Any) -> None:
    """With some arrays changed, and a digest that fits."""
    with np.load(path) as arrays:
        content = {**arrays, **changed}
    np.savez(path, **content)
    note_digest(path)
