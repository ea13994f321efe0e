"""Time of separate batch norms and of the collapsed mixture relative to plain ones; ``pytest -n 0 tests/benchmarks/test_norm_speed.py -s``.

Every ratio is the median of paired ratios: within a round the variants run one after the other in the same process. On a CPU
they are CPU times of one thread, so that other programs do not count. Forward and backward of 16 visible and 16 infrared rows.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Iterator, Mapping

import pytest
import torch
from pytest_benchmark.fixture import BenchmarkFixture
from torch import Tensor, nn

from tests.benchmarks.conftest import Ratio
from tests.nn.norm.reference import naive_mixture
from vireid.losses import LossInputs, LossSum
from vireid.models import ReIDNetwork
from vireid.nn import CANDIDATES, NormChoice, SeparateBatchNorm2d
from vireid.search import BNSeparation, JointNorm
from vireid.tasks import Adam
from vireid.tasks.recipes import cm_nas_losses

ROWS, N, ROUNDS, CLASSES = 32, 16, 12, 395
SHAPES = [(64, 64, 32), (64, 32, 16), (256, 32, 16), (512, 16, 8), (2048, 8, 4)]  # of a ResNet-50 at 128 x 64
FORMATS = {"contiguous": torch.contiguous_format, "channels_last": torch.channels_last}


class SplitAndConcatenate(nn.Module):
    """The usual way."""

    def __init__(self, layer: SeparateBatchNorm2d) -> None:
        super().__init__()
        self.visible, self.infrared = layer.visible, layer.infrared

    def forward(self, x: Tensor) -> Tensor:
        return torch.cat((self.visible(x[:N]), self.infrared(x[N:])))


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    torch._dynamo.reset()
    yield
    torch.set_num_threads(threads)


def now() -> float:
    """CPU time of the process, or wall time when a GPU works."""
    if not torch.cuda.is_available():
        return time.process_time()
    torch.cuda.synchronize()
    return time.perf_counter()


def paired_ratios(steps: Mapping[str, Callable[[], object]], rounds: int = ROUNDS) -> dict[str, float]:
    """Median over rounds of time divided by that of the first step; two rounds of warm-up."""
    times: dict[str, list[float]] = {name: [] for name in steps}
    for _ in range(rounds + 2):
        for name, step in steps.items():
            start = now()
            step()
            times[name].append(now() - start)
    first = next(iter(times.values()))
    return {name: statistics.median(t / base for t, base in zip(times[name][2:], first[2:], strict=True)) for name in times}


def layer_steps(channels: int, height: int, width: int, layout: torch.memory_format, compiled: bool) -> dict[str, Callable[[], object]]:
    """Forward and backward of one layer."""
    device = "cuda" if torch.cuda.is_available() else "cpu"
    x = torch.randn(ROWS, channels, height, width, device=device).contiguous(memory_format=layout).requires_grad_()
    grad = torch.randn_like(x)
    bn = nn.BatchNorm2d(channels, device=device)
    separate, choice = SeparateBatchNorm2d.from_batch_norm(bn), NormChoice(bn)
    separate.n_visible = choice.n_visible = N
    choice.set_mixture(torch.full((2,), 0.5, device=device, requires_grad=True))
    modules = {"plain": bn, "separate": separate, "split": SplitAndConcatenate(separate), "mixture": choice}

    def step(module: Callable[[Tensor], Tensor], parameters: list[nn.Parameter]) -> Callable[[], object]:
        return lambda: torch.autograd.grad(module(x), [x, *parameters], grad)

    runs = {name: torch.compile(module, fullgraph=True) if compiled else module for name, module in modules.items()}
    return {name: step(runs[name], list(module.parameters())) for name, module in modules.items()}


def network_steps(layout: torch.memory_format, compiled: bool) -> dict[str, Callable[[], object]]:
    """Forward and backward of a whole ResNet-50."""
    device = "cuda" if torch.cuda.is_available() else "cpu"
    space = BNSeparation("resnet50")
    points = space.baselines()
    nets: dict[str, nn.Module] = {"plain": space.materialise(points["all_shared"]), "separate": space.materialise(points["all_separate"])}
    split = space.materialise(points["all_separate"])
    for name, module in list(split.trunk.named_modules()):
        if isinstance(module, SeparateBatchNorm2d):
            split.trunk.set_submodule(name, SplitAndConcatenate(module))
    supernet = space.supernet()
    nets |= {"split": split, "mixture": supernet}
    images = torch.randn(ROWS, 3, 128, 64, device=device).contiguous(memory_format=layout)
    logits = torch.zeros(len(space.sites()), 2, device=device, requires_grad=True)

    def step(name: str, net: nn.Module, run: Callable[[Tensor, int], Tensor]) -> Callable[[], object]:
        def once() -> None:
            if name == "mixture":
                supernet.set_mixture(logits.softmax(1))
            run(images, N).square().mean().backward()
            net.zero_grad(set_to_none=True)

        return once

    steps = {}
    for name, net in nets.items():
        net.to(device=device, memory_format=layout)  # type: ignore[call-overload]
        steps[name] = step(name, net, torch.compile(net, fullgraph=True) if compiled else net)
    return steps


def report(
    benchmark: BenchmarkFixture, label: str, steps: Mapping[str, Callable[[], object]], rounds: int = ROUNDS, timed: str = "separate"
) -> dict[str, float]:
    """Ratios, printed and kept with the benchmark, which itself times the variant ``timed``."""
    ratios = paired_ratios(steps, rounds)
    benchmark.extra_info.update(ratios)
    benchmark.pedantic(steps[timed], rounds=2)
    print(f"\n{label}: " + ", ".join(f"{name} {ratio:.2f}" for name, ratio in ratios.items()))
    return ratios


@pytest.mark.parametrize("compiled", [False, True], ids=["eager", "compiled"])
@pytest.mark.parametrize("layout", FORMATS)
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_layer(benchmark: BenchmarkFixture, shape: tuple[int, int, int], layout: str, compiled: bool) -> None:
    """Goal for the separate layer: 1.10 of one plain layer."""
    ratios = report(benchmark, f"layer {shape} {layout}", layer_steps(*shape, FORMATS[layout], compiled), rounds=30)
    assert compiled or ratios["separate"] < ratios["split"]  # a compiler gets the same expression for both


@pytest.mark.parametrize("layout", FORMATS)
def test_network(benchmark: BenchmarkFixture, layout: str, ratio: Ratio) -> None:
    """Goals: 1.05 for the separated child, 1.15 for the supernet."""
    ratios = report(benchmark, f"ResNet-50 {layout}", network_steps(FORMATS[layout], compiled=False))
    ratio(f"step: separated ResNet-50 / plain, {layout}", ratios["separate"], 1.05)
    ratio(f"search step: BN mixture of ResNet-50 / plain, {layout}", ratios["mixture"], 1.15)


class NaiveMixture(nn.Module):
    """Every candidate by its own layer, then the weighted sum: what a supernet without the collapsed form costs."""

    def __init__(self, choice: NormChoice) -> None:
        super().__init__()
        self.layers = choice.layers
        self.weights = torch.full((len(self.layers),), 1 / len(self.layers))

    def forward(self, x: Tensor) -> Tensor:
        return naive_mixture(self.layers, x, N, self.weights)


def joint_networks(layout: torch.memory_format) -> dict[str, nn.Module]:
    """A plain ResNet-50, and supernets of all five candidates at every site, each with its own affine, none with weight 0."""
    space = JointNorm(backbone="resnet50")
    plain, joint, naive = space.materialise(space.baselines()["all_shared"]), space.supernet(), space.supernet()
    joint.set_mixture(torch.full((len(space.sites()), len(CANDIDATES)), 1 / len(CANDIDATES)))
    for name, choice in list(naive.choices.items()):
        naive.trunk.set_submodule(name, NaiveMixture(choice))
    return {name: net.to(memory_format=layout) for name, net in (("plain", plain), ("joint", joint), ("naive", naive))}  # type: ignore[call-overload]


def saved_bytes(run: Callable[[], object], parameters: set[int]) -> int:
    """Bytes of the different storages that the graph of ``run`` holds, parameters aside."""
    held: dict[int, Tensor] = {}

    def pack(tensor: Tensor) -> Tensor:
        if tensor.untyped_storage().data_ptr() not in parameters:
            held[tensor.untyped_storage().data_ptr()] = tensor  # kept, so that no address is used twice
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
        kept = run()
    del kept
    return sum(tensor.untyped_storage().nbytes() for tensor in held.values())


def training_parts(net: nn.Module, images: Tensor) -> tuple[Callable[[], Tensor], torch.optim.Optimizer]:
    """The loss of a batch and the optimiser, both as a search has them by default: neck, classifier, four losses, Adam."""
    network, losses = ReIDNetwork(net, CLASSES), LossSum(cm_nas_losses())  # type: ignore[arg-type]
    network.to(memory_format=torch.channels_last if images.is_contiguous(memory_format=torch.channels_last) else torch.contiguous_format)
    labels = torch.arange(N // 4).repeat_interleave(4).repeat(2)

    def loss() -> Tensor:
        output = network(images, N)
        return losses(LossInputs(output.features, output.embeddings, output.logits, labels, N, 4))[0]

    return loss, Adam().build({"network": network.parameters()})


@pytest.mark.parametrize("layout", FORMATS)
def test_joint_search_step(benchmark: BenchmarkFixture, layout: str, ratio: Ratio) -> None:
    """Goals of a weight step with the soft mixture of five candidates: 1.15 of a plain step's time, 1.20 of its saved activations.

    Whole steps: forward of network, neck and classifier, four losses, backward, optimiser.
    """
    images = torch.randn(ROWS, 3, 128, 64).contiguous(memory_format=FORMATS[layout])
    nets = joint_networks(FORMATS[layout])
    parts = {name: training_parts(net, images) for name, net in nets.items()}

    def step(name: str) -> Callable[[], object]:
        loss, optimizer = parts[name]

        def once() -> None:
            loss().backward()  # type: ignore[no-untyped-call]
            optimizer.step()
            optimizer.zero_grad(set_to_none=True)

        return once

    ratios = report(benchmark, f"joint search, ResNet-50 {layout}", {name: step(name) for name in nets}, timed="joint")
    parameters = {tensor.untyped_storage().data_ptr() for _, optimizer in parts.values() for tensor in optimizer.param_groups[0]["params"]}
    saved = {name: saved_bytes(loss, parameters) / ROWS / 2**20 for name, (loss, _) in parts.items()}
    print(
        "saved activations, MiB per image: " + ", ".join(f"{name} {size:.1f} ({size / saved['plain']:.3f})" for name, size in saved.items())
    )
    ratio(f"search step: joint mixture of ResNet-50 / plain, {layout}", ratios["joint"], 1.15)
    ratio(f"search step: saved activations of the joint mixture / plain, {layout}", saved["joint"] / saved["plain"], 1.20)


@pytest.mark.slow  # compiles four networks: several minutes
@pytest.mark.parametrize("layout", FORMATS)
def test_compiled_network(benchmark: BenchmarkFixture, layout: str) -> None:
    """The same under torch.compile."""
    ratios = report(benchmark, f"compiled ResNet-50 {layout}", network_steps(FORMATS[layout], compiled=True))
    assert ratios["separate"] < 1.10
