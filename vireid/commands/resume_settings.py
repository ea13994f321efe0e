"""Whether a run may go on with other settings than those of its checkpoint. All of it is decided here.

A setting that changes what is trained is refused, and so is every setting of which nothing is known, those of users' classes included.
"""

from __future__ import annotations

import inspect
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal

from pytorch_lightning.callbacks import Timer

from vireid.commands.class_arguments import imported
from vireid.commands.trainer import Trainer
from vireid.data import LLCMDataModule, SYSUDataModule
from vireid.data.modules.base import ReIDDataModule
from vireid.data.modules.loading import BatchDataModule
from vireid.settings.compared import is_object
from vireid.settings.constructors import reachable
from vireid.tasks import ReIDModule, RetrainModule, Retrieval

Decision = Literal["refused", "allowed", "longer", "rounds"]

ALLOWED: Mapping[type, tuple[str, ...]] = {  # arguments of these classes, and of classes that are derived from them
    BatchDataModule: ("root", "image_root", "download", "num_workers", "eval_batch_size"),
    ReIDDataModule: ("cache_images",),
    SYSUDataModule: ("gallery", "trials"),
    LLCMDataModule: ("trials", "swapped"),
    ReIDModule: ("activation_checkpointing",),
    RetrainModule: ("evaluation",),
    Retrieval: ("flip", "reranking", "ranks"),  # not `feature`: the derivation of a search may compare it
    Trainer: (
        *("accelerator", "callbacks", "default_root_dir", "logger", "log_every_n_steps", "profiler", "enable_autolog_hparams"),
        *("enable_checkpointing", "enable_model_summary", "enable_progress_bar", "model_registry"),
        *("check_val_every_n_epoch", "inference_mode", "num_sanity_val_steps", "val_check_interval"),
        *("limit_val_batches", "limit_test_batches", "limit_predict_batches"),
    ),
}
LONGER: Mapping[type, tuple[str, ...]] = {Trainer: ("max_epochs", "max_steps", "max_time")}  # may grow
ROUNDING: Mapping[type, tuple[str, ...]] = {  # may change, and then the last digits do
    ReIDModule: ("compile", "channels_last"),
    Trainer: ("benchmark", "tf32"),
}
OWN = "may_change"  # attribute of a user's class: names of its arguments that may change
SEEDS = ("model.seed", "data.seed")
ABSENT, SHOWN = "(absent)", 60


@dataclass(frozen=True)
class Changed:
    """A setting that may not change, or may only grow, and has changed.

    Attributes:
        name: as on the command line, such as ``model.optimizer.lr``.
        before, after: plain values.
        grew: whether it is a length that is longer now, which is allowed.
        rounds: whether it is allowed, and the last digits change.
    """

    name: str
    before: Any
    after: Any
    grew: bool = False
    rounds: bool = False

    @property
    def refused(self) -> bool:
        """Whether the run may not go on."""
        return not (self.grew or self.rounds)

    def __str__(self) -> str:
        return f"{self.name}: {_shown(self.before)} -> {_shown(self.after)}"


def decide(cls: type | None, argument: str) -> Decision:
    """What becomes of an argument that has another value in a run that goes on.

    Args:
        cls: the class that takes it; ``None`` for one that cannot be found.
        argument: its name.
    """
    for base in cls.__mro__ if cls is not None else ():
        if argument in LONGER.get(base, ()):
            return "longer"
        if argument in ROUNDING.get(base, ()):
            return "rounds"
        if argument in ALLOWED.get(base, ()) or argument in vars(base).get(OWN, ()):
            return "allowed"
    return "refused"


def changes(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[Changed]:
    """Settings that differ, without those that are free to.

    Args:
        before, after: settings of ``model`` and ``data`` as plain values, and arguments of the ``trainer`` by name. Parts that only one
            of the two has are not compared.
    """
    found: dict[str, Changed] = {}
    for part in ("model", "data", "trainer"):
        old, new = before.get(part), after.get(part)
        if isinstance(old, Mapping) and isinstance(new, Mapping):
            pairs = _arguments(Trainer, old, new, part) if part == "trainer" else _differing(old, new, part)
            for one in pairs:
                name = "seed_everything" if one.name in SEEDS else one.name
                found.setdefault(name, replace(one, name=name))
    return list(found.values())


def _differing(before: Any, after: Any, name: str) -> Iterator[Changed]:
    if before == after:
        return
    if is_object(before) and is_object(after) and before["class_path"] == after["class_path"]:
        cls = _class(after["class_path"])
        yield from _arguments(cls, before.get("init_args") or {}, after.get("init_args") or {}, name)
    elif (
        isinstance(before, Mapping)
        and isinstance(after, Mapping)
        and not (is_object(before) or is_object(after) or isinstance(after, _Whole))
    ):
        for key in dict.fromkeys((*after, *before)):
            yield from _differing(before.get(key, ABSENT), after.get(key, ABSENT), _below(name, key))
    elif isinstance(before, list) and isinstance(after, list) and len(before) == len(after) and any(map(is_object, after)):
        for number, (one, other) in enumerate(zip(before, after, strict=True)):
            yield from _differing(one, other, f"{name}[{number}]")
    else:
        yield Changed(name, before, after)


def _arguments(cls: type | None, before: Mapping[str, Any], after: Mapping[str, Any], name: str) -> Iterator[Changed]:
    """Differing arguments of two objects of one class. One that a settings file is too old to have had its default."""
    defaults = _defaults(cls)
    for key in dict.fromkeys((*after, *before)):
        old, new = (values.get(key, defaults.get(key, ABSENT)) for values in (before, after))
        decision = decide(cls, key)
        if key == "genotype" and isinstance(old, Mapping) and isinstance(new, Mapping):
            old, new = _different_choices(old, new, with_space=not before.get("space"))
        if decision == "refused":
            yield from _differing(old, new, _below(name, key))
        elif decision == "rounds" and old != new:
            yield Changed(_below(name, key), old, new, rounds=True)
        elif decision == "longer" and old != new:
            yield Changed(_below(name, key), old, new, _length(new) > _length(old))


def run_settings(trainer: Trainer, given: Mapping[str, Any]) -> dict[str, Any]:
    """Arguments of a Trainer that may not change, as plain values; where Lightning chooses a value, the one that it has chosen.

    Args:
        trainer: the Trainer.
        given: its arguments in the configuration.
    """
    chosen = {
        "devices": trainer.num_devices,
        "num_nodes": trainer.num_nodes,
        "precision": str(trainer.precision),
        "strategy": given["strategy"] if is_object(given.get("strategy")) else type(trainer.strategy).__name__,
        "limit_train_batches": trainer.limit_train_batches,
        "max_epochs": trainer.max_epochs,
        "max_time": None if given.get("max_time") is None else Timer(given["max_time"]).time_remaining(),
    }
    values = {**_defaults(Trainer), **given, **chosen}
    return {name: _plain(value) for name, value in values.items() if decide(Trainer, name) != "allowed"}


def _plain(value: Any) -> Any:
    """A number or a word as it is; anything else as a text, so that a checkpoint names no class to import."""
    return value if value is None or isinstance(value, (bool, int, float, str)) else json.dumps(value, default=str, sort_keys=True)


def _different_choices(before: Mapping[str, Any], after: Mapping[str, Any], with_space: bool) -> list[dict[str, Any]]:
    """What differs of two genotypes as one setting: the choices, and the space unless it is a setting itself. Only results mention more."""
    old, new = (dict(choices) if isinstance(choices := one.get("choices"), Mapping) else {} for one in (before, after))
    same = {name for name in old if name in new and old[name] == new[name]}
    spaces = [{"space": one.get("space")} if with_space else {} for one in (before, after)]
    pairs = zip((old, new), spaces, strict=True)
    return [{"choices": _Whole({name: choice for name, choice in one.items() if name not in same}), **space} for one, space in pairs]


class _Whole(dict[str, Any]):
    """A dictionary that counts as one value."""


def _class(path: Any) -> type | None:
    """A class of this run; it was imported when the run was built."""
    try:
        found = imported(path)
    except ImportError:
        return None
    return found if isinstance(found, type) else None


def _defaults(cls: type | None) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for constructor in reachable(cls) if cls is not None else ():
        for parameter in inspect.signature(constructor).parameters.values():
            if parameter.default is not parameter.empty:
                found.setdefault(parameter.name, parameter.default)
    return found


def _length(value: Any) -> float:
    """Epochs, steps or seconds; none, or a negative number, is no end."""
    return float(value) if isinstance(value, (int, float)) and value >= 0 else float("inf")


def _below(name: str, key: Any) -> str:
    return f"{name}.{str(key).encode('unicode_escape').decode()}"


def _shown(value: Any) -> str:
    text = value["class_path"] if is_object(value) else value
    text = text if isinstance(text, str) else json.dumps(text, default=str)
    text = text if text.isprintable() else text.encode("unicode_escape").decode()
    return text if len(text) <= SHOWN else f"{text[: SHOWN - 3]}..."
