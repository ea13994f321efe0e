"""vireid compare."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from tests.commands.runs import run
from tests.results.written import PIDS, SYSU, average_precisions, queries_of, result, write
from vireid.metrics import paired_test
from vireid.results import Result, read_results
from vireid.results.comparison import compare_runs
from vireid.results.result import METRICS

Capsys = pytest.CaptureFixture[str]
Make = Callable[..., Path]


@pytest.fixture
def make(tmp_path: Path) -> Make:
    def written(name: str, *results: Result) -> Path:
        return write(tmp_path / name, *results)

    return written


def better(points: float, seed: int = 1, trials: int = 3) -> list[np.ndarray]:
    return [ap + points / 100 for ap in average_precisions(seed, trials=trials)]


def said(capsys: Capsys, *words: object) -> str:
    done = run(capsys, "compare", *words)
    assert (done.code, done.err) == (0, "")
    return " ".join(done.out.split())


def refused(capsys: Capsys, *words: object) -> str:
    done = run(capsys, "compare", *words)
    assert (done.code, done.out) == (2, "")
    return done.err


def test_a_clear_difference_is_named_with_its_side(capsys: Capsys, make: Make) -> None:
    a, b = make("a", result()), make("b", result(better(4, seed=2)))
    text = said(capsys, a, b)
    points = 100 * (np.mean(better(4, seed=2)) - np.mean(average_precisions(1)))
    assert f"{SYSU}: B is better by {points:.2f} points of mAP (p < 0.001)." in text
    assert f"A is better by {points:.2f} points" in said(capsys, b, a)
    assert text.endswith("To cover that, give several runs: vireid compare A1,A2,A3 B1,B2,B3.")
    assert "The test over people covers the choice of the people who are searched, not training" in text


def test_noise_is_called_noise(capsys: Capsys, make: Make) -> None:
    text = said(capsys, make("a", result()), make("b", result(better(0, seed=2))))
    assert "within noise: A and B differ by" in text
    assert "is better" not in text
    same = said(capsys, make("c", result()), make("d", result()))
    assert "within noise: A and B differ by 0.00 points of mAP (p = 1.000)." in same


def test_queries_are_paired_by_identity_over_all_trials_for_every_measure(make: Make) -> None:
    first, second = average_precisions(1), better(0.5, seed=2)
    for ap in (first, second):
        ap[2][7] = np.nan  # not valid in one trial
    a, b = read_results(make("a", result(first))), read_results(make("b", result(second)))
    found, refused = compare_runs(a, b)
    assert refused == {}
    assert [row.metric for row in found] == list(METRICS)
    valid = np.isfinite(np.concatenate(first))
    for row in found:
        sides = [np.concatenate([queries_of(ap).scores()[row.metric] for ap in side])[valid] for side in (first, second)]
        expected = paired_test(*sides, np.tile(PIDS, 3)[valid])
        assert (row.evidence.over, row.units) == ("people", "20 people")
        assert row.evidence.test is not None
        assert row.evidence.test.p_value == expected.p_value
        assert [row.evidence.test.difference, row.evidence.test.low, row.evidence.test.high] == pytest.approx(
            [expected.difference, expected.low, expected.high], abs=1e-12
        )


def test_average_precisions_of_trials_may_as_well_be_averaged_first(make: Make) -> None:
    first, second = average_precisions(1), better(0.5, seed=2)
    compared, _ = compare_runs(read_results(make("a", result(first))), read_results(make("b", result(second))))
    (test,) = [row.evidence.test for row in compared if row.metric == "mAP"]
    expected = paired_test(np.mean(first, 0), np.mean(second, 0), PIDS)
    assert test is not None
    assert test.p_value == expected.p_value
    assert (test.difference, test.low, test.high) == pytest.approx((expected.difference, expected.low, expected.high))


def rows_of(text: str) -> dict[str, list[str]]:
    """Cells of the table behind the measure, by measure."""
    cells = [[cell.strip() for cell in line.strip("│").split("│")] for line in text.splitlines() if line.startswith("│")]
    return {row[1]: row[2:] for row in cells}


def test_the_table_has_every_measure_over_people(capsys: Capsys, make: Make) -> None:
    done = run(capsys, "compare", make("a", result()), make("b", result(better(4, seed=2))))
    rows = rows_of(done.out)
    assert list(rows) == ["R1", "R5", "R10", "R20", "mAP", "mINP"]
    assert {row[-1] for row in rows.values()} == {"20 people"}
    assert rows["R20"][2] == "+0.00"
    assert rows["R20"][4] == "1.000"
    assert rows["mINP"][4] == "< 0.001"


@pytest.mark.parametrize("points", [0, 4])
def test_trials_that_repeat_one_another_are_not_ten_units(capsys: Capsys, make: Make, points: float) -> None:
    ap = average_precisions(1, trials=1) * 10
    sides = [make("a", result(ap)), make("b", result([row + points / 100 for row in ap], with_queries=False))]
    done = run(capsys, "compare", *sides)
    text = " ".join(done.out.split())
    assert f"no verdict: A and B differ by {points:.2f} points of mAP, but the 10 trials hold the same numbers" in text
    assert "which makes them one unit, not 10. Test both again: queries.npz then holds what every query scored" in text
    assert "p = " not in text
    assert all(row[-3:] == ["", "", ""] for row in rows_of(done.out).values())
    assert "The test over trials" not in text


def test_runs_that_repeat_one_another_are_not_several_units(capsys: Capsys, make: Make) -> None:
    sides = [",".join(str(make(f"{side}{n}", result(better(points)))) for n in range(6)) for side, points in (("a", 0), ("b", 3))]
    text = said(capsys, *sides)
    assert "but the 6 pairs of runs hold the same numbers, which makes them one unit, not 6. Name runs of different seeds." in text
    assert "p = " not in text


def test_an_older_file_of_queries_tests_map_over_people_and_the_rest_over_trials(capsys: Capsys, make: Make) -> None:
    a, b = make("a", result()), make("b", result(better(4, seed=2)))
    with np.load(a / "queries.npz") as file:
        old = {name: values for name, values in file.items() if name.startswith(("names", "ap.", "pids."))}
    np.savez(a / "queries.npz", **old)
    rows = rows_of(run(capsys, "compare", a, b).out)
    assert (rows["mAP"][-1], rows["R1"][-1], rows["mINP"][-1]) == ("20 people", "3 trials", "3 trials")


def test_without_queries_the_trials_are_paired_and_what_that_covers_is_said(capsys: Capsys, make: Make) -> None:
    b = make("b", result(better(4, seed=2, trials=10), with_queries=False))
    text = said(capsys, make("a", result(average_precisions(1, trials=10))), b)
    assert "B is better by" in text
    assert "(p = 0.002)" in text  # 2 of 1024 signs
    assert text.endswith("The test over trials covers the gallery draw only, neither the choice of queries nor training with another seed.")
    few = said(capsys, make("c", result()), make("d", result(better(4), with_queries=False)))
    assert "within noise, as any difference would be (with 3 trials p is never below 0.25): A and B differ by 4.00 points" in few


def test_one_trial_is_enough_for_a_test_over_people(capsys: Capsys, make: Make) -> None:
    rows = [result(ap, "regdb/visible-to-infrared/trial-1") for ap in (average_precisions(1, trials=1), better(4, trials=1))]
    done = run(capsys, "compare", make("a", rows[0]), make("b", rows[1]))
    assert rows_of(done.out)["mAP"][2:] == ["-4.00", "-4.00 to -4.00", "< 0.001", "20 people"]


def test_only_what_both_hold_on_the_same_images_is_compared(capsys: Capsys, make: Make) -> None:
    rows = [result(protocol=name, digest=digest) for name, digest in (("x", "1"), ("y", "2"), ("a-only", "3"))]
    others = [result(better(4), protocol=name, digest=digest) for name, digest in (("x", "1"), ("y", "other"), ("b-only", "3"))]
    a, b = make("a", *rows), make("b", *others)
    text = said(capsys, a, b)
    assert "x: B is better" in text
    assert "y: not compared, the images compared are not the same." in text
    assert "a-only: not compared, only A holds it. b-only: not compared, only B holds it." in text
    c = make("c", result(protocol="y", digest="2"))
    assert "Nothing can be compared. y: the images compared are not the same." in refused(capsys, c, make("d", others[1]))


def test_a_variant_is_compared_with_the_same_variant_and_remarks_are_kept(capsys: Capsys, make: Make) -> None:
    a = make("a", result(), result(better(9), variant="flip", remark="saw people"))
    b = make("b", result(better(9)), result(variant="flip"))
    text = said(capsys, a, b)
    assert f"{SYSU}: B is better by 9.00" in text
    assert f"{SYSU} + flip: A is better by 9.00" in text
    assert "saw people" in text


def test_images_unknown_or_queries_absent(capsys: Capsys, make: Make) -> None:
    a, b = (make(name, result(digest="")) for name in "ab")
    assert "the images compared are not the same" in refused(capsys, a, b)


def test_other_numbers_of_trials_are_other_images_whatever_a_file_says(capsys: Capsys, make: Make) -> None:
    fewer = result(average_precisions(1, trials=2), with_queries=False)
    assert "the images compared are not the same" in refused(capsys, make("a", result(with_queries=False)), make("b", fewer))
    c, d = (make(name, result(average_precisions(1, trials=1), with_queries=False)) for name in "cd")
    assert "a side lacks queries.npz" in refused(capsys, c, d)


def test_several_runs_are_paired_run_by_run(capsys: Capsys, make: Make) -> None:
    a = [make(f"a{seed}", result(better(0, seed))) for seed in range(6)]
    b = [make(f"b{seed}", result(better(3, seed + 10))) for seed in range(6)]
    text = said(capsys, ",".join(map(str, a)), ",".join(map(str, b)))
    assert "B is better by" in text
    assert "(p = 0.031)" in text  # 2 of 64
    assert "6 pairs of runs" in text
    assert "The test over runs covers training with another seed" in text
    few = said(capsys, ",".join(map(str, a[:3])), ",".join(map(str, b[:3])))
    assert "with 3 pairs of runs p is never below 0.25" in few


def test_runs_of_trials_are_paired_trial_by_trial(capsys: Capsys, make: Make) -> None:
    name = "regdb/visible-to-infrared"
    a = [make(f"a{n}", result(better(0, n, 1), f"{name}/trial-{n}", variant="flip", digest=str(n))) for n in (1, 2)]
    b = [make(f"b{n}", result(better(2, n, 1), f"{name}/trial-{n}", variant="flip", digest=str(n))) for n in (1, 2)]
    sides = [",".join(map(str, side)) for side in (a, b)]
    assert f"{name} + flip: within noise, as any difference would be (with 2 pairs of runs p is never below 0.5)" in said(capsys, *sides)
    assert "does not hold `regdb/visible-to-infrared/trial-2 + flip`" in refused(capsys, sides[0], ",".join(map(str, b[::-1])))


def test_series_that_do_not_fit(capsys: Capsys, make: Make) -> None:
    a, b, c = (make(name, result()) for name in "abc")
    other = make("other", result(digest="d9"))
    more = make("more", result(), result(variant="flip"))
    again = make("again", result(), result(variant="flip"))
    assert "must name equally many runs, which are paired in order, got 2 and 1" in refused(capsys, f"{a},{b}", c)
    assert "got 0 and 1" in refused(capsys, ",", c)
    assert "is given more than once" in refused(capsys, a, a)
    assert "compared other images" in refused(capsys, f"{a},{b}", f"{c},{other}")
    text = said(capsys, f"{a},{more}", f"{b},{again}")
    assert f"{SYSU} + flip: not compared, not every run holds it." in text


def test_a_folder_whose_name_has_a_comma(capsys: Capsys, make: Make) -> None:
    assert "within noise" in said(capsys, make("a,b", result()), make("c", result()))


def test_a_run_without_results(capsys: Capsys, make: Make) -> None:
    assert "There is no 'nowhere'" in refused(capsys, make("a"), "nowhere")
