"""OSNet-AIN from search to tested child by commands, on people of one modality and of two."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.commands.runs import results, small
from vireid import Genotype
from vireid.cli import main
from vireid.tasks import read_checkpoint

pytestmark = pytest.mark.filterwarnings("ignore:.*hold fewer than 10 images:UserWarning")  # the trees are meant to be tiny
WIDTH = "--model.space.init_args.width=x0_25"


@pytest.mark.parametrize(("data", "root"), [("market1501", "market_root"), ("sysu", "sysu_root")])
def test_search_retrain_test(data: str, root: str, tmp_path: Path, request: pytest.FixtureRequest) -> None:
    common = ["-c", f"data/{data}.yaml", f"--data.root={request.getfixturevalue(root)}"]
    sizes = ["-c", str(small(tmp_path)), WIDTH]
    search, child = tmp_path / "search", tmp_path / "child"
    shared = "--model.space.init_args.shared_trunk=true"
    main(["fit", *common, "-c", "search/osnet_ain.yaml", *sizes, shared, "--run_dir", str(search)])
    genotype = Genotype.load(search / "genotype.json")
    words = [f"--model.genotype={search / 'genotype.json'}", "--trainer.callbacks.init_args.epochs=1"]
    main(["fit", *common, "-c", "train/osnet_ain.yaml", *sizes, *words, "--run_dir", str(child)])
    saved = read_checkpoint(child / "checkpoints" / "last.ckpt")
    assert saved["vireid"]["model"]["init_args"]["genotype"]["choices"] == genotype.choices
    main(["test", "--ckpt", str(child / "checkpoints" / "last.ckpt"), "--run_dir", str(tmp_path / "test")])
    rows = results(tmp_path / "test")
    assert rows
    assert all(name.startswith(data.removesuffix("1501")) for name in rows)
