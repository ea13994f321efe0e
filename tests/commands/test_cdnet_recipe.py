"""The commands of the recipe page: search, a look at the genotype, training and test, on generated people of both layouts, much smaller."""

from __future__ import annotations

import json
import re
import shlex
from pathlib import Path

import pytest

from tests.commands.runs import results, run
from vireid import Genotype
from vireid.commands.configs import packaged_configs
from vireid.data.synthetic import write_dataset

SECTION = re.search(r"^## CDNet$(.*?)^## ", (packaged_configs() / "README.md").read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE)
MARKET = "data/Market-1501-v15.09.15"
TINY = ["--trainer.max_epochs=2", "--trainer.limit_train_batches=2", "--trainer.accelerator=cpu"]
SMALL = [*TINY, "--data.identities_per_batch=3", "--data.height=32", "--data.width=16", "--data.num_workers=0"]
NARROW = ["--model.space.init_args.operations=cnet_3", "--model.space.init_args.planes=[8,16,16,16]"]


def blocks() -> list[list[str]]:
    assert SECTION is not None
    return [block.strip().splitlines() for block in re.findall(r"```bash\n(.*?)```", SECTION[1], re.DOTALL)]


@pytest.mark.parametrize("layout", ["market", "sysu"])
@pytest.mark.filterwarnings("ignore:.*(hold fewer than|test folders under)")  # the trees are meant to be small
def test_search_show_train_test(layout: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.chdir(tmp_path)
    root = {"market": MARKET, "sysu": "data/SYSU-MM01"}[layout]
    write_dataset(root, layout, identities=8, test_identities=4, images=2, height=64, width=32)
    search, show, train, test = blocks()[0]
    extra = {search: [*SMALL, *NARROW, "--model.strategy.architecture_optimizer.schedule.milestones=[1]"], train: [*SMALL, *NARROW]}
    for command in (search, show, train, test):
        here = command if layout == "market" else command.replace(MARKET, root).replace("market1501", "sysu")
        done = run(capsys, *shlex.split(here)[1:], *extra.get(command, []))
        assert done.code == 0, done.err
        if command == show:
            assert "6 sites: " in done.out
    child = next((tmp_path / "runs/cdnet").glob("test-*"))
    assert all(name.startswith(layout) for name in results(child))


def test_genotypes_are_converted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.chdir(tmp_path)
    layers = [[3, 7, 1], [5, 9, 2], [3, 5, 2], [7, 9, 1], [5, 7, 1], [3, 9, 2]]
    Path("best_genotype.json").write_text(json.dumps({"layers": layers}))
    there, back = [command for block in blocks() for command in block if "genotype convert" in command]
    assert run(capsys, *shlex.split(there)[1:]).code == 0
    assert next(iter(Genotype.load("genotype.json").choices.values())) == "3x7-1"
    Path("best_genotype.json").unlink()
    assert run(capsys, *shlex.split(back)[1:]).code == 0
    assert json.loads(Path("best_genotype.json").read_text()) == {"layers": layers}
