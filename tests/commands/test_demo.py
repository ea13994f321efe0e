"""vireid demo, with a few batches of everything."""

from __future__ import annotations

import contextlib
import io
import json
from pathlib import Path

import pytest
import torch
from PIL import Image

from tests.commands.runs import everything, run
from vireid import Genotype, RetrainModule, SearchModule
from vireid.cli import main
from vireid.commands.demo import demonstration as module

NETWORKS = ("searched", "all_shared", "all_separate", "stem_separate")
TEMPLATE = "grey template (untrained)"


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """Folder of a finished demonstration, and what it said."""
    folder = tmp_path_factory.mktemp("demo") / "out"
    said = io.StringIO()
    with contextlib.redirect_stdout(said):
        main(["demo", "--fast", "--output", str(folder)])
    return folder, said.getvalue()


def test_it_leaves_people_genotype_checkpoints_and_a_picture(demo: tuple[Path, str]) -> None:
    folder, _ = demo
    assert len(list((folder / "people").glob("cam3/*/*.jpg"))) > 0
    assert Genotype.load(folder / "search" / "genotype.json").provenance["data"]["dataset"] == "synthetic"
    assert isinstance(SearchModule.load_from_checkpoint(folder / "search" / "checkpoints" / "last.ckpt"), SearchModule)
    for name in NETWORKS:
        module = RetrainModule.load_from_checkpoint(folder / name / "checkpoints" / "last.ckpt")
        assert set(module.genotype.choices) == {site.name for site in module.space.sites()}
        assert all(torch.isfinite(value).all() for value in module.state_dict().values())
    with Image.open(folder / "genotypes.png") as image:
        assert image.size[0] > 300


def test_the_searched_child_is_trained_with_the_searched_genotype(demo: tuple[Path, str]) -> None:
    folder, _ = demo
    child = RetrainModule.load_from_checkpoint(folder / "searched" / "checkpoints" / "last.ckpt")
    assert child.genotype == Genotype.load(folder / "search" / "genotype.json")
    separate = RetrainModule.load_from_checkpoint(folder / "all_separate" / "checkpoints" / "last.ckpt")
    assert set(separate.genotype.choices.values()) == {"separate_bn"}


def test_every_network_has_a_row_for_every_protocol(demo: tuple[Path, str]) -> None:
    content = json.loads((demo[0] / "metrics.json").read_text())
    rows = {row["protocol"]: row for row in content["results"]}
    assert set(rows) == {
        f"sysu/{search}/{shot}-shot/seeded [{name}]"
        for search in ("all", "indoor")
        for shot in ("single", "multi")
        for name in (*NETWORKS, TEMPLATE)
    }
    assert all(0 <= value <= 1 for row in rows.values() for value in row["mean"].values())
    assert content["seed"] == 0
    assert content["seconds"] > 0


def test_it_says_what_it_is_and_how_to_go_on(demo: tuple[Path, str]) -> None:
    folder, said = demo[0], " ".join(demo[1].split())
    assert "a demonstration, not evidence" in said
    assert "no row is promised to win" in said
    assert f"vireid test --ckpt {folder / 'searched' / 'checkpoints' / 'last.ckpt'}" in said
    for name in (*NETWORKS, TEMPLATE):
        assert name in said


def test_it_ends_with_a_report_of_all_networks(demo: tuple[Path, str]) -> None:
    folder, said = demo
    page = (folder / "report.html").read_text(encoding="utf-8")
    assert f"Open this page in a browser: {folder / 'report.html'}" in " ".join(said.split())
    for name in (*NETWORKS, "search"):
        assert f"<h3>{name}</h3>" in page
    assert all(f'id="{anchor}"' in page for anchor in ("results", "comparison", "lists", "attention", "space", "shortlist", "course"))
    assert len(page) < 5_000_000


def test_its_checkpoints_can_be_tested_again(demo: tuple[Path, str], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder, _ = demo
    before = everything(folder)
    checkpoint = folder / "searched" / "checkpoints" / "last.ckpt"
    assert run(capsys, "test", "--ckpt", checkpoint, "--trainer.accelerator", "cpu", "--run_dir", tmp_path / "again").code == 0
    rows = {row["protocol"]: row["mean"] for row in json.loads((folder / "metrics.json").read_text())["results"]}
    for row in json.loads((tmp_path / "again" / "metrics.json").read_text())["results"]:
        assert row["mean"] == rows[f"{row['protocol']} [searched]"]
    assert everything(folder) == before


def test_a_folder_with_files_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "mine.txt").write_text("mine")
    done = run(capsys, "demo", "--output", tmp_path)
    assert done.code == 2
    assert "is not empty, and nothing is overwritten" in done.err
    assert everything(tmp_path) == {"mine.txt": b"mine"}


@pytest.mark.parametrize(
    ("words", "fast"),
    [([], False), (["--fast"], True), (["--fast", "true"], True), (["--fast", "false"], False), (["--fast", "--seed", "3"], True)],
)
def test_fast_is_a_flag_or_an_option(words: list[str], fast: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen = []
    monkeypatch.setattr(module, "Demo", lambda folder, seed, budget: seen.append(budget) or pytest.fail("not to be run"))
    with pytest.raises(pytest.fail.Exception):
        main(["demo", "--output", str(tmp_path / "out"), *words])
    assert seen == [module.FAST if fast else module.FULL]


def test_the_next_free_folder_is_the_default_and_an_interruption_says_where_things_lie(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def interrupted(self: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(module.Demo, "run", interrupted)
    for number in (1, 2):
        done = run(capsys, "demo")
        assert done.code == 130
        assert f"runs/demo-{number}" in done.out
