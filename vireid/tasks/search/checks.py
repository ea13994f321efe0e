"""What a search refuses before it starts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from vireid.errors import SettingsError
from vireid.search import ArchitectureParameters, Relaxation
from vireid.tasks.optimisation.optimisers import OptimizerSettings
from vireid.tasks.recipes import cm_nas_search_optimizer
from vireid.tasks.search.unrolled import check_unrolled

if TYPE_CHECKING:
    from vireid.tasks.search.module import SearchModule

NEEDS_BOTH = "A search needs rows for both steps: set `data.init_args.search_split` to `identity` or `image`."


def check_one_level(**arguments: Any) -> None:
    """Refuse arguments of the second level where there is one; ``None`` and ``False`` are not given."""
    for name, value in arguments.items():
        if value is not None and value is not False:
            raise SettingsError(
                f"`{name}` does not apply to `level: one`, where weights and logits step together by `losses` under "
                "`architecture_relaxation`. Leave it out, or set `level` to `two`."
            )


def check_learns(relaxation: Relaxation, **arguments: Any) -> None:
    """Refuse arguments that act on logits when the logits never move."""
    for name, value in arguments.items():
        if value and not relaxation.learns:
            raise SettingsError(f"`{name}` has nothing to act on: under {type(relaxation).__name__} the logits never move. Leave it out.")


def check_weight_relaxation(weights: Relaxation, architecture: Relaxation) -> None:
    """Refuse a weight step that draws by logits which never move."""
    if not architecture.learns and weights.settings() != architecture.settings():
        raise SettingsError(
            f"`weight_relaxation` is {type(weights).__name__}, but under the `architecture_relaxation` {type(architecture).__name__} the "
            "logits that it would draw by never move. Leave it out, or choose an `architecture_relaxation` that learns."
        )


def check_costs(costs: Tensor, architecture: ArchitectureParameters, kind: str) -> None:
    """Refuse a price that is the same whatever is chosen."""
    allowed = architecture.expand(architecture.allowed)
    dearest = costs.masked_fill(~allowed, -torch.inf).amax(dim=-1)
    cheapest = costs.masked_fill(~allowed, torch.inf).amin(dim=-1)
    if torch.equal(dearest, cheapest):
        raise SettingsError(
            f"`cost_weight` without a cost: at every site all candidates have the same `{kind}`, so the penalty could change nothing. "
            "Set `cost` to another kind, or `cost_weight` to 0."
        )


def check_run(module: SearchModule) -> None:
    """Refuse a Trainer and data that do not fit the search."""
    trainer = module.trainer
    epochs = trainer.max_epochs or 0
    split = getattr(getattr(trainer, "datamodule", None), "search_split", "")
    if module.needs_both and split == "none":
        raise SettingsError(NEEDS_BOTH)
    if module.architecture_losses is not None and split == "identity":
        named = [loss.name for loss in module.architecture_losses.losses if loss.needs_classes]
        if named:
            raise SettingsError(
                f"`architecture_losses` has {', '.join(map(str, named))}, which needs classes, but with `search_split: identity` the "
                "architecture rows show people without one. Take it out, or set `data.init_args.search_split` to `image`."
            )
    if epochs <= module.warmup_epochs and module.derivation.uses_probabilities:
        raise SettingsError(
            f"`trainer.max_epochs` is {epochs}, which leaves no architecture step after "
            f"{module.warmup_epochs} epochs of warm-up. Raise it, or lower `model.init_args.warmup_epochs`; or choose a "
            "`model.init_args.derivation` that needs none: RandomSearch, Evolution or MainEffects."
        )
    _check_precision(module)
    if module.unrolled and (trainer.world_size > 1 or trainer.precision == "16-mixed"):
        raise SettingsError("`unrolled` works on one device and not in `16-mixed`: set `trainer.devices` to 1, or `unrolled` to false.")
    if not getattr(trainer, "fast_dev_run", False):
        check_schedule("optimizer", module.optimizer, epochs)
        check_schedule("architecture_optimizer", module.architecture_optimizer, epochs)


def check_unrolled_settings(optimizer: OptimizerSettings, relaxation: Relaxation) -> None:
    """Refuse a second order without the step that it looks ahead to, or without logits that move."""
    check_learns(relaxation, unrolled=True)
    check_unrolled(optimizer.create([{"params": [torch.nn.Parameter(torch.zeros(1))], "lr": optimizer.lr}]))


def check_schedule(name: str, optimizer: OptimizerSettings, epochs: int) -> None:
    """Refuse a schedule that a run is too short for; that of the default optimiser may be cut short.

    Args:
        name: argument of the task.
        optimizer: its value.
        epochs: length of the run.

    Raises:
        SettingsError: part of the schedule would never be reached.
    """
    schedule, default = optimizer.schedule, cm_nas_search_optimizer().schedule
    if schedule is None or default is None or schedule.length <= epochs or schedule.settings() == default.settings():
        return
    raise SettingsError(
        f"`model.init_args.{name}.init_args.schedule` ({type(schedule).__name__}) takes {schedule.length} epochs to its last milestone or "
        f"end, but `trainer.max_epochs` is {epochs}, so that part would never be reached. Shorten the schedule, raise "
        "`trainer.max_epochs`, or leave the optimiser out for the default, whose schedule may be cut short."
    )


def _check_precision(module: SearchModule) -> None:
    if module.trainer.precision != "16-mixed":
        return
    if module.accumulate_grad_batches > 1:
        raise SettingsError(
            "`accumulate_grad_batches` above 1 and `16-mixed` do not go together in a search: its two optimisers share one loss scale, "
            "which may change between the batches that are added up. Use `bf16-mixed`, or accumulate nothing."
        )
    if module.level == "one":
        raise SettingsError(
            "`level: one` and `16-mixed` do not go together: one backward pass serves two optimisers, whose shared loss scale may change "
            "between their steps. Use `bf16-mixed`, or `level: two`."
        )
