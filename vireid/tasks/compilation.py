"""A network whose forward pass is compiled, one graph for each kind of batch."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from types import FunctionType
from typing import Any, ClassVar, Literal

import torch
from torch import Tensor, nn

from vireid.models import NetworkOutput
from vireid.nn import Choice

CompileMode = Literal["max-autotune-no-cudagraphs"]
Run = Callable[[Tensor, int], NetworkOutput]
SHOWN = 200  # letters of a compiler's message


class CompiledNetwork:
    """A network that is called as it always is, but whose forward and backward pass are compiled where this pays.

    Each kind of batch has one graph, for the first shape that it comes in: a batch that is trained on, one that the gradient of an
    architecture needs too, and visible and infrared images of an evaluation. Everything else runs as it is written: the last, shorter batch
    of an evaluation, a supernet that is evaluated, a network that gathers running statistics.

    Where there is no compiler, or where it fails in the middle of a run, a warning says so, and what is not compiled yet runs as it is
    written. A graph is whole, and compiled before it runs. So a failure costs nothing.

    Args:
        network: to compile; neither it nor its state is changed.
        mode: of ``torch.compile``; ``None`` for its default.
    """

    backend: ClassVar[str | Callable[..., Any]] = "inductor"

    def __init__(self, network: nn.Module, mode: CompileMode | None = None) -> None:
        self.network, self.mode = network, mode
        self.choices = [module for module in network.modules() if isinstance(module, Choice)]
        self.failed = False
        self._compiled: dict[str, tuple[object, Run]] = {}

    def __call__(self, images: Tensor, n_visible: int) -> NetworkOutput:
        """The network's output."""
        kind, shape = self._kind(images, n_visible), (images.shape, images.dtype, n_visible)
        first = kind is not None and kind not in self._compiled and not self.failed
        if first:
            self._compiled[str(kind)] = (shape, self._compile())
        known, run = self._compiled.get(str(kind), (None, self._plain))
        if known != shape:
            return self._plain(images, n_visible)
        before = [(buffer, buffer.clone()) for buffer in self.network.buffers()] if first else []
        expected = (Exception,) if first else _failures()  # a compiler may fail by any
        try:
            with _backward_too(), _quietly() if first else nullcontext():
                return run(images, n_visible)
        except expected as error:
            del self._compiled[str(kind)]
            for buffer, value in before:
                buffer.copy_(value)
            output = self._plain(images, n_visible)  # or what the network itself has to say
            self._fail(error)
            return output

    def __getstate__(self) -> dict[str, Any]:
        """Copies and pickles, which are of other networks, compile anew."""
        return {**self.__dict__, "_compiled": {}}

    def _plain(self, images: Tensor, n_visible: int) -> NetworkOutput:
        output: NetworkOutput = self.network(images, n_visible)
        return output

    def _kind(self, images: Tensor, n_visible: int) -> str | None:
        """What a batch is for; ``None`` if it is not worth a graph."""
        if self.network.training != torch.is_grad_enabled():
            return None
        if self.network.training:
            return "weights and logits" if any(choice.weights.requires_grad for choice in self.choices) else "weights"
        return None if self.choices else {0: "infrared", len(images): "visible"}.get(n_visible)

    def _compile(self) -> Run:
        network = self.network

        def run(images: Tensor, n_visible: int) -> NetworkOutput:
            output: NetworkOutput = network(images, n_visible)
            return output

        own = FunctionType(run.__code__.replace(), run.__globals__, closure=run.__closure__)  # torch counts graphs by the code they are of
        try:
            return torch.compile(own, backend=self.backend, mode=self.mode, fullgraph=True, dynamic=False)
        except RuntimeError as error:  # Python or the platform is not supported
            self._fail(error)
            return self._plain

    def _fail(self, error: Exception) -> None:
        if self.failed:
            return
        self.failed = True
        warnings.warn(
            f"The network cannot be compiled: {_said(error)} It goes on as it is written, which is slower. Nothing is lost, but the last "
            "digits differ from those of compiled steps. Leave `model.compile` out for runs that are equal bit by bit.",
            stacklevel=2,
        )


def _failures() -> tuple[type[Exception], ...]:
    from torch._dynamo import exc

    limits = ("FailOnRecompileLimitHit", "FailOnCacheLimitHit")  # the second of old versions
    return exc.TorchDynamoException, *(getattr(exc, name) for name in limits if hasattr(exc, name))


def _backward_too() -> AbstractContextManager[object]:
    """Inside, the backward pass is compiled with the forward pass, before either runs. torch would wait until a step is half done."""
    from torch._functorch import config

    name = "force_non_lazy_backward_lowering"  # which old versions do not have
    return config.patch({name: True}) if hasattr(config, name) else nullcontext()


@contextmanager
def _quietly() -> Iterator[None]:
    """Inside, torch does not warn of what its own compiler looks at: gradients of mixtures, which are no leaves."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="The .grad attribute of a Tensor that is not a leaf")
        yield


def _said(error: Exception) -> str:
    """The beginning of a compiler's message, as one sentence."""
    text = " ".join(str(error).partition("Set TORCHDYNAMO_VERBOSE")[0].split()) or type(error).__name__
    return f"{text[:SHOWN].rstrip('. ')}{'...' if len(text) > SHOWN else '.'}"
