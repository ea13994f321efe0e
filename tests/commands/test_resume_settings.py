"""Every setting is decided when a run goes on: refused, free to change, or free to grow."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from tests.arguments.test_arguments import arguments, public_classes
from tests.commands.resume_table import arguments_by_owner, deciding_classes, decisions, table
from vireid.commands.resume_settings import ABSENT, Changed, changes, decide, run_settings
from vireid.commands.resuming import check_resumed
from vireid.commands.trainer import Trainer
from vireid.data import PairedFolderDataModule
from vireid.errors import SettingsError
from vireid.losses import CrossEntropy
from vireid.search import BNSeparation
from vireid.settings import Recorded, class_path, settings_of
from vireid.structures import Genotype
from vireid.tasks import (
    SGD,
    Adam,
    Entropy,
    Fixed,
    Geometric,
    LinearWarmup,
    OneLevel,
    RetrainModule,
    Schedule,
    SearchModule,
    Stepped,
    TwoLevels,
    Untrained,
    WarmupCosine,
    WarmupMultiStep,
)
from vireid.tasks.run_length import over_the_run

README = Path(__file__).parents[2] / "configs" / "README.md"
MAY_CHANGE = """
    root image_root download num_workers eval_batch_size cache_images gallery trials swapped ranks activation_checkpointing
    accelerator callbacks logger log_every_n_steps profiler default_root_dir enable_autolog_hparams model_registry
    enable_checkpointing enable_model_summary enable_progress_bar
    check_val_every_n_epoch inference_mode num_sanity_val_steps val_check_interval limit_val_batches limit_test_batches
    limit_predict_batches
"""  # names that mean the same wherever they stand
ROUNDS = "compile channels_last benchmark tf32"
MAY_GROW = "max_epochs max_steps max_time"
SPACE = BNSeparation("resnet10", width=8)
ALL = [(cls, name) for cls in deciding_classes() for _, names in arguments_by_owner(cls) for name in sorted(names)]
RECORDED = [cls for cls in public_classes().values() if issubclass(cls, Recorded)]
NESTED = [(cls, name) for cls in RECORDED for _, names in arguments(cls) for name in sorted(names)]


class Mine(SGD):
    """An optimiser of a user."""

    def __init__(self, mood: str = "calm", tempo: int = 1, **shared: Any) -> None:
        super().__init__(**shared)
        self.mood, self.tempo = mood, tempo


class Open(Mine):
    """One that says which of its arguments may change."""

    may_change = ("tempo",)


class Falling(Schedule):
    """A schedule of a user that goes over the whole run."""

    def __init__(self, epochs: int = 0) -> None:
        self.epochs = epochs

    def __call__(self, epoch: int) -> float:
        return 1 - epoch / self.epochs

    def over(self, epochs: int) -> Schedule:
        return Falling(epochs)


class MyTwoLevels(TwoLevels):
    """A strategy of a user."""


def settings(cls: type, **values: Any) -> dict[str, Any]:
    return {"class_path": class_path(cls), "init_args": values}


def names(part: str, before: Any, after: Any) -> list[str]:
    return [change.name for change in changes({part: before}, {part: after})]


def retrain(**others: Any) -> RetrainModule:
    return RetrainModule(**{"num_classes": 3, "genotype": "all_separate", "space": SPACE, "weights": None, **others})


def search(strategy: Any = None, **others: Any) -> SearchModule:
    return SearchModule(3, SPACE, None, optimizer=SGD(0.1), strategy=strategy, **others)


@pytest.mark.parametrize(("cls", "name"), ALL, ids=[f"{cls.__name__}.{name}" for cls, name in ALL])
def test_every_argument_of_tasks_data_and_trainer_is_decided(cls: type, name: str) -> None:
    retrained = issubclass(cls, RetrainModule) and name == "evaluation"
    evaluated = cls.__name__ == "Retrieval" and name in ("flip", "reranking")
    free = name in MAY_CHANGE.split() or retrained or evaluated
    named = {"longer": MAY_GROW, "rounds": ROUNDS}
    expected = "allowed" if free else next((decision for decision, words in named.items() if name in words.split()), "refused")
    assert decide(cls, name) == expected
    part = "trainer" if cls is Trainer else "model"
    before, after = ({name: 1}, {name: 2}) if cls is Trainer else (settings(cls, **{name: 1}), settings(cls, **{name: 2}))
    seed = "seed_everything" if name == "seed" and part == "model" else f"{part}.{name}"
    assert names(part, before, after) == ([] if expected == "allowed" else [seed])
    if not free:
        (change,) = changes({part: before}, {part: after})
        assert (change.grew, change.rounds, change.refused) == tuple(expected == word for word in ("longer", "rounds", "refused"))


@pytest.mark.parametrize(("cls", "name"), NESTED, ids=[f"{cls.__name__}.{name}" for cls, name in NESTED])
def test_arguments_of_every_class_inside_are_refused_unless_they_are_decided(cls: type, name: str) -> None:
    before, after = (settings(RetrainModule, head=settings(cls, **{name: value})) for value in (1, 2))
    assert names("model", before, after) == ([] if decide(cls, name) == "allowed" else [f"model.head.{name}"])


def test_the_table_of_the_recipes_is_that_of_the_program() -> None:
    assert f"{table()}\n" in README.read_text(encoding="utf-8")
    assert {SearchModule, PairedFolderDataModule, Trainer} <= set(decisions())
    assert decisions()[Trainer]["precision"] == "refused"


def test_settings_of_a_class_of_a_user_are_refused_unless_it_says_so() -> None:
    for cls, expected in ((Mine, ["model.optimizer.mood", "model.optimizer.tempo"]), (Open, ["model.optimizer.mood"])):
        before, after = (
            settings(RetrainModule, optimizer=settings(cls, mood=mood, tempo=tempo, lr=0.1)) for mood, tempo in (("a", 1), ("b", 2))
        )
        assert names("model", before, after) == expected


class Elsewhere(PairedFolderDataModule):
    """Data of a user with arguments of its base."""

    def __init__(self, num_workers: int = 3, shade: float = 0.0, **shared: Any) -> None:
        super().__init__(num_workers=num_workers, **shared)
        self.shade = shade


def test_a_data_module_of_a_user_may_move_but_not_change() -> None:
    before = settings(Elsewhere, num_workers=3, shade=0.0, root="a", cache_images=False, height=8)
    after = settings(Elsewhere, num_workers=1, shade=0.5, root="b", cache_images=True, height=9)
    assert names("data", before, after) == ["data.shade", "data.height"]


def test_the_seed_of_model_and_data_is_one_setting() -> None:
    before, after = ({"model": settings(RetrainModule, seed=n), "data": settings(PairedFolderDataModule, seed=n)} for n in (0, 3))
    assert list(map(str, changes(before, after))) == ["seed_everything: 0 -> 3"]


def test_settings_inside_lists_and_dictionaries_are_named() -> None:
    first, factors = CrossEntropy(name="first"), {"trunk": 0.1}
    before = retrain(losses=[first, CrossEntropy()], optimizer=SGD(0.1, lr_factors=factors)).settings()
    smoothed = CrossEntropy(label_smoothing=0.1)
    after = retrain(losses=[first, smoothed], optimizer=SGD(0.1, lr_factors={"neck": 0.1})).settings()
    assert list(map(str, changes({"model": before}, {"model": after}))) == [
        "model.losses[1].label_smoothing: 0.0 -> 0.1",
        "model.optimizer.lr_factors.neck: (absent) -> 0.1",
        "model.optimizer.lr_factors.trunk: 0.1 -> (absent)",
    ]
    assert names("model", before, retrain(losses=[first]).settings())[0] == "model.losses"


def test_another_class_is_named_alone() -> None:
    before, after = (retrain(optimizer=optimizer).settings() for optimizer in (SGD(0.1), Adam(0.2)))
    assert list(map(str, changes({"model": before}, {"model": after}))) == ["model.optimizer: vireid.tasks.SGD -> vireid.tasks.Adam"]
    assert names("model", before, settings(SearchModule)) == ["model"]


def test_a_genotype_is_compared_without_its_provenance() -> None:
    genotype = SPACE.baseline("all_separate")
    newer = Genotype(genotype.space, genotype.choices, {"created": "today"})
    other = Genotype(genotype.space, {**genotype.choices, "bn1": "shared_bn"}, {})
    before, same, after = (retrain(genotype=one.to_dict()).settings() for one in (genotype, newer, other))
    assert names("model", before, same) == []
    told = 'model.genotype.choices: {"bn1": "separate_bn"} -> {"bn1": "shared_bn"}'
    assert list(map(str, changes({"model": before}, {"model": after}))) == [told]


def test_the_space_of_a_genotype_is_named_once() -> None:
    wide = BNSeparation("resnet10", width=16)
    before, after = retrain().settings(), retrain(space=wide).settings()
    assert names("model", before, after) == ["model.space.backbone.width"]
    before, after = (retrain(space=None, genotype=space.baseline("all_separate").to_dict()).settings() for space in (SPACE, wide))
    assert names("model", before, after) == ["model.genotype.space.backbone.width"]


def test_an_argument_that_the_checkpoint_is_too_old_to_have_had_its_default() -> None:
    before, same, other = settings(SGD, lr=0.1), settings(SGD, lr=0.1, momentum=0.9), settings(SGD, lr=0.1, momentum=0.5)
    assert SGD(0.1).momentum == 0.9
    assert names("model", before, same) == []
    assert names("model", before, other) == ["model.momentum"]
    assert list(map(str, changes({"model": {**before, "init_args": {"lr": 0.1, "gone": 2}}}, {"model": same}))) == [
        f"model.gone: 2 -> {ABSENT}"
    ]


@pytest.mark.parametrize(
    ("name", "before", "after", "grew"),
    [
        ("max_epochs", 2, 3, True),
        ("max_epochs", 3, 2, False),
        ("max_epochs", 3, -1, True),
        ("max_epochs", -1, 3, False),
        ("max_steps", 10, -1, True),
        ("max_steps", -1, 10, False),
        ("max_time", 60.0, None, True),
        ("max_time", None, 60.0, False),
        ("max_epochs", "1", 3, False),
    ],
)
def test_a_run_may_only_grow(name: str, before: Any, after: Any, grew: bool) -> None:
    assert [change.grew for change in changes({"trainer": {name: before}}, {"trainer": {name: after}})] == [grew]


def test_what_lightning_chooses_is_what_is_compared() -> None:
    def said(**given: Any) -> dict[str, Any]:
        return run_settings(Trainer(accelerator="cpu", logger=False, enable_checkpointing=False, **given), given)

    plain = said()
    assert plain == said(devices=1, precision="32-true", strategy="auto", limit_train_batches=1.0) == said(precision=32)
    assert not {"accelerator", "logger", "callbacks"} & set(plain)
    assert json.loads(json.dumps(plain)) == plain
    assert names("trainer", plain, said(max_time="00:00:01:00")) == ["trainer.max_time"]
    assert said(max_time={"minutes": 1})["max_time"] == said(max_time="00:00:01:00")["max_time"] == 60.0
    assert names("trainer", plain, said(precision="bf16-mixed", limit_train_batches=2)) == [
        "trainer.limit_train_batches",
        "trainer.precision",
    ]
    assert names("trainer", plain, said(devices=2)) == ["trainer.strategy", "trainer.devices"]
    assert names("trainer", plain, said(accumulate_grad_batches=2, gradient_clip_val=1.0, deterministic=True)) == [
        "trainer.accumulate_grad_batches",
        "trainer.gradient_clip_val",
        "trainer.deterministic",
    ]


def test_a_class_in_the_trainer_is_recorded_as_a_text() -> None:
    strategy = {"class_path": "pytorch_lightning.strategies.DDPStrategy", "init_args": {"find_unused_parameters": True}}
    recorded = run_settings(Trainer(accelerator="cpu", logger=False), {"strategy": strategy, "plugins": [strategy]})
    assert isinstance(recorded["strategy"], str)
    assert "find_unused_parameters" in recorded["strategy"]
    assert isinstance(recorded["plugins"], str)


def checked(before: Any, trainer: dict[str, Any], task: Any, data: Any, epoch: int = 0) -> list[str]:
    return check_resumed("old run/last.ckpt", {"vireid": before, "epoch": epoch}, task, data, trainer)


@pytest.fixture
def data(folder_root: Path) -> PairedFolderDataModule:
    return PairedFolderDataModule(folder_root)


def test_a_refusal_names_every_change_and_the_way_out_in_six_lines(data: PairedFolderDataModule) -> None:
    before = {"model": retrain(optimizer=SGD(0.2)).settings(), "data": settings_of(data), "trainer": {"precision": "32-true"}}
    with pytest.raises(SettingsError) as one:
        checked(before, {"precision": "32-true"}, retrain(optimizer=SGD(0.1)), data)
    assert "\n  model.optimizer.lr: 0.2 -> 0.1\n" in str(one.value)
    assert "--model.weights 'old run/last.ckpt' --run_dir NEW_FOLDER" in str(one.value)
    before["data"] = {
        **before["data"],
        "init_args": {**before["data"]["init_args"], "height": 1, "width": 2, "sampling": "x" * 200, "seed": 4},
    }
    with pytest.raises(SettingsError) as many:
        checked(before, {"precision": "bf16-mixed"}, retrain(optimizer=SGD(0.1)), data)
    for text in (str(one.value), str(many.value)):
        assert text.count("\n") <= 5
    for name in ("model.optimizer.lr", "data.height", "data.width", "data.sampling", "seed_everything", "trainer.precision"):
        assert re.search(rf"{name}: \S+ -> \S+", str(many.value)), name


def test_options_that_round_otherwise_may_change_and_a_warning_says_so(data: PairedFolderDataModule) -> None:
    before = {"model": retrain().settings(), "data": settings_of(data), "trainer": {"benchmark": None}}
    warned = checked(before, {"benchmark": True}, retrain(compile=True), data)
    assert [text.partition(": the last digits")[0] for text in warned] == [
        "model.compile: false -> true",
        "trainer.benchmark: null -> true",
    ]


def test_kernels_that_the_machine_chooses_are_named_when_a_run_goes_on(data: PairedFolderDataModule) -> None:
    trainer = {"benchmark": True, "tf32": True}
    task = retrain(compile=True)
    (told,) = checked({"model": task.settings(), "data": settings_of(data), "trainer": trainer}, trainer, task, data)
    assert told.startswith("`model.compile` and `trainer.benchmark` and `trainer.tf32`: the machine chooses kernels")


def test_what_a_file_says_is_shown_without_control_characters(data: PairedFolderDataModule) -> None:
    model = retrain().settings()
    model["init_args"] = {**model["init_args"], "a\x1b[2J": "\x1b]0;x\x07", "optimizer": {"class_path": "\x9b2J", "init_args": {}}}
    with pytest.raises(SettingsError) as found:
        checked({"model": model, "data": settings_of(data), "trainer": {}}, {}, retrain(), data)
    assert str(found.value).replace("\n", "").isprintable()


def test_what_a_checkpoint_does_not_tell_is_said(data: PairedFolderDataModule) -> None:
    before = {"model": retrain().settings(), "data": None}
    assert checked(before, {"precision": "x"}, retrain(), data) == [
        "'old run/last.ckpt' does not tell the settings of its data and trainer: they are not compared."
    ]


@pytest.mark.parametrize(
    ("schedule", "begun", "found"),
    [
        (None, 2, []),
        (WarmupMultiStep((1,), warmup_epochs=0), 2, []),
        (WarmupCosine(4), 2, []),
        (WarmupCosine(), 2, ["model.optimizer.schedule (WarmupCosine)"]),
        (WarmupCosine(warmup_epochs=1), 1, []),
        (LinearWarmup(WarmupCosine(), 1), 2, ["model.optimizer.schedule (LinearWarmup)"]),
        (Falling(), 2, ["model.optimizer.schedule (Falling)"]),
    ],
    ids=["none", "steps", "own_length", "over_the_run", "begun_in_warmup", "in_warmup", "own"],
)
def test_schedules_over_the_run_are_found(schedule: Any, begun: int, found: list[str]) -> None:
    assert over_the_run(retrain(optimizer=SGD(0.1, schedule=schedule)), 2, 3, begun) == found


@pytest.mark.parametrize(
    ("strategy", "found"),
    [
        (TwoLevels(warmup_epochs=0, temperature=Fixed()), []),
        (TwoLevels(warmup_epochs=0, temperature=Stepped()), []),
        (TwoLevels(warmup_epochs=0), ["model.strategy.temperature (Geometric)"]),
        (TwoLevels(warmup_epochs=2), []),
        (OneLevel(warmup_epochs=0, temperature=Geometric(1.0, 1.0)), []),
        (TwoLevels(warmup_epochs=0, temperature=Fixed(), penalties=[Entropy(1.0)]), ["model.strategy.penalties (Entropy)"]),
        (
            TwoLevels(warmup_epochs=0, temperature=Fixed(), architecture_optimizer=SGD(0.1, schedule=WarmupCosine())),
            ["model.strategy.architecture_optimizer.schedule (WarmupCosine)"],
        ),
        (MyTwoLevels(warmup_epochs=0, temperature=Fixed()), ["model.strategy (MyTwoLevels)"]),
        (Untrained(), []),
    ],
    ids=range(9),
)
def test_temperatures_and_penalties_over_the_run_are_found(strategy: Any, found: list[str]) -> None:
    assert over_the_run(search(strategy), 2, 4, 2) == found


def test_more_epochs_are_warned_of_where_they_change_those_before(data: PairedFolderDataModule) -> None:
    task, before, after = retrain(optimizer=SGD(0.1, schedule=WarmupCosine())), {"max_epochs": 2}, {"max_epochs": 3}
    section = {"model": task.settings(), "data": settings_of(data), "trainer": before}
    warnings = checked(section, after, task, data, epoch=1)
    assert warnings == [
        "trainer.max_epochs: 2 -> 3: model.optimizer.schedule (WarmupCosine) goes over the whole run, so that this run equals no "
        "uninterrupted one."
    ]
    assert checked(section, after, task, data, epoch=0) == []
    assert Changed("a", 1, 2, True).grew
