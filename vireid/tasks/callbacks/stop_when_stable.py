"""The end of a search whose order of candidates no longer changes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pytorch_lightning as pl

from vireid.errors import SettingsError
from vireid.settings import Recorded
from vireid.tasks.progress import epoch_is_over
from vireid.tasks.search.module import SearchModule


class StableRanking:
    """Counts for how many epochs in a row a ranking has stayed as it was.

    Example:
        >>> stability = StableRanking()
        >>> [stability.update({"a": ["x", "y"]}), stability.update({"a": ["x", "y"]}), stability.update({"a": ["y", "x"]})]
        [0, 1, 0]

    Reference:
        The stopping rule of DARTS+ (Liang et al., 2019), arXiv 1909.06035.
    """

    def __init__(self) -> None:
        self.ranking: dict[str, list[str]] | None = None
        self.unchanged = 0

    def update(self, ranking: Mapping[str, Sequence[str]]) -> int:
        """Take in the ranking after one more epoch; the number of epochs since it last changed."""
        now = {name: list(order) for name, order in ranking.items()}
        self.unchanged = self.unchanged + 1 if now == self.ranking else 0
        self.ranking = now
        return self.unchanged

    def state_dict(self) -> dict[str, Any]:
        """Plain values for a checkpoint."""
        return {"ranking": self.ranking, "unchanged": self.unchanged}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on from :meth:`state_dict`."""
        self.ranking, self.unchanged = state["ranking"], int(state["unchanged"])


class StopWhenStable(Recorded, pl.Callback):
    """Ends a search when the order of the candidates has stayed the same everywhere for some epochs with architecture steps.

    In a configuration::

        trainer:
          callbacks:
            - class_path: vireid.tasks.StopWhenStable
              init_args: {epochs: 10}

    Args:
        epochs: number of epochs with architecture steps, at least 1.

    Raises:
        SettingsError: fewer epochs, or a task whose logits never move.

    Reference:
        The stopping rule of DARTS+ (Liang et al., 2019), arXiv 1909.06035.
    """

    def __init__(self, epochs: int = 10) -> None:
        if epochs < 1:
            raise SettingsError(f"`epochs` of StopWhenStable must be at least 1, got {epochs}.")
        self.epochs = epochs
        self.stability = StableRanking()

    def setup(self, trainer: pl.Trainer, pl_module: pl.LightningModule, stage: str) -> None:  # noqa: ARG002 (interface)
        """Start the count anew. The state of a checkpoint is loaded after this."""
        self.stability = StableRanking()

    def on_fit_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        if not isinstance(pl_module, SearchModule) or pl_module.strategy.logits_optimizer() is None:
            raise SettingsError(
                "StopWhenStable has nothing to look at: it needs a search whose logits move, such as vireid.SearchModule with the "
                "strategy vireid.tasks.TwoLevels. Take it out of `trainer.callbacks`."
            )
        if self._is_stable():  # a resumed run that had ended
            trainer.should_stop = True

    def on_train_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Look at the logits; every rank has the same. Called before the module derives its genotype."""
        assert isinstance(pl_module, SearchModule)
        if pl_module.strategy.moves_logits(pl_module) and epoch_is_over(trainer):
            self.stability.update(pl_module.architecture.ranking())
            trainer.should_stop = trainer.should_stop or self._is_stable()

    def state_dict(self) -> dict[str, Any]:
        """The count goes on after a resume."""
        return self.stability.state_dict()

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        self.stability.load_state_dict(state_dict)

    def _is_stable(self) -> bool:
        return self.stability.unchanged >= self.epochs
