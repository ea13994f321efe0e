"""What a search leaves: its genotype, its course in logs and files, its end."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime, timezone
from typing import Any

from vireid.search import SearchSpace
from vireid.search.derivation import Argmax, Derivation
from vireid.search.provenance import site_provenance
from vireid.structures import Genotype, generator_for
from vireid.tasks.callbacks.stop_when_stable import StableRanking
from vireid.tasks.evaluation.base import Stage
from vireid.tasks.search.child_score import SupernetScore, run_derivation
from vireid.tasks.search.course import log_architecture, stage_counts
from vireid.tasks.search.course_picture import draw_architecture
from vireid.tasks.search.strategies import DERIVATION, SearchSteps
from vireid.version import __version__


class SearchOutcome(SearchSteps):
    """The end of every epoch and of the whole of a :class:`~vireid.tasks.SearchModule`, and the evaluation of its child.

    Attributes:
        derived: what ``derivation`` chose at the end; ``None`` until then.
        stability: for how many architecture epochs the ranking of the candidates has been the same.
    """

    phase = "supernet"
    space: SearchSpace
    derivation: Derivation
    derivation_score: SupernetScore
    derived: Genotype | None
    stability: StableRanking
    stop_when_stable: int | None

    def derive(self) -> Genotype:
        """What ``derivation`` chose after the last epoch; until then the largest logits, ties to the first candidate. With provenance."""
        return self.derived or self._described(self.architecture.choices(), {"settings": Argmax().settings()})

    def _described(self, choices: Mapping[str, str], about: dict[str, Any]) -> Genotype:
        datamodule: Any = getattr(self.trainer, "datamodule", None) if self._trainer is not None else None
        provenance = {
            "vireid": __version__,
            "created": datetime.now(timezone.utc).isoformat(timespec="seconds"),
            "data": datamodule.provenance() if hasattr(datamodule, "provenance") else {},
            "seed": self.seed,
            "epoch": self.current_epoch + 1 if self._trainer is not None else 0,
            "probabilities": self.architecture.table(),
            "entropy": self.architecture.entropy().mean().item(),
            "derivation": about,
            "parent": None,
        }
        genotype = self.space.genotype(choices)
        return Genotype(genotype.space, genotype.choices, {**provenance, **site_provenance(self.space, genotype)})

    def on_train_epoch_end(self) -> None:
        super().on_train_epoch_end()
        schedulers: Any = self.lr_schedulers() or []
        for scheduler in schedulers if isinstance(schedulers, list) else [schedulers]:
            scheduler.step()
        if self.stop_when_stable is not None and self.logits_move:
            self.stability.update(self.architecture.ranking())
            self.trainer.should_stop = self.trainer.should_stop or self._is_stable()  # ranks have the same logits
        self._log_architecture()
        if self._derives_now():
            noise = generator_for((self.seed, self.current_epoch, 0, DERIVATION))
            result, about = run_derivation(self, self.derivation, self.derivation_score, noise)
            self.derived = self._described(result.genotype.choices, about)
        folder = self.results_folder()
        if self.trainer.is_global_zero:
            genotype = self.derive()
            if self.current_epoch >= self.warmup_epochs:
                log_architecture(folder, self.current_epoch, self.architecture, self.temperature, self.space.cost(genotype))
            genotype.save(folder / "genotype.json")

    def on_train_epoch_start(self) -> None:
        self.derived = None  # of a run that now goes on

    def _derives_now(self) -> bool:
        """Whether the last epoch of a real run ends, and there is more to do than to look at the logits."""
        trainer = self.trainer
        if isinstance(self.derivation, Argmax) or getattr(trainer, "fast_dev_run", False):
            return False
        steps_are_over = 0 < trainer.max_steps <= trainer.global_step
        return trainer.should_stop or steps_are_over or self.current_epoch + 1 >= (trainer.max_epochs or 0)

    def on_train_end(self) -> None:
        folder = self.results_folder()
        if self.trainer.is_global_zero:
            draw_architecture(folder)

    def _is_stable(self) -> bool:
        return self.stop_when_stable is not None and self.stability.unchanged >= self.stop_when_stable

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        super().on_save_checkpoint(checkpoint)
        checkpoint["stability"] = self.stability.state_dict()
        checkpoint["derived"] = None if self.derived is None else self.derived.to_dict()

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        if "stability" in checkpoint:
            self.stability.load_state_dict(checkpoint["stability"])
        derived = checkpoint.get("derived")
        self.derived = None if derived is None else Genotype.from_dict(derived, source="the genotype of the checkpoint")

    def _log_architecture(self) -> None:
        architecture = self.architecture
        self.log("search/entropy", architecture.entropy().mean(), prog_bar=True)
        self.log("search/margin", architecture.margin().mean())
        self.log("search/temperature", self.temperature)
        probabilities = architecture.probabilities()
        for row, site in zip(probabilities, architecture.sites, strict=True):
            self.log_dict({f"probability/{site.name}/{candidate}": row[k] for k, candidate in enumerate(site.candidates) if k})
        for (stage, candidate), count in stage_counts(architecture).items():
            self.log(f"count/{stage}/{candidate}", float(count))

    @contextmanager
    def evaluated_network(self) -> Iterator[None]:
        self.supernet.set_genotype(self.derived or self.space.genotype(self.architecture.choices()))
        yield

    def remark(self, stage: Stage) -> str:  # noqa: ARG002 (a hook)
        return "derived child with inherited weights, not retrained"
