"""The weights of a child: those of the supernet, the initial ones, or those after a training of its own."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from functools import cached_property

from torch import Tensor, nn

from vireid.search.derivation import ChildTraining
from vireid.structures import Genotype
from vireid.tasks.callbacks.recalibration import training_length
from vireid.tasks.search.child_training import kept_state, train_child
from vireid.tasks.search.run import SearchRun


class TrainedChild:
    """A child of the supernet, with weights of its own for a while.

    Args:
        run: a search with a Trainer and a vireid data module; its supernet runs the child.

    Attributes:
        steps: number of weight steps so far.
    """

    def __init__(self, run: SearchRun) -> None:
        self.run = run
        self.steps = 0
        self._point: tuple[str, ...] | None = None
        self._initial: ExitStack | None = None
        self._in_series = False

    @property
    def initial_point(self) -> tuple[str, ...] | None:
        """The choices that run now with the initial weights; ``None`` under other weights or a mixture."""
        return None if self._initial is None else self._point

    @cached_property
    def start(self) -> dict[str, Tensor]:
        """State of the network before the first step of the search; it is made once."""
        return self.run.initial_state()

    def take(self, genotype: Genotype) -> None:
        """Run this point from now on."""
        self.run.supernet.set_genotype(genotype)
        self._point = tuple(genotype.choices.values())

    def take_mixture(self, weights: Tensor) -> None:
        """Run the supernet under ``(S, K)`` mixture weights from now on."""
        self.run.supernet.set_mixture(weights.to(self.run.device))
        self._point = None

    @contextmanager
    def series(self) -> Iterator[None]:
        """Inside, initial weights stay in place until a score needs others. Afterwards, weights are as before."""
        self._in_series = True
        try:
            yield
        finally:
            self._in_series = False
            self._leave_initial()

    @contextmanager
    def _at_initial(self) -> Iterator[None]:
        network = self.run.network
        if self._initial is None:
            self._initial = ExitStack()
            self._initial.enter_context(kept_state(network))
            network.load_state_dict(self.start)
        try:
            with in_mode(network, training=False):
                yield
        finally:
            if not self._in_series:
                self._leave_initial()

    def _leave_initial(self) -> None:
        if self._initial is not None:
            self._initial.close()
        self._initial = None

    @contextmanager
    def trained(self, training: ChildTraining | None) -> Iterator[None]:
        """Inside, the child is trained; ``None`` for no training."""
        if training is not None and training.from_start and not training.steps_of(self._whole_training):
            with self._at_initial():
                yield
            return
        self._leave_initial()
        if training is None:
            yield
            return
        network = self.run.network
        with in_mode(network, training=False), kept_state(network):
            if training.from_start:
                network.load_state_dict(self.start)
            steps = training.steps_of(self._whole_training)
            train_child(self.run, steps)
            self.steps += steps
            yield

    @cached_property
    def _whole_training(self) -> int:
        return training_length(self.run.trainer)  # makes a loader: once, and not for every child


@contextmanager
def in_mode(network: nn.Module, training: bool) -> Iterator[None]:
    """Inside, the network is in training or evaluation mode. Afterwards every module has its earlier mode again."""
    modes = [(part, part.training) for part in network.modules()]
    network.train(training)
    try:
        yield
    finally:
        for part, mode in modes:
            part.training = mode
