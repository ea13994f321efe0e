"""A compiled network learns what the same network learns as it is written, with few graphs, whatever becomes of the compiler."""

from __future__ import annotations

import copy
import errno
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import pytorch_lightning as pl
import torch

from tests.benchmarks.systems import batches
from vireid import RetrainModule, SearchModule, SYSUDataModule
from vireid.errors import SettingsError
from vireid.models import ResNet
from vireid.search import BNSeparation, JointNorm, OSNetAIN
from vireid.tasks import EMA, SGD, LastCheckpoint, ReIDModule, SafeCheckpointIO, TwoLevels
from vireid.tasks.compilation import CompiledNetwork

TRUNK = ResNet("resnet10", width=8)
SPACE = BNSeparation(TRUNK, sites=["layer1.*"])


class Compiler:
    """A compiler that changes nothing, counts its graphs, and can fail.

    Args:
        good: graphs before it fails.
        error: with which it fails.
    """

    def __init__(self, good: int = 99, error: Exception | None = None) -> None:
        self.graphs, self.good, self.error = 0, good, error or OSError(errno.ENOSPC, "No space left on device")

    def __call__(self, graph: torch.fx.GraphModule, inputs: Any) -> Callable[..., Any]:
        if self.graphs == self.good:
            raise self.error
        self.graphs += 1
        return graph.forward


@pytest.fixture
def use(monkeypatch: pytest.MonkeyPatch) -> Callable[[Compiler], Compiler]:
    def set_backend(compiler: Compiler) -> Compiler:
        monkeypatch.setattr(CompiledNetwork, "backend", staticmethod(compiler))
        return compiler

    return set_backend


def child(**others: Any) -> RetrainModule:
    return RetrainModule(12, "random-0", SPACE, None, ema=EMA(0.9, "average"), optimizer=SGD(0.01), **others)


def supernet(space: JointNorm = SPACE, **others: Any) -> SearchModule:
    return SearchModule(12, space, None, optimizer=SGD(0.01), strategy=TwoLevels(warmup_epochs=1), **others)


def fit(module: ReIDModule, root: Path, folder: Path, checkpoint: str | None = None, epochs: int = 2, **data: Any) -> dict[str, Any]:
    """The last checkpoint of a fit with validation after every epoch, of batches of which the last is short."""
    sizes = {"height": 32, "width": 16, "identities_per_batch": 3, "images_per_identity": 2, "num_workers": 0, "eval_batch_size": 4}
    people = SYSUDataModule(root, **{**sizes, "validation": "heldout", "heldout_fraction": 0.2, **data})
    trainer = pl.Trainer(
        max_epochs=epochs,
        limit_train_batches=2,
        accelerator="cpu",
        logger=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        default_root_dir=folder,
        callbacks=[LastCheckpoint(folder / "checkpoints")],
        plugins=[SafeCheckpointIO()],
    )
    trainer.fit(module, datamodule=people, ckpt_path=checkpoint)
    saved: dict[str, Any] = torch.load(folder / "checkpoints/last.ckpt", weights_only=True)
    return saved


def same(first: dict[str, Any], second: dict[str, Any], *parts: str) -> bool:
    assert all(list(first[part]) == list(second[part]) for part in parts)
    return all(torch.equal(value, second[part][name]) for part in parts for name, value in first[part].items())


def test_a_child_has_three_graphs_and_learns_the_same(use: Callable[[Compiler], Compiler], sysu_root: Path, tmp_path: Path) -> None:
    compiler = use(Compiler())
    compiled = fit(child(compile=True), sysu_root, tmp_path / "compiled")
    plain = fit(child(), sysu_root, tmp_path / "plain")
    assert compiler.graphs == 3, "training, and each modality of the validation"
    assert same(compiled, plain, "state_dict", "ema")
    fit(child(compile=True), sysu_root, tmp_path / "half", epochs=1)
    resumed = fit(child(compile=True), sysu_root, tmp_path / "half", str(tmp_path / "half/checkpoints/last.ckpt"))
    assert same(resumed, plain, "state_dict", "ema")


def test_a_search_has_two_graphs(use: Callable[[Compiler], Compiler], sysu_root: Path, tmp_path: Path) -> None:
    compiler = use(Compiler())
    torch.set_warn_always(True)  # torch says some things once in a process
    with warnings.catch_warnings():
        warnings.filterwarnings("error", message="The .grad attribute")
        saved = [fit(supernet(compile=on), sysu_root, tmp_path / str(on), search_split="image")["state_dict"] for on in (False, True)]
    torch.set_warn_always(False)
    assert compiler.graphs == 2, "steps of weights, and steps of logits"
    torch.testing.assert_close(saved[0], saved[1], rtol=1e-3, atol=1e-5)  # kernels of the norms and their expression


def test_a_compiler_that_fails_in_the_middle_costs_nothing(use: Callable[[Compiler], Compiler], sysu_root: Path, tmp_path: Path) -> None:
    use(Compiler(good=2))
    with pytest.warns(UserWarning, match="cannot be compiled: .*No space left on device.* Nothing is lost") as said:
        compiled = fit(child(compile=True), sysu_root, tmp_path / "compiled")
    assert sum("cannot be compiled" in str(one.message) for one in said) == 1
    assert same(compiled, fit(child(), sysu_root, tmp_path / "plain"), "state_dict", "ema")


def test_a_platform_without_a_compiler_is_named_once(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: Any, **__: Any) -> None:
        raise RuntimeError("Python 3.99 not yet supported for torch.compile")

    monkeypatch.setattr(torch, "compile", refuse)
    network = child().network
    compiled, (batch,) = CompiledNetwork(network), batches(1, 4, 2, 32, 16)
    with pytest.warns(UserWarning, match=r"cannot be compiled: Python 3.99 not yet supported for torch.compile\. It goes on as"):
        output = compiled(batch.images, 4)
    assert torch.equal(output.features, network(batch.images, 4).features)
    with torch.no_grad():
        network.eval()
        compiled(batch.images[:4], 4)


def test_any_failure_of_the_first_step_leaves_statistics_as_they_were(monkeypatch: pytest.MonkeyPatch) -> None:
    def half(run: Callable[..., Any], **_: Any) -> Callable[..., Any]:
        def broken(images: torch.Tensor, n_visible: int) -> None:
            run(images, n_visible)
            raise AssertionError("a fault of a compiler")

        return broken

    monkeypatch.setattr(torch, "compile", half)
    network, (batch,) = child().network, batches(1, 4, 2, 32, 16)
    twin = copy.deepcopy(network)
    with pytest.warns(UserWarning, match="a fault of a compiler"):
        CompiledNetwork(network)(batch.images, 4)
    twin(batch.images, 4)
    torch.testing.assert_close(network.state_dict(), twin.state_dict(), rtol=0, atol=0)
    with pytest.raises(ValueError, match="`n_visible` must be 0 to 8"):
        CompiledNetwork(network)(batch.images, 9)


def test_the_mode_is_given_to_torch(monkeypatch: pytest.MonkeyPatch) -> None:
    given: list[Any] = []
    monkeypatch.setattr(torch, "compile", lambda run, **settings: given.append(settings) or run)
    for chosen in (True, "max-autotune-no-cudagraphs"):
        task, (batch,) = child(compile=chosen), batches(1, 4, 2, 32, 16)
        task.running.begin(task.network)
        task(batch)
    assert [(one["mode"], one["fullgraph"], one["dynamic"]) for one in given] == [
        (None, True, False),
        ("max-autotune-no-cudagraphs", True, False),
    ]


def test_only_what_a_step_repeats_is_compiled(use: Callable[[Compiler], Compiler]) -> None:
    compiler, network, (batch,) = use(Compiler()), child().network, batches(1, 4, 2, 32, 16)
    compiled = CompiledNetwork(network)
    for rows in (batch.images, batch.images[:6], batch.images):
        compiled(rows, 4)
    assert compiler.graphs == 1, "the first shape alone"
    with torch.no_grad():  # a recalibration
        compiled(batch.images, 4)
        network.eval()
        compiled(batch.images, 4)
    assert compiler.graphs == 1
    copied = copy.deepcopy(compiled)
    torch.nn.init.zeros_(copied.network.get_parameter("neck.norm.weight"))
    with torch.no_grad():
        assert not copied(batch.images, 0).embeddings.any(), "a copy compiles its own network"


def test_what_cannot_be_one_graph_runs_as_it_is_written(use: Callable[[Compiler], Compiler]) -> None:
    use(Compiler())
    network, (batch,) = child().network, batches(1, 4, 2, 32, 16)
    network.pooling.register_forward_pre_hook(lambda _, inputs: print(end="") if inputs[0].sum().item() > 1e9 else None)
    with pytest.warns(UserWarning, match="cannot be compiled: .*data-dependent"):
        CompiledNetwork(network)(batch.images, 4)


def test_blocks_that_are_drawn_are_refused(sysu_root: Path, tmp_path: Path) -> None:
    module = supernet(OSNetAIN("x0_25"), compile=True)
    with pytest.raises(SettingsError, match="`compile` makes one graph of a step, and this search draws other blocks"):
        fit(module, sysu_root, tmp_path, search_split="image")


@pytest.mark.slow  # a minute for each
@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float32, 1e-5), (torch.float64, 1e-9)], ids=["float32", "float64"])
@pytest.mark.parametrize("kind", ["child", "supernet"])
def test_compiled_losses_are_those_of_the_network_as_it_is_written(kind: str, dtype: torch.dtype, tolerance: float) -> None:
    """Gradients too, in float64: rounding errors of float32 grow on their way through an untrained network."""
    space, given = JointNorm(ResNet("resnet10")), batches(3)
    assert len(space.sites()) <= 12
    module = RetrainModule(5, "random-0", space, None) if kind == "child" else SearchModule(5, space, None)
    mixture = torch.randn(12, 5, generator=torch.Generator().manual_seed(0)).softmax(1).to(dtype).requires_grad_()
    module.to(dtype)
    if isinstance(module, SearchModule):
        module.supernet.set_mixture(mixture, dense=True)
    weights = [*(weight for weight in module.network.parameters() if weight.requires_grad), *([mixture] if kind == "supernet" else [])]
    compiled, start, found = CompiledNetwork(module.network), copy.deepcopy(module.state_dict()), []
    for run in (module.network, compiled):
        module.load_state_dict(start)
        losses = []
        for one in given:
            loss = module.summed_loss(module.losses, run(one.images.to(dtype), one.n_visible), one)[0]
            losses.append(loss.detach())
            gradients = torch.autograd.grad(loss, weights, allow_unused=True, materialize_grads=True)
        found.append((torch.stack(losses), gradients, copy.deepcopy(module.state_dict())))
    assert not compiled.failed
    (losses, gradients, states), (same_losses, same_gradients, same_states) = found
    torch.testing.assert_close(same_losses, losses, rtol=tolerance, atol=tolerance)
    if dtype == torch.float64:
        for one, other in zip(gradients, same_gradients, strict=True):
            torch.testing.assert_close(other, one, rtol=0, atol=tolerance * (1 + float(one.abs().max())))
        torch.testing.assert_close(same_states, states, rtol=tolerance, atol=tolerance)
