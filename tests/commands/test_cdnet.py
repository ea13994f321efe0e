"""CDNet by command: search, training of what it found, test; on people of one modality and of two."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.commands.runs import results, small
from vireid.cli import main
from vireid.structures import Genotype
from vireid.tasks import read_checkpoint

NARROW = ["--model.space.init_args.operations=cnet_3", "--model.space.init_args.planes=[8,16,16,16]"]


@pytest.mark.parametrize(("data", "root"), [("market1501", "market_root"), ("sysu", "sysu_root")])
@pytest.mark.filterwarnings("ignore:.*hold fewer than 10 images:UserWarning")  # the trees are meant to be tiny
def test_search_train_test(data: str, root: str, request: pytest.FixtureRequest, tmp_path: Path) -> None:
    common = ["-c", f"data/{data}.yaml", f"--data.root={request.getfixturevalue(root)}"]
    sizes = ["-c", str(small(tmp_path)), *NARROW]
    search, child = tmp_path / "search", tmp_path / "child"
    shorter = "--model.architecture_schedule.init_args.milestones=[1]"
    main(["fit", *common, "-c", "search/cdnet.yaml", *sizes, shorter, "--run_dir", str(search)])
    genotype = Genotype.load(search / "genotype.json")
    assert set(genotype.choices) == {"cells.0", "cells.1", "cells.3", "cells.4", "cells.6", "cells.7"}
    main(["fit", *common, "-c", "train/cdnet.yaml", *sizes, f"--model.genotype={search / 'genotype.json'}", "--run_dir", str(child)])
    saved = read_checkpoint(child / "checkpoints" / "last.ckpt")
    assert saved["vireid"]["model"]["init_args"]["genotype"]["choices"] == genotype.choices
    assert (
        saved["state_dict"]["network.neck.local_classifier.bias"].shape == saved["state_dict"]["network.neck.global_classifier.bias"].shape
    )
    main(["test", "--ckpt", str(child / "checkpoints" / "last.ckpt"), "--run_dir", str(tmp_path / "test")])
    rows = results(tmp_path / "test")
    assert rows
    assert all(name.startswith(data.removesuffix("1501")) for name in rows)
