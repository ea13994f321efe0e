"""Shortlists, and the forks that decide."""

from __future__ import annotations

import itertools
import json
import math
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest
import torch

from vireid.errors import SettingsError
from vireid.models import ResNet
from vireid.search import (
    BNSeparation,
    ChildScore,
    CombinedDepth,
    Confirm,
    HeldoutAPScore,
    INPlacement,
    JointNorm,
    Measured,
    ModalityGap,
    MostProbable,
    OSNetAIN,
    RetrievalScore,
    SearchSpace,
    SoftAPScore,
    ZeroCost,
)
from vireid.search.derivation.child_trainings import Fork, InitialWeights
from vireid.search.derivation.constants import default_constants
from vireid.search.derivation.pool import best_sets, norm_pool
from vireid.search.derivation.proposers import most_probable
from vireid.search.derivation.zero_cost import singles
from vireid.structures import Genotype, generator_for

TRUNK = ResNet("resnet10", width=8)
BN = BNSeparation(TRUNK, tie="stage")
JOINT = JointNorm(TRUNK, tie="stage")
UNTIED = BNSeparation(TRUNK)
HELD = {"validation": "heldout", "search_split": "identity"}
Value = Callable[[str], Measured]


def digits(space: SearchSpace, genotype: Genotype) -> str:
    return "".join(map(str, space.encode(genotype)))


class Table:
    """A scorer of known values: forks by their length, and one value for every cheap score."""

    def __init__(
        self, space: SearchSpace, fork: Callable[[float, str], Measured], cheap: Value = lambda code: Measured(0.0, (0.0, 0.0))
    ) -> None:
        self.space, self.fork, self.cheap = space, fork, cheap
        self.forked: list[tuple[float, str]] = []
        self.asked: list[str] = []

    def __call__(self, score: ChildScore) -> Any:
        def measured(genotype: Genotype) -> Measured:
            code = digits(self.space, genotype)
            if isinstance(score.training, Fork):
                self.forked.append((score.training.fraction, code))
                return self.fork(score.training.fraction, code)
            assert isinstance(score.training, InitialWeights)
            if isinstance(score, ModalityGap):
                return Measured(-0.2, sites=tuple(0.1 * index for index in range(len(self.space.sites()))))
            self.asked.append(code)
            return self.cheap(code)

        return SimpleNamespace(measured=measured)


def derive(confirm: Confirm, space: SearchSpace, table: Table, row: tuple[float, ...] | None = None) -> Any:
    width = len(space.sites()[0].candidates)
    probabilities = {site.name: list(row or (1 / width,) * width) for site in space.sites()}
    return confirm(space, probabilities, table, generator_for((0,)))


def by_digits(fraction: float, code: str) -> Measured:
    """More separations at the end are better; the longer fork likes the stem more."""
    value = sum((index + 1) * (digit != "0") for index, digit in enumerate(code)) / 100 + (fraction > 0.2) * (code[0] == "1") / 2
    return Measured(value, (value - 0.01, value + 0.01))


def test_the_pool_of_a_tied_space_is_every_separation_and_every_kind_on_the_first_stages() -> None:
    codes = {digits(JOINT, JOINT.genotype(point)) for point in norm_pool(JOINT.sites())}
    separations = {"".join(code) for code in itertools.product("01", repeat=5)}
    kinds = {kind * count + "0" * (5 - count) for kind in "234" for count in range(1, 6)}
    assert codes == separations | kinds
    assert len(norm_pool(JOINT.sites())) == 32 + 15
    assert len(norm_pool(BN.sites())) == 32
    assert len(norm_pool(INPlacement(TRUNK, tie="stage").sites())) == 1 + 2 * 5


def test_the_pool_of_an_untied_space_has_its_stages() -> None:
    points = norm_pool(UNTIED.sites())
    assert len(points) == 32
    assert {digits(BN, BN.genotype(point)) for point in points} == {"".join(code) for code in itertools.product("01", repeat=5)}


def test_the_pool_of_many_groups_stays_small() -> None:
    space = BNSeparation(ResNet("resnet18", width=8), tie="role")
    assert all(len(set(point.values())) <= 2 for point in norm_pool(space.sites()))
    assert len(norm_pool(space.sites())) < 64


def test_the_best_sets_are_a_quarter_half_and_three_quarters_by_gain() -> None:
    count = len(UNTIED.sites())
    gains = [float((7 * index) % count) for index in range(count)]
    sizes = []
    for point in best_sets(UNTIED.sites(), gains):
        chosen = [gain for gain, name in zip(gains, (site.name for site in UNTIED.sites()), strict=True) if point[name] == "separate_bn"]
        sizes.append(len(chosen))
        assert min(chosen) > max({*gains} - {*chosen})
    assert sizes == [round(count * share) for share in (0.25, 0.5, 0.75)]


def test_constants_are_both_ends_the_first_and_the_last_stage_and_ibn_early() -> None:
    assert {name: digits(JOINT, point) for name, point in default_constants(JOINT).items()} == {
        "all_shared": "00000",
        "all_separate": "11111",
        "first_separate": "10000",
        "last_separate": "00001",
        "early_separate_ibn": "44400",
    }
    assert list(default_constants(BN)) == ["all_shared", "all_separate", "first_separate", "last_separate"]
    assert list(default_constants(INPlacement(TRUNK, tie="stage"))) == ["all_shared", "early_ibn"]
    late = JointNorm(TRUNK, tie="block", subsets={"layer4.*": ["shared_bn", "separate_bn"]})
    assert "early_separate_ibn" in default_constants(late), "the last stage need not have IBN"
    space = OSNetAIN()
    assert default_constants(space) == space.baselines()


def test_most_probable_codes_are_those_of_a_full_enumeration() -> None:
    generator = torch.Generator().manual_seed(0)
    for sizes in ((2, 3, 2), (4, 1, 3), (2, 2, 2, 2)):
        rows = [torch.rand(size, generator=generator, dtype=torch.float64).tolist() for size in sizes]
        every = list(itertools.product(*(range(size) for size in sizes)))
        expected = sorted(every, key=lambda code, rows=rows: -math.prod(row[k] for row, k in zip(rows, code, strict=True)))
        assert [tuple(code) for code in most_probable(rows, 7)] == expected[:7]
        assert len(most_probable(rows, 1000)) == len(every)


def test_logits_propose_the_next_best_and_nothing_where_nothing_was_learnt() -> None:
    table = Table(BN, by_digits)
    result = derive(Confirm([MostProbable(3)], constants=["all_separate"], finalists=None), BN, table, (0.6, 0.4))
    named = [row["proposers"] for row in result.details["shortlist"]]
    assert [code for _, code in table.forked] == ["11111", "00000", "00001", "00010"]
    assert named == [["all_separate"], ["logits"], ["logits"], ["logits"]]
    unlearnt = derive(Confirm([MostProbable(3)], finalists=None), BN, Table(BN, by_digits))
    assert all("logits" not in row["proposers"] for row in unlearnt.details["shortlist"])


def test_all_are_forked_for_half_the_length_and_the_best_three_again() -> None:
    table = Table(BN, by_digits)
    result = derive(Confirm(fork=0.4, constants=["all_shared", "stem_separate", "only_stage_4", "stages_1", "stages_1_2"]), BN, table)
    first, second = ([code for fraction, code in table.forked if fraction == wanted] for wanted in (0.2, 0.4))
    assert len(first) == len(set(first)) == 5, "the two favourites of every cheap score, to which all are equal, are constants too"
    ranked = sorted(first, key=lambda code: -by_digits(0.2, code).value)
    assert sorted(second) == sorted(ranked[:3])
    answer = digits(BN, result.genotype)
    assert answer == max(second, key=lambda code: by_digits(0.4, code).value)
    assert result.details["price"] == {"points": 5, "forks": {"0.2": 5, "0.4": 3}, "trainings": pytest.approx(5 * 0.2 + 3 * 0.4)}
    chosen = [row for row in result.details["shortlist"] if row["chosen"]]
    assert [tuple(row["choices"].values()) for row in chosen] == [tuple(result.genotype.choices.values())]
    assert chosen[0]["behind"] == 0
    for row in result.details["shortlist"]:
        length, code = max(map(float, row["forks"])), digits(BN, BN.genotype(row["choices"]))
        expected = by_digits(length, answer).value - by_digits(length, code).value
        assert row["behind"] == pytest.approx(expected), "behind the answer's fork of the same length"


def test_the_first_round_may_be_shorter_and_look_at_few_images() -> None:
    confirm = Confirm(first_fork=0.0625, first_images=4)
    table = Table(BN, by_digits)
    result = derive(confirm, BN, table)
    assert sorted({fraction for fraction, _ in table.forked}) == [0.0625, 0.25]
    points = result.details["price"]["points"]
    assert result.details["price"]["trainings"] == pytest.approx(points / 16 + 3 / 4)
    first, deciding = (confirm.forked(fraction) for fraction in confirm.rounds)
    assert (type(first), type(deciding)) == (HeldoutAPScore, RetrievalScore)
    assert (first.on, first.images, first.temperature) == ("embeddings", 4, None)  # type: ignore[attr-defined]


def test_one_round_forks_everything_for_the_whole_length() -> None:
    table = Table(BN, by_digits)
    result = derive(Confirm(finalists=None), BN, table)
    assert {fraction for fraction, _ in table.forked} == {0.25}
    assert len(table.forked) == len(set(table.forked))
    assert result.details["price"]["trainings"] == 0.25 * len(table.forked)
    assert digits(BN, result.genotype) == max((code for _, code in table.forked), key=lambda code: by_digits(0.25, code).value)


def test_every_score_names_its_two_best_of_the_pool_and_is_noted() -> None:
    def cheap(code: str) -> Measured:
        return Measured(float(code == "01010") + 2 * float(code == "22200"), (0.0, 1.0))

    table = Table(JOINT, by_digits, cheap)
    result = derive(Confirm([ZeroCost()], constants=[]), JOINT, table)
    rows = result.details["shortlist"]
    assert [digits(JOINT, JOINT.genotype(row["choices"])) for row in rows] == ["22200", "01010"]
    assert all(row["proposers"] == ["SoftAP features", "SoftAP embeddings", "AP embeddings"] for row in rows)
    assert [row["scores"]["AP embeddings"] for row in rows] == [2.0, 1.0]
    assert len(table.asked) == 3 * len({*table.asked}), "every score asks once for a point"
    singles_of_joint = 5 * 4
    assert {*result.details["gains"]} == {"SoftAP features", "SoftAP embeddings", "AP embeddings"}
    assert len(result.details["gains"]["AP embeddings"]) == singles_of_joint == len(singles(JOINT.sites()))
    assert list(result.details["gaps"]) == ["shared", "separated"]
    assert list(result.details["gaps"]["separated"]) == [site.name for site in JOINT.sites()]


def test_an_untied_space_adds_the_best_sites_of_each_score() -> None:
    names = [site.name for site in UNTIED.sites()]

    def cheap(code: str) -> Measured:
        return Measured(sum(int(digit) * (0.1 + (index in (1, 4, 6))) for index, digit in enumerate(code)) - 0.5 * code.count("1"))

    table = Table(UNTIED, by_digits, cheap)
    result = derive(Confirm([ZeroCost(best=1)], constants=[], finalists=None), UNTIED, table)
    best = result.details["shortlist"][0]["choices"]
    assert [name for name in names if best[name] == "separate_bn"] == [names[1], names[4], names[6]], "the best quarter of twelve sites"


def test_two_proposers_with_the_same_scores_keep_their_own_tables() -> None:
    first, second = ZeroCost([SoftAPScore(batches=1, training=InitialWeights())], best=1), ZeroCost(best=1)
    result = derive(
        Confirm([first, second], constants=["all_shared"]), BN, Table(BN, by_digits, lambda code: Measured(float(code == "01000")))
    )
    names = ["SoftAP features", "SoftAP features 2", "SoftAP embeddings", "AP embeddings"]
    assert list(result.details["gains"]) == names
    assert [row["proposers"] for row in result.details["shortlist"]] == [["all_shared"], names]
    assert [list(row["scores"]) for row in result.details["shortlist"]] == [names, names]


@pytest.mark.parametrize("space", [BN, JOINT, UNTIED, OSNetAIN(), CombinedDepth()], ids=lambda space: type(space).__name__)
@pytest.mark.parametrize("cheapest", [False, True])
def test_no_more_scores_are_asked_for_than_were_announced(space: SearchSpace, cheapest: bool) -> None:
    def cheap(code: str) -> Measured:
        return Measured(math.sin(sum((index + 1) * int(digit, 36) for index, digit in enumerate(code))))

    confirm = Confirm([ZeroCost(), MostProbable(7)], cheapest=cheapest)
    width = len(space.sites()[0].candidates)
    table = Table(space, by_digits, cheap)
    derive(confirm, space, table, tuple((1 + index) / sum(range(width + 1)) for index in range(width)))
    asked = len(table.asked) + len(table.forked) + (2 if table.asked else 0)  # and the gaps of two points
    assert asked <= confirm.evaluations(space.sites()) <= 2 * asked


def test_gains_have_an_error_over_people() -> None:
    def cheap(code: str) -> Measured:
        shift = 0.3 if code == "10000" else 0.0
        return Measured(0.5 + shift, (0.4 + 2 * shift, 0.6))

    result = derive(Confirm([ZeroCost(best=1)], constants=["all_shared"]), BN, Table(BN, by_digits, cheap))
    gain = result.details["gains"]["AP embeddings"][0]
    assert gain["gain"] == pytest.approx(0.3)
    assert gain["error"] == pytest.approx(0.3), "of differences .6 and 0: their deviation .6 / sqrt 2, over sqrt 2"


def test_the_cheapest_within_an_error_is_taken_where_it_is_asked_for() -> None:
    values = {"00000": 0.30, "10000": 0.49, "11111": 0.50, "00001": 0.20}

    def fork(fraction: float, code: str) -> Measured:
        noise = 0.015 if code == "10000" else 0.0
        return Measured(values[code], (values[code] - noise, values[code] + noise, values[code]))

    confirm = {"proposers": [MostProbable()], "finalists": 1}
    assert digits(BN, derive(Confirm(**confirm), BN, Table(BN, fork)).genotype) == "11111"
    table = Table(BN, fork)
    cheapest = derive(Confirm(**confirm, cheapest=True), BN, table)
    error = fork(0, "11111").error_of_difference(fork(0, "10000"))
    assert error == pytest.approx(0.015 / math.sqrt(3))
    assert error < 0.01
    assert digits(BN, cheapest.genotype) == "11111", "one point is .01 behind, more than its error"
    values["10000"] = 0.495
    cheapest = derive(Confirm(**confirm, cheapest=True), BN, table)
    assert digits(BN, cheapest.genotype) == "10000", "it is forked again beside the one finalist, and costs one site of twelve"


def test_for_blocks_only_forks_and_logits_count() -> None:
    space = OSNetAIN()

    def fork(fraction: float, code: str) -> Measured:
        return Measured(code.count("1") / 10)

    table = Table(space, fork)
    result = derive(Confirm([ZeroCost(), MostProbable(2)]), space, table, (0.1, 0.6, 0.2, 0.1))
    assert table.asked == []
    assert digits(space, result.genotype) == "111111"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"fork": 0.0}, "a fork of 0 steps"),
        ({"fork": 1.5}, "above 0 and at most 1"),
        ({"finalists": 0}, "`finalists` must be at least 1"),
        ({"first_fork": 0.25}, "`first_fork` must be above 0 and below `fork`, which is 0.25, got 0.25"),
        ({"first_images": 0}, "`first_images` must be at least 1"),
        ({"recalibration_batches": 0}, "`recalibration_batches` must be at least 1"),
    ],
)
def test_senseless_numbers_are_refused(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(SettingsError, match=message):
        Confirm(**arguments)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: MostProbable(0), "`count` of MostProbable"),
        (lambda: ZeroCost([]), "`scores` of ZeroCost is empty"),
        (lambda: ZeroCost(best=0), "`best` of ZeroCost"),
        (lambda: HeldoutAPScore(images=0), "`images` of HeldoutAPScore must be at least 1, got 0"),
        (lambda: HeldoutAPScore(temperature=0.0), "`temperature` of HeldoutAPScore must be above 0"),
    ],
)
def test_senseless_proposers_are_refused(make: Callable[[], Any], message: str) -> None:
    with pytest.raises(SettingsError, match=message):
        make()


def test_an_empty_shortlist_is_refused() -> None:
    with pytest.raises(SettingsError, match="Nothing to confirm"):
        derive(Confirm([MostProbable()], constants=[]), BN, Table(BN, by_digits))


@pytest.mark.parametrize("constant", ["all_in", {"bn1": "in"}])
def test_a_constant_that_the_space_does_not_have_is_refused(constant: Any) -> None:
    with pytest.raises(SettingsError, match="`constants`, entry 2"):
        derive(Confirm(constants=["all_shared", constant]), BN, Table(BN, by_digits))


@pytest.mark.parametrize(("people", "batch", "needed"), [(7, 2, 8), (9, 16, 16)])
def test_too_few_held_out_people_are_refused_with_the_number_needed(people: int, batch: int, needed: int) -> None:
    records = [SimpleNamespace(pid=pid, modality=pid % 2) for pid in range(people)]
    data = SimpleNamespace(
        parts=SimpleNamespace(heldout=records), identities_per_batch=batch, validation="heldout", search_split="identity"
    )
    with pytest.raises(SettingsError, match=f"at least {needed} held-out identities .* got {people}"):
        Confirm().check(data)


def test_held_out_people_of_one_modality_are_refused() -> None:
    records = [SimpleNamespace(pid=pid, modality=0) for pid in range(9)]
    data = SimpleNamespace(parts=SimpleNamespace(heldout=records), identities_per_batch=4, **HELD)
    with pytest.raises(SettingsError, match="one modality only"):
        Confirm([MostProbable()]).check(data)


@pytest.mark.parametrize(
    ("missing", "message"),
    [
        ({"validation": "none"}, "HeldoutAPScore .*`heldout`"),
        ({"search_split": "none"}, "ModalityGap, .* `identity`, or give ZeroCost other"),
    ],
)
def test_data_without_held_out_people_are_refused(missing: dict[str, str], message: str) -> None:
    records = [SimpleNamespace(pid=pid // 2, modality=pid % 2) for pid in range(18)]
    data = SimpleNamespace(parts=SimpleNamespace(heldout=records), identities_per_batch=4, **{**HELD, **missing})
    with pytest.raises(SettingsError, match=message):
        Confirm([ZeroCost()]).check(data)


def test_errors_are_over_people_and_paired() -> None:
    one, other = Measured(0.5, (0.1, 0.5, 0.9)), Measured(0.4, (0.0, 0.4, 0.8))
    assert one.error == pytest.approx(0.4 / math.sqrt(3))
    assert one.error_of_difference(other) == pytest.approx(0.0, abs=1e-12)
    assert math.isnan(Measured(0.5).error)


def test_a_child_that_diverged_is_the_worst_and_its_numbers_are_left_out() -> None:
    def fork(fraction: float, code: str) -> Measured:
        return Measured(-math.inf) if code == "11111" else by_digits(fraction, code)

    result = derive(Confirm([MostProbable()], finalists=None), BN, Table(BN, fork))
    worst = next(row for row in result.details["shortlist"] if digits(BN, BN.genotype(row["choices"])) == "11111")
    assert worst["forks"]["0.25"] == {"mAP": None, "error": None}
    assert worst["behind"] is None
    assert json.dumps(result.details, allow_nan=False)
    assert digits(BN, result.genotype) != "11111"
