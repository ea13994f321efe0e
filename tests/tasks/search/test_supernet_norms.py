"""How candidates live together is a setting of the search, not of its space."""

from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from tests.search.contract import perturb
from tests.tasks.search.test_child_score import data, module_for, state, trainer
from vireid import Genotype, RetrainModule, SearchModule
from vireid.cli import main
from vireid.errors import SettingsError
from vireid.search import BNSeparation, INPlacement, JointNorm, Supernet, SupernetNorms
from vireid.structures import generator_for
from vireid.tasks import OneLevel

SPACE = JointNorm(backbone="resnet10", width=8)
SIZES = {"height": 32, "width": 16, "identities_per_batch": 3, "images_per_identity": 2, "num_workers": 0}


def supernet(affine: Any) -> Supernet:
    torch.manual_seed(0)
    made = SPACE.supernet(norms=SupernetNorms(affine)).double()
    perturb(made)
    return made


def search(root: Path, folder: Path, **arguments: Any) -> tuple[SearchModule, dict[str, torch.Tensor]]:
    """A module after one batch of one level with soft weights, and its state before."""
    datamodule = data(root, validation="none", search_split="none")
    module = module_for(datamodule, strategy=OneLevel(warmup_epochs=0), **arguments)
    before = state(module)
    trainer(folder, limit_train_batches=1).fit(module, datamodule=datamodule)
    return module, before


@pytest.mark.parametrize("space", [BNSeparation("resnet10", width=8), INPlacement("resnet10", width=8), SPACE])
def test_by_default_each_candidate_has_its_own_parameters(space: JointNorm) -> None:
    for choice in space.supernet().choices.values():
        assert (choice.affine, choice.update_skipped, choice.synchronise) == ("per_candidate", False, False)


@pytest.mark.parametrize("affine", ["common", "none"])
@pytest.mark.parametrize("training", [True, False])
def test_the_child_has_an_affine_of_its_own_and_computes_the_same(affine: str, training: bool) -> None:
    made = supernet(affine)
    images = torch.randn(6, 3, 32, 16, generator=generator_for((1,)), dtype=torch.float64)
    for seed in range(3):
        point = SPACE.sample(generator_for((seed,)))
        child = made.derive_child(point).double().train(training)
        made.set_genotype(point)
        torch.testing.assert_close(child(images, 3), made.train(training)(images, 3), rtol=1e-9, atol=1e-9)
        norms = [part for part in child.modules() if isinstance(part, nn.BatchNorm2d | nn.InstanceNorm2d)]
        assert norms
        assert all(norm.affine and norm.weight is not None and norm.bias is not None for norm in norms)


def test_common_parameters_are_trained_and_a_genotype_of_such_a_search_is_a_point_as_any_other(sysu_root: Path, tmp_path: Path) -> None:
    folder = tmp_path / "run"
    words = ["fit", f"--run_dir={folder}", "--trainer.max_epochs=1", "--trainer.limit_train_batches=1", "--trainer.accelerator=cpu"]
    words += ["--data=vireid.SYSUDataModule", f"--data.root={sysu_root}", "--data.search_split=identity"]
    words += [f"--data.{name}={value}" for name, value in SIZES.items()]
    words += [
        "--model=vireid.SearchModule",
        "--model.weights=null",
        "--model.strategy=vireid.tasks.TwoLevels",
        "--model.strategy.warmup_epochs=0",
        "--trainer.enable_progress_bar=false",
    ]
    words += ["--model.space=vireid.search.BNSeparation", "--model.space.backbone=resnet10", "--model.space.width=8"]
    main([*words, "--model.norms=vireid.search.SupernetNorms", "--model.norms.affine=common"])
    module = SearchModule.load_from_checkpoint(folder / "checkpoints" / "last.ckpt")
    assert module.settings()["init_args"]["norms"] == SupernetNorms("common").settings(), "recorded"
    for choice in module.supernet.choices.values():
        assert choice.affine == "common"
        assert not (choice.weight == 1).all(), "moved from where it began"
        assert not list(choice.layers.parameters())
    genotype = Genotype.load(folder / "genotype.json")
    space = BNSeparation("resnet10", width=8)
    space.validate(genotype)
    assert genotype.space == space.settings()
    child = RetrainModule(5, folder / "genotype.json", space, weights=None)
    assert all(norm.affine for norm in child.network.backbone.modules() if isinstance(norm, nn.BatchNorm2d))


def test_skipped_candidates_follow_the_statistics_where_asked(sysu_root: Path, tmp_path: Path) -> None:
    def left_behind(name: str, norms: SupernetNorms) -> int:
        """Candidates whose statistics stayed where they were; the weight step draws one for each site."""
        datamodule = data(sysu_root, validation="none")
        module = module_for(datamodule, norms=norms)
        before = state(module)
        trainer(tmp_path / name, epochs=1, limit_train_batches=1).fit(module, datamodule=datamodule)
        means = {key for key in before if key.endswith("running_mean") and ".layers." in key}
        return sum(torch.equal(before[key], module.state_dict()[key]) for key in means)

    assert left_behind("plain", SupernetNorms("common")) > 0
    assert left_behind("asked", SupernetNorms("common", update_skipped=True)) == 0


def test_one_process_is_in_step_with_itself(sysu_root: Path, tmp_path: Path) -> None:
    plain, _ = search(sysu_root, tmp_path / "plain")
    asked, _ = search(sysu_root, tmp_path / "asked", norms=SupernetNorms(synchronise=True))
    assert all(choice.synchronise for choice in asked.supernet.choices.values())
    for name, value in plain.state_dict().items():
        torch.testing.assert_close(asked.state_dict()[name], value, rtol=1e-4, atol=1e-5, msg=name)


def test_an_unknown_affine_is_refused() -> None:
    with pytest.raises(SettingsError, match="`affine` must be per_candidate, common or none, got"):
        SPACE.supernet(norms=SupernetNorms("shared"))  # type: ignore[arg-type]
