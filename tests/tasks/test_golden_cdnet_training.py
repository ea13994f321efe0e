"""Two training steps of the published CDNet with its two branches, by the whole task; heads and what searches refuse."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from pathlib import Path

import pytest
import pytorch_lightning as pl
import torch
from torch import Tensor
from torch.utils.data import DataLoader

from tests.golden.cdnet import entry, error, golden, tensor
from vireid.errors import SettingsError
from vireid.losses import BatchHardTriplet, CrossEntropy
from vireid.models import BalanceHead, BNNeckHead, BranchNetwork, FineGrainedHead, ReIDNetwork, StandardHead
from vireid.models.published.cdnet import cdnet_name
from vireid.search import BNSeparation, CombinedDepth, Softmax, TopK
from vireid.structures import Batch
from vireid.tasks import SGD, Adam, OptimizerSettings, RetrainModule, SearchModule, TorchOptimizer, Unrolled

DATA = golden("train_step")
PLANES = tuple(DATA["planes"].tolist())


class Recording(RetrainModule):
    """Keeps losses of every step, and the norms of the first gradients."""

    def on_fit_start(self) -> None:
        super().on_fit_start()
        self.seen: list[dict[str, Tensor]] = []
        self.norms: dict[str, float] = {}

    def training_step(self, batch: Batch, batch_idx: int) -> Tensor:
        loss = super().training_step(batch, batch_idx)
        self.seen.append({"loss": loss.detach(), **self.logged})
        return loss

    def log_means(self, values: Mapping[str, Tensor], batch: Batch) -> None:
        self.logged = dict(values)
        super().log_means(values, batch)

    def on_before_optimizer_step(self, optimizer: torch.optim.Optimizer) -> None:
        if not self.norms:
            self.norms = {cdnet_name(n): float(p.grad.norm()) for n, p in self.network.named_parameters() if p.grad is not None}


def trained(path: Path) -> Recording:
    space = CombinedDepth("cdnet", planes=PLANES)
    names = ["x".join(map(str, layer[:2])) + f"-{layer[2]}" for layer in DATA["layers"].tolist()]
    module = Recording(
        4,
        space.from_names(names).to_dict(),
        None,
        None,
        [CrossEntropy(), BatchHardTriplet()],
        optimizer=SGD(float(DATA["lr"]), float(DATA["momentum"]), False, float(DATA["weight_decay"])),
        head=FineGrainedHead((int(DATA["fc_dim"]),), dropout=0.0),
    ).double()
    state = module.network.state_dict()
    module.network.load_state_dict({n: entry(cdnet_name(n), v.shape, int(DATA["seed"])) for n, v in state.items()})
    trainer = pl.Trainer(
        default_root_dir=path,
        max_epochs=2,
        accelerator="cpu",
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
    )
    labels = tensor(DATA["labels"])
    zeros = torch.zeros_like(labels)
    batch = Batch(tensor(DATA["img"]), labels, labels, zeros + 1, zeros, torch.arange(8), 8, (0,), 4)
    trainer.fit(module, DataLoader([batch], batch_size=None))  # type: ignore[arg-type]
    return module


def test_two_steps(tmp_path: Path) -> None:
    module = trained(tmp_path)
    for step, seen in enumerate(module.seen):
        tolerance = 1e-5 if step else 1e-7
        assert error(seen["loss"], DATA[f"step{step}/loss"]) < tolerance
        for term, name in (("train/ce", "ce"), ("train/batch_hard", "triplet")):
            both = DATA[f"step{step}/{name}0"] + DATA[f"step{step}/{name}1"]
            assert error(seen[term], both) < tolerance
    norms = [module.norms[name] for name in DATA["param_names"].tolist()]
    assert error(torch.tensor(norms, dtype=torch.float64), DATA["grad_norms"]) < 1e-7
    embedding = module.network.eval().embed(tensor(DATA["img"]), 8)
    assert error(embedding, DATA["eval_embedding_after_2_steps"]) < 1e-5


def test_a_checkpoint_rebuilds_the_head(tmp_path: Path) -> None:
    module = trained(tmp_path)
    module.trainer.save_checkpoint(tmp_path / "last.ckpt")
    again = Recording.load_from_checkpoint(tmp_path / "last.ckpt").eval()
    assert isinstance(again.network, BranchNetwork)
    images = tensor(DATA["img"]).float()
    assert torch.equal(again.network.embed(images, 8), module.float().network.eval().embed(images, 8))


def test_heads_of_one_branch_fit_any_trunk() -> None:
    backbone = BNSeparation("resnet10", width=8).supernet()
    for head in (BalanceHead((16,)), StandardHead()):
        assert head.build(backbone, 5).eval()(torch.randn(2, 3, 32, 16), 1).logits.shape == (2, 5)
    with pytest.raises(SettingsError, match=r"FineGrainedHead needs a trunk with maps of two depths.*ResNetTrunk has one"):
        FineGrainedHead().build(backbone, 5)


def test_without_a_head_it_is_the_batch_norm_neck() -> None:
    module = RetrainModule(4, "all_3x5", CombinedDepth("cnet", planes=(8, 16, 16, 16)), None)
    assert isinstance(module.head, BNNeckHead)
    assert isinstance(module.network, ReIDNetwork)


DAMPED = partial(torch.optim.SGD, momentum=0.9, dampening=0.5)


@pytest.mark.parametrize("optimizer", [Adam(), SGD(nesterov=True), TorchOptimizer(DAMPED)], ids=lambda optimizer: type(optimizer).__name__)
def test_second_order_needs_plain_sgd(optimizer: OptimizerSettings) -> None:
    space = CombinedDepth("cnet_3", planes=(8, 16), stages=(1,))
    with pytest.raises(SettingsError, match=r"Unrolled needs `optimizer` to be vireid.tasks.SGD with `nesterov: false`"):
        SearchModule(4, space, None, optimizer=optimizer, strategy=Unrolled())


def test_second_order_works_on_one_device(tmp_path: Path) -> None:
    module = SearchModule(
        4,
        CombinedDepth("cnet_3", planes=(8, 16), stages=(1,)),
        None,
        optimizer=SGD(nesterov=False),
        strategy=Unrolled(TopK(), relaxation=Softmax(), warmup_epochs=0),
    )
    trainer = pl.Trainer(default_root_dir=tmp_path, max_epochs=1, accelerator="cpu", logger=False, precision="bf16-mixed")
    trainer._accelerator_connector.precision_plugin.precision = "16-mixed"  # type: ignore[assignment]
    with pytest.raises(SettingsError, match="Unrolled works on one device and not in `16-mixed`"):
        trainer.fit(module, DataLoader([0], batch_size=None))  # type: ignore[arg-type, list-item]
