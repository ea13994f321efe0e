"""The README is code: its commands parse, its small ones run, its Python runs."""

import re
import shlex
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.deploy.trained import checkpoint, module, photograph
from tests.results.written import write
from vireid.cli import main
from vireid.data.synthetic import write_dataset
from vireid.deploy import OnnxEmbedder
from vireid.search import BNSeparation

README = (Path(__file__).parent.parent / "README.md").read_text(encoding="utf-8")
COMMANDS = [line for block in re.findall(r"```bash\n(.*?)```", README, re.DOTALL) for line in block.strip().splitlines()]
BLOCKS = re.findall(r"```python\n(.*?)```", README, re.DOTALL)
LAPTOP = [command for command in COMMANDS if "small/" in command]
FEW = ["--model.derivation.proposers", "[vireid.search.MostProbable]"]  # no cheap scores of fifty points
TINY = [
    "--model.space.init_args.width",
    "8",
    "--trainer.max_epochs",
    "2",
    "--trainer.limit_train_batches",
    "2",
    "--trainer.accelerator",
    "cpu",
]


def words(command: str) -> list[str]:
    return shlex.split(command)[1:]


def test_two_lines_do_all_the_set_up() -> None:
    lines = [command for command in COMMANDS if "venv" in command]
    assert [line.split("/")[-1] for line in lines] == ["vireid demo", "python -m pytest"]
    assert all(line.startswith("python3 -m venv ") and "pip install" in line for line in lines)


def test_every_fit_command_parses(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.chdir(tmp_path)
    commands = [command for command in COMMANDS if command.startswith("vireid fit")]
    assert len(commands) == 6
    for command in commands:
        with pytest.raises(SystemExit) as end:
            main([*words(command), "--print_config"])
        assert end.value.code == 0
        assert "class_path: vireid." in capsys.readouterr().out


@pytest.mark.filterwarnings("ignore:.* test folders under")  # three images per camera: multi-shot galleries take all
def test_laptop_commands_run_on_both_layouts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert len(LAPTOP) == 3
    for layout, config in (("sysu", "data/sysu.yaml"), ("regdb", "data/regdb.yaml")):
        folder = tmp_path / layout
        folder.mkdir()
        monkeypatch.chdir(folder)
        write_dataset("people", layout, identities=56, images=2)
        small = ["--data.identities_per_batch", "4"]
        extra = {
            0: [*TINY, "--model.strategy.warmup_epochs", "1", *small, "--data.heldout_fraction", "0.5", *FEW],
            1: [*TINY, *small],
            2: ["--data.trials", "2"] if layout == "sysu" else [],
        }
        for number, command in enumerate(LAPTOP):
            main([*(word.replace("data/sysu.yaml", config) for word in words(command)), *extra[number]])
        assert (folder / "small/search/genotype.json").exists()
        assert list((folder / "small/child").glob("test-1/metrics.json"))


def test_runs_are_looked_at(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("child", "baseline"):
        write(Path("runs") / name)
    (tmp_path / "runs" / "search").mkdir()
    BNSeparation("resnet10").baselines()["all_shared"].save("runs/search/genotype.json")
    for command in (command for command in COMMANDS if command.startswith("vireid report")):
        main(words(command))
    assert {path.name for path in tmp_path.glob("*.html")} == {"report.html", "side-by-side.html"}
    exec(compile(BLOCKS[0], "README.md", "exec"), {})
    assert Path("cmc.pdf").read_bytes().startswith(b"%PDF")


def test_python_block_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.chdir(tmp_path)
    exec(compile(BLOCKS[1], "README.md", "exec"), {})
    assert "sysu/all/single-shot" in capsys.readouterr().out


@pytest.fixture
def short_path() -> Iterator[Path]:
    """A folder whose name is short, so that a table does not fold the names of files in it."""
    with tempfile.TemporaryDirectory() as folder:
        yield Path(folder)


def test_deployment_runs(short_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.chdir(short_path)
    for folder in ("day", "runs/child/checkpoints"):
        Path(folder).mkdir(parents=True)
    for seed, name in enumerate(("night.jpg", "day/a.jpg", "day/b.jpg", "day/c.jpg")):
        photograph(Path(name), seed, grey=not seed)
    checkpoint(module("all_shared"), Path("runs/child/checkpoints/last.ckpt"), {"height": 48, "width": 24})
    exec(compile(BLOCKS[2], "README.md", "exec"), {})
    ranked = capsys.readouterr().out.strip()
    assert sorted(ranked.strip("[]").split(", ")) == ["'a.jpg'", "'b.jpg'", "'c.jpg'"]
    commands = [command for command in COMMANDS if command.startswith("vireid export")]
    assert len(commands) == 2
    for command in commands:
        main(words(command))
    assert "deployed is what was exported" in capsys.readouterr().out
    runtime = OnnxEmbedder("deployed")
    scores = runtime.embed(sorted(Path("day").iterdir()), "visible") @ runtime.embed("night.jpg", "infrared")[0]
    assert str(["abc"[row] + ".jpg" for row in scores.argsort()[::-1]]) == ranked
    commands = [command for command in COMMANDS if command.startswith("vireid gallery")]
    assert len(commands) == 4
    for command in commands:
        main(words(command))
    told = capsys.readouterr().out
    assert "Added 3 images. people.gallery holds 3 images of 0 people." in told
    assert told.index(ranked[2:7]) < told.index("the file is whole")
    assert "Removed 1 image; no byte of it is left." in told
