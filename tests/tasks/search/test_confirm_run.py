"""Confirmation in a real search: forks, soft average precision, files, death and resume."""

from __future__ import annotations

import csv
import json
import math
import re
import warnings
from pathlib import Path
from typing import Any

import pytest
import torch
import torch.nn.functional as F

from tests.tasks.search.test_child_score import naive_child, state, trainer
from vireid import Genotype, SearchModule, SyntheticDataModule
from vireid.cli import main
from vireid.data import FlipShiftAugmentation
from vireid.nn import frozen_statistics
from vireid.results import score
from vireid.results.files import FORKS_FILE
from vireid.search import (
    BNSeparation,
    Confirm,
    Fork,
    HeldoutAPScore,
    InitialWeights,
    ModalityGap,
    RetrievalScore,
    ShortTraining,
    SoftAPScore,
    ZeroCost,
)
from vireid.structures import Modality, Record, generator_for
from vireid.tasks import SGD, LastCheckpoint, SafeCheckpointIO, TwoLevels, Untrained
from vireid.tasks.callbacks.recalibration import training_batches
from vireid.tasks.search import child_training
from vireid.tasks.search.child_score import InheritedScore
from vireid.tasks.search.fork_memory import ForkMemory
from vireid.tasks.search.heldout_rows import heldout_rows
from vireid.tasks.search.scored_child import SupernetChild

SIZES: dict[str, Any] = {"height": 32, "width": 16, "identities_per_batch": 4, "images_per_identity": 2, "num_workers": 0}
FORK = RetrievalScore(recalibration_batches=1, training=Fork(0.25))
PEOPLE: dict[str, Any] = {"identities": 24, "test_identities": 4, "images": 1, "image_height": 32, "image_width": 16}


@pytest.fixture(scope="module")
def people(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("people") / "drawn"
    data(root).prepare_data()
    return root


def data(root: Path) -> SyntheticDataModule:
    held = {"search_split": "identity", "validation": "heldout", "heldout_fraction": 0.4}
    return SyntheticDataModule(root=root, augmentation=FlipShiftAugmentation(padding=1), **PEOPLE, **SIZES, **held)


def search(root: Path, folder: Path, seed: int = 0, **fit: Any) -> SearchModule:
    """A confirmation alone: a training has 8 steps, forks have 1 and 2."""
    datamodule = data(root)
    space = BNSeparation("resnet10", width=8, tie="stage")
    begin = InitialWeights()
    cheap = [SoftAPScore(batches=1, training=begin), RetrievalScore(recalibration_batches=1, training=begin)]
    derivation = Confirm([ZeroCost(cheap)], recalibration_batches=1)
    module = SearchModule(datamodule.num_classes, space, None, optimizer=SGD(0.05), strategy=Untrained(), derivation=derivation, seed=seed)
    runner = trainer(folder, epochs=4, callbacks=[LastCheckpoint(folder)], enable_checkpointing=True, plugins=[SafeCheckpointIO()])
    with warnings.catch_warnings():
        warnings.filterwarnings("error", message="Detected call of `lr_scheduler.step")  # no weight is stepped, so no rate is
        runner.fit(module, datamodule=datamodule, **fit)
    return module


@pytest.fixture(scope="module")
def confirmed(people: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[SearchModule, Path]:
    folder = tmp_path_factory.mktemp("confirmed")
    return search(people, folder), folder


def test_no_weight_moves_and_the_answer_is_the_best_fork(confirmed: tuple[SearchModule, Path]) -> None:
    module, _ = confirmed
    assert all(torch.equal(value, module.network.state_dict()[name]) for name, value in module.initial_state().items())
    about = module.derive().provenance["derivation"]
    final = {tuple(row["choices"].values()): row["forks"]["0.25"]["mAP"] for row in about["shortlist"] if "0.25" in row["forks"]}
    assert len(final) == 3
    assert max(final, key=lambda point: final[point]) == tuple(module.derive().choices.values())
    assert about["price"]["trainings"] == pytest.approx(0.125 * len(about["shortlist"]) + 0.75)


def test_the_cost_is_that_of_the_steps_and_images(confirmed: tuple[SearchModule, Path]) -> None:
    module, _ = confirmed
    about = module.derive().provenance["derivation"]
    points, people, rows_per_step = len(about["shortlist"]), 8 * 6, 2 * 4 * 2
    cost = about["trainings"]
    assert cost["search"] == 0
    assert cost["forks"] == about["price"]["trainings"] == (points * 1 + 3 * 2) / 8, "forks of one and two steps of eight"
    cheap = 32 * rows_per_step + 32 * (rows_per_step + people) + 2 * 4 * rows_per_step  # soft AP; mAP and recalibration; gaps of two points
    forked = (points + 3) * (rows_per_step + people)
    assert cost["scores"] == pytest.approx(0.3 * (cheap + forked) / (8 * rows_per_step))
    assert cost["total"] == pytest.approx(cost["forks"] + cost["scores"])


def test_a_fork_is_the_beginning_of_a_training_of_its_own(confirmed: tuple[SearchModule, Path]) -> None:
    module, _ = confirmed
    row = next(row for row in module.derive().provenance["derivation"]["shortlist"] if row["chosen"])
    same = RetrievalScore(recalibration_batches=1, training=ShortTraining(2, from_start=True))
    found = InheritedScore(module, same).measured(module.space.genotype(row["choices"]))
    assert found.value == row["forks"]["0.25"]["mAP"], "a quarter of eight steps"
    assert found.error == row["forks"]["0.25"]["error"]


def test_the_map_of_people_is_the_mean_of_their_queries(confirmed: tuple[SearchModule, Path]) -> None:
    module, _ = confirmed
    genotype = module.space.baselines()["all_separate"]
    found = InheritedScore(module, RetrievalScore(recalibration_batches=2)).measured(genotype)
    centred = InheritedScore(module, RetrievalScore(centred=True, recalibration_batches=2)).measured(genotype)
    before = state(module)
    child, datamodule = naive_child(module, genotype, 2), module.trainer.datamodule
    with torch.no_grad():
        batches = [datamodule.on_after_batch_transfer(images, 0) for images in datamodule.val_dataloader()[0]]
        rows = torch.cat([child(batch.images, batch.n_visible).embeddings for batch in batches])
    module.load_state_dict(before)
    evaluation = datamodule.evaluation("validate")
    queries = score(evaluation, rows)[0].per_query[0]
    by_person = [queries.ap[queries.pids == pid].mean() for pid in sorted({*queries.pids.tolist()})]
    assert found.people == pytest.approx(by_person, abs=1e-6)
    visible = torch.tensor([int(record.modality) == 0 for record in evaluation.records])
    unit = F.normalize(rows)
    shifted = torch.where(visible[:, None], unit - unit[visible].mean(0), unit - unit[~visible].mean(0))
    assert centred.value == pytest.approx(score(evaluation, shifted)[0].mean["mAP"], abs=1e-6)


@pytest.mark.parametrize("on", ["features", "embeddings"])
def test_soft_average_precision_is_that_of_the_materialised_child(confirmed: tuple[SearchModule, Path], on: Any) -> None:
    module, _ = confirmed
    genotype = module.space.sample(generator_for((5,)))
    found = InheritedScore(module, SoftAPScore(on, batches=3, temperature=0.05)).measured(genotype)
    before = state(module)
    child = naive_child(module, genotype, 1).train()
    values: dict[int, list[float]] = {}
    for pair in training_batches(module.trainer, 3):
        rows = pair.architecture
        with torch.no_grad(), frozen_statistics(child):
            output = child(module.trainer.datamodule.augmentation.normalise(rows.images), rows.n_visible)
        unit = F.normalize(getattr(output, on))
        visible, infrared = range(rows.n_visible), range(rows.n_visible, len(rows))
        for queries, gallery in ((visible, infrared), (infrared, visible)):
            for query in queries:
                close = {row: float(unit[query] @ unit[row]) for row in gallery}
                same = [row for row in gallery if rows.pids[row] == rows.pids[query]]

                def rank(row: int, among: Any, close: dict[int, float] = close) -> float:
                    above = [torch.sigmoid(torch.tensor((close[other] - close[row]) / 0.05)).item() for other in among if other != row]
                    return 1 + sum(above)

                values.setdefault(int(rows.pids[query]), []).append(sum(rank(row, same) / rank(row, gallery) for row in same) / len(same))
    module.load_state_dict(before)
    assert found.people == pytest.approx([sum(values[pid]) / len(values[pid]) for pid in sorted(values)], abs=1e-4)
    assert found.value == pytest.approx(sum(found.people) / len(found.people))


def few_of_all(module: SearchModule, images: int) -> list[int]:
    """Rows of the batch of :class:`HeldoutAPScore`, by its description."""
    records = module.trainer.datamodule.evaluation("validate").records  # type: ignore[attr-defined]
    chosen = []
    for place, pid in enumerate(sorted({record.pid for record in records})):
        for modality in (0, 1):
            rows = [row for row, record in enumerate(records) if (record.pid, int(record.modality)) == (pid, modality)]
            chosen += {rows[(place + number * (len(rows) // images)) % len(rows)] for number in range(images)}
    return sorted(chosen)


@pytest.mark.parametrize(("on", "images"), [("features", 1), ("embeddings", 2)])
def test_average_precision_of_all_people_is_that_of_one_batch(confirmed: tuple[SearchModule, Path], on: Any, images: int) -> None:
    module, _ = confirmed
    genotype = module.space.sample(generator_for((5,)))
    soft, hard = (InheritedScore(module, HeldoutAPScore(on, images, temperature)).measured(genotype) for temperature in (0.05, None))
    before, data_ = state(module), module.trainer.datamodule
    child = naive_child(module, genotype, 1).train()
    rows = few_of_all(module, images)
    records = [data_.evaluation("validate").records[row] for row in rows]
    batch = data_.on_after_batch_transfer(data_.evaluation_images("validate", rows), 0)
    with torch.no_grad(), frozen_statistics(child):
        unit = F.normalize(getattr(child(batch.images, batch.n_visible), on))
    module.load_state_dict(before)
    values: dict[float | None, dict[int, list[float]]] = {0.05: {}, None: {}}
    for query, record in enumerate(records):
        gallery = [row for row, other in enumerate(records) if other.modality != record.modality]
        same = [row for row in gallery if records[row].pid == record.pid]
        close = {row: float(unit[query] @ unit[row]) for row in gallery}
        for temperature, found in values.items():

            def ahead(other: int, row: int, temperature: float | None = temperature, close: dict[int, float] = close) -> float:
                difference = close[other] - close[row]
                return float(difference > 0) if temperature is None else 1 / (1 + math.exp(-difference / temperature))

            ranks = [[1 + sum(ahead(other, row) for other in among if other != row) for among in (same, gallery)] for row in same]
            found.setdefault(record.pid, []).append(sum(own / rank for own, rank in ranks) / len(same))
    for found, expected in ((soft, values[0.05]), (hard, values[None])):
        assert found.people == pytest.approx([sum(expected[pid]) / len(expected[pid]) for pid in sorted(expected)], abs=1e-4)
        assert found.value == pytest.approx(sum(found.people) / len(found.people))
    assert soft.rows == len(rows) == 8 * 2 * images


def test_scores_of_one_child_with_the_initial_weights_share_their_pass(confirmed: tuple[SearchModule, Path]) -> None:
    module, _ = confirmed
    asked = [HeldoutAPScore(on, training=InitialWeights()) for on in ("features", "embeddings")]
    points = [module.space.sample(generator_for((seed,))) for seed in (1, 2)]
    alone = [[InheritedScore(module, score).measured(point) for score in asked] for point in points]
    before = state(module)
    with torch.no_grad():
        for parameter in module.network.parameters():
            parameter.mul_(1.5)
    moved, child = state(module), SupernetChild(module)
    with child.series():
        together = [[InheritedScore(module, score, child).measured(point) for score in asked] for point in points]
        inherited = InheritedScore(module, HeldoutAPScore("embeddings"), child).measured(points[1])
        again = InheritedScore(module, asked[0], child).measured(points[0])
    after = state(module)
    module.load_state_dict(before)
    assert [[one.people for one in row] for row in together] == [[one.people for one in row] for row in alone]
    assert [[one.rows for one in row] for row in together] == [[16, 0], [16, 0]], "one image of each of eight people and modality"
    assert again.people == alone[0][0].people
    assert inherited.rows == 16, "other weights"
    assert all(torch.equal(value, after[name]) for name, value in moved.items())


def test_rows_of_few_images_are_spread_over_the_lists_of_people() -> None:
    counts = {(1, 0): 3, (2, 0): 4, (1, 1): 2, (2, 1): 1, (3, 1): 2}  # person 3 has no visible image
    order = sorted(counts, key=lambda one: one[1])
    records = [Record(f"{pid}-{number}", pid, 1, Modality(m)) for pid, m in order for number in range(counts[pid, m])]
    assert [records[row].path for row in heldout_rows(records, 1)] == ["1-0", "2-1", "1-0", "2-0"]
    assert [records[row].path for row in heldout_rows(records, 2)] == ["1-0", "1-1", "2-1", "2-3", "1-0", "1-1", "2-0"]
    assert len(heldout_rows(records, 9)) == 3 + 4 + 2 + 1


@pytest.mark.parametrize(
    "asked",
    [SoftAPScore(batches=2), HeldoutAPScore(training=InitialWeights()), RetrievalScore(recalibration_batches=1, training=Fork(0.25))],
    ids=["soft", "heldout", "fork"],
)
def test_scoring_leaves_the_supernet_and_the_random_state_alone(confirmed: tuple[SearchModule, Path], asked: Any) -> None:
    module, _ = confirmed
    before, random = state(module), torch.get_rng_state()
    modes = {name: part.training for name, part in module.named_modules()}
    inherited = InheritedScore(module, asked)
    points = [module.space.sample(generator_for((seed,))) for seed in (1, 2)]
    assert [inherited(point) for point in points] == [inherited(point) for point in points]
    assert all(torch.equal(value, before[name]) for name, value in state(module).items())
    assert {name: part.training for name, part in module.named_modules()} == modes
    assert torch.equal(torch.get_rng_state(), random)


def test_the_gap_is_that_of_what_reaches_a_site(confirmed: tuple[SearchModule, Path]) -> None:
    module, _ = confirmed
    shared, separate = (
        InheritedScore(module, ModalityGap(1)).measured(module.space.baselines()[name]) for name in ("all_shared", "all_separate")
    )
    rows = training_batches(module.trainer, 1)[0].architecture
    with torch.no_grad():
        maps = module.supernet.trunk.conv1(module.trainer.datamodule.augmentation.normalise(rows.images)).double()
    deviations = [part.transpose(0, 1).flatten(1).std(1) for part in (maps[: rows.n_visible], maps[rows.n_visible :])]
    expected = float((deviations[0] / deviations[1]).log().abs().mean())
    assert shared.sites[0] == pytest.approx(expected, rel=1e-4)
    assert separate.sites[0] == pytest.approx(expected, rel=1e-4), "nothing is before the stem"
    assert shared.sites[1] > separate.sites[1], "separation takes away what the stem's statistics differ by"
    assert shared.value == pytest.approx(-sum(shared.sites) / len(shared.sites))


def test_initial_weights_are_those_from_before_the_search(confirmed: tuple[SearchModule, Path]) -> None:
    module, _ = confirmed
    genotype = module.space.baselines()["all_separate"]
    expected = InheritedScore(module, SoftAPScore(batches=2))(genotype)
    before = state(module)
    with torch.no_grad():
        for parameter in module.network.parameters():
            parameter.mul_(1.5)
        moved = InheritedScore(module, SoftAPScore("embeddings", batches=2))(genotype)
        initial = InheritedScore(module, SoftAPScore(batches=2, training=InitialWeights()))(genotype)
    module.load_state_dict(before)
    assert initial == expected
    assert moved != InheritedScore(module, SoftAPScore("embeddings", batches=2))(genotype)


def test_a_run_that_dies_inside_a_fork_goes_on_after_the_finished_ones(
    people: Path, confirmed: tuple[SearchModule, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    trained: list[int] = []
    original = child_training.train_child

    def counting(run: Any, steps: int) -> None:
        if steps:
            trained.append(steps)
            if dying and len(trained) == 4:
                original(run, 1)
                raise RuntimeError("the power is gone")
        original(run, steps)

    monkeypatch.setattr("vireid.tasks.search.trained_child.train_child", counting)
    dying = True
    with pytest.raises(RuntimeError, match="the power is gone"):
        search(people, tmp_path)
    kept = json.loads((tmp_path / FORKS_FILE).read_text())["scores"]
    dying = False
    trained.clear()
    again = search(people, tmp_path)
    whole, _ = confirmed
    assert len(trained) == len(whole.derive().provenance["derivation"]["shortlist"]) + 3 - 3, "three forks were finished before"
    assert kept.items() <= json.loads((tmp_path / FORKS_FILE).read_text())["scores"].items()
    assert again.derive().choices == whole.derive().choices
    assert again.derive().provenance["derivation"] == whole.derive().provenance["derivation"]


def test_scores_of_another_seed_are_not_taken(people: Path, confirmed: tuple[SearchModule, Path], tmp_path: Path) -> None:
    _, folder = confirmed
    (tmp_path / FORKS_FILE).write_bytes((folder / FORKS_FILE).read_bytes())
    before = json.loads((tmp_path / FORKS_FILE).read_text())["scores"]
    other = search(people, tmp_path, seed=1)
    after = json.loads((tmp_path / FORKS_FILE).read_text())["scores"]
    assert before.items() < after.items(), "what other settings left stays there"
    rows = other.derive().provenance["derivation"]["shortlist"]
    assert not {row["forks"]["0.125"]["mAP"] for row in rows} & {one["value"] for one in before.values()}


def test_the_file_of_forks_holds_forks_only(confirmed: tuple[SearchModule, Path]) -> None:
    module, folder = confirmed
    kept = json.loads((folder / FORKS_FILE).read_text())["scores"].values()
    assert len(kept) == len(module.derive().provenance["derivation"]["shortlist"]) + 3
    assert all(one["steps"] > 0 for one in kept), "what initial weights score is cheaper to measure again than to write"


def test_a_search_without_children_tells_its_cost(people: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    datamodule = data(people)
    space = BNSeparation("resnet10", width=8, tie="stage")
    module = SearchModule(datamodule.num_classes, space, None, optimizer=SGD(0.05), strategy=TwoLevels(warmup_epochs=1))
    trainer(tmp_path, epochs=2, limit_train_batches=1).fit(module, datamodule=datamodule)
    module.show_training()
    assert "It cost 1.5 trainings: search 1.50 + forks 0.00 + scores 0.00.\nNo training has confirmed" in capsys.readouterr().out


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"format": "vireid.forks", "version": 2, "scores": {}}', '{"scores": {"a": 1}}'])
def test_a_file_that_is_not_ours_is_no_memory(tmp_path: Path, content: str) -> None:
    path = tmp_path / FORKS_FILE
    path.write_text(content)
    genotype = BNSeparation("resnet10", width=8).baselines()["all_shared"]
    assert ForkMemory(path, "").recall(RetrievalScore(training=Fork()), genotype) is None


def test_files_of_the_shortlist(confirmed: tuple[SearchModule, Path], capsys: pytest.CaptureFixture[str]) -> None:
    module, folder = confirmed
    rows = list(csv.DictReader((folder / "shortlist.csv").open(encoding="utf-8")))
    tried = Genotype.load(folder / "genotype.json").provenance["derivation"]["shortlist"]
    assert len(rows) == len(tried)
    assert [row["chosen"] for row in rows] == ["1", *["0"] * (len(rows) - 1)], "the best comes first"
    best = next(row for row in tried if row["chosen"])
    assert float(rows[0]["mAP after 0.25"]) == best["forks"]["0.25"]["mAP"]
    assert {"stem", "layer1", "layer4", "SoftAP features", "Retrieval"} <= {*rows[0]}
    gains = list(csv.DictReader((folder / "gains.csv").open(encoding="utf-8")))
    assert len(gains) == 2 * len(module.space.baselines()["all_shared"].choices) // 12 * 5, "two scores, five stages"
    assert all(float(row["error"]) >= 0 and float(row["gap_shared"]) > 0 for row in gains)
    main(["genotype", "show", str(folder / "genotype.json")])
    assert "Shortlist: mAP on held-out people after forks" in capsys.readouterr().out
    module.show_training()
    said = capsys.readouterr().out
    assert "all separate" in said
    assert re.search(r"It cost \d\.\d trainings: search 0\.00 \+ forks \d\.\d\d \+ scores \d", said)
