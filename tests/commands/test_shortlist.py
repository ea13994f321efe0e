"""``search/shortlist.yaml`` by commands: from a folder without a network to a retrained child."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from vireid import Genotype, RetrainModule
from vireid.cli import main

TINY = {
    "model": {
        "init_args": {
            "space": {"class_path": "vireid.search.BNSeparation", "init_args": {"backbone": "resnet10", "width": 8, "tie": "stage"}},
            "weights": None,
            "derivation": {
                "class_path": "vireid.search.Confirm",
                "init_args": {
                    "proposers": [
                        {
                            "class_path": "vireid.search.ZeroCost",
                            "init_args": {
                                "scores": [
                                    {
                                        "class_path": "vireid.search.SoftAPScore",
                                        "init_args": {"batches": 1, "training": {"class_path": "vireid.search.InitialWeights"}},
                                    }
                                ]
                            },
                        }
                    ],
                    "recalibration_batches": 1,
                },
            },
        }
    },
    "data": {
        "init_args": {
            **{"identities": 24, "test_identities": 4, "images": 1, "image_height": 32, "image_width": 16, "heldout_fraction": 0.4},
            **{"height": 32, "width": 16, "identities_per_batch": 4, "images_per_identity": 2, "num_workers": 0},
        }
    },
    "trainer": {"max_epochs": 4, "limit_train_batches": 2, "accelerator": "cpu", "enable_progress_bar": False},
}


@pytest.mark.filterwarnings("ignore:.*hold fewer than 10 images:UserWarning")
def test_a_shortlist_is_confirmed_and_its_answer_retrained(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    tiny, run = tmp_path / "tiny.yaml", tmp_path / "run"
    tiny.write_text(yaml.safe_dump(TINY))
    data = ["-c", "data/synthetic.yaml", f"--data.root={tmp_path / 'people'}"]
    main(["fit", *data, "-c", "search/shortlist.yaml", "-c", str(tiny), "--run_dir", str(run)])
    said = capsys.readouterr().out
    assert "Shortlist: mAP on held-out people after forks" in said
    assert "genotype.json, shortlist.csv" in said
    genotype = Genotype.load(run / "genotype.json")
    about = genotype.provenance["derivation"]
    assert about["price"]["forks"]["0.25"] == 3
    assert about["settings"]["class_path"] == "vireid.search.Confirm"
    retrained = tmp_path / "child"
    small = {"data": TINY["data"], "trainer": {**TINY["trainer"], "max_epochs": 1}}  # type: ignore[dict-item]
    tiny.write_text(yaml.safe_dump(small))
    words = ["-c", "train/cm_nas.yaml", "-c", str(tiny), "--model.weights", "null", "--model.genotype", str(run / "genotype.json")]
    main(["fit", *data, *words, "--run_dir", str(retrained)])
    module = RetrainModule.load_from_checkpoint(retrained / "checkpoints" / "last.ckpt")
    assert module.genotype.choices == genotype.choices
