"""vireid summarize."""

from __future__ import annotations

import csv
import io
import re
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest

from tests.commands.runs import run
from tests.results.written import SYSU, average_precisions, queries_of, result, write
from vireid.metrics import bootstrap_interval

Capsys = pytest.CaptureFixture[str]
REGDB = "regdb/visible-to-infrared"


@pytest.fixture
def seeds(tmp_path: Path) -> list[Path]:
    folders = []
    for seed in (1, 2, 3):
        flip = result(average_precisions(seed + 9), variant="flip", remark="saw_test people")
        folders.append(write(tmp_path / f"seed-{seed}" / "test-1", result(average_precisions(seed)), flip))
    return folders


def table(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text)))


def test_csv_has_every_row_of_every_run_in_full_precision(capsys: Capsys, seeds: list[Path]) -> None:
    done = run(capsys, "summarize", seeds[0].parent, seeds[1], seeds[2] / "metrics.json", "--format", "csv")
    assert (done.code, done.err) == (0, "")
    rows = table(done.out)
    assert [(row["run"], row["protocol"], row["variant"]) for row in rows] == [(str(s), SYSU, v) for s in seeds for v in ("", "flip")]
    assert [row["remark"] for row in rows[:2]] == ["", "saw_test people"]
    assert {(row["varied"], row["count"]) for row in rows} == {("galleries", "3")}
    means = [float(np.mean(ap)) for ap in average_precisions(2)]
    assert float(rows[2]["mAP_mean"]) == np.mean(means)
    assert float(rows[2]["mAP_std"]) == pytest.approx(np.std(means, ddof=1))
    assert (float(rows[2]["mAP_low"]), float(rows[2]["mAP_high"])) == bootstrap_interval(means)
    assert float(rows[2]["rank1_mean"]) == pytest.approx(np.mean([np.mean(queries_of(ap).first == 1) for ap in average_precisions(2)]))
    assert float(rows[2]["mINP_mean"]) == pytest.approx(0.8 * np.mean(means))


def test_a_single_trial_has_a_mean_alone(capsys: Capsys, tmp_path: Path) -> None:
    write(tmp_path, result(average_precisions(1, trials=1)))
    (row,) = table(run(capsys, "summarize", tmp_path, "--format", "csv").out)
    assert (row["count"], row["mAP_std"], row["mAP_low"], row["mAP_high"]) == ("1", "", "", "")
    done = run(capsys, "summarize", tmp_path)
    assert "±" not in done.out
    assert "gallery draw" not in done.out


def test_the_terminal_shows_percent_and_says_what_the_interval_covers(capsys: Capsys, seeds: list[Path]) -> None:
    done = run(capsys, "summarize", *seeds)
    words = done.out.split()
    mean = np.mean([np.mean(ap) for ap in average_precisions(1)])
    assert f"{100 * mean:.2f}" in words
    for column in ("R1", "R5", "R10", "R20", "mAP", "mINP"):
        assert column in words
    assert "saw_test" in done.out
    assert "gallery draw only" in " ".join(words)


def test_markdown(capsys: Capsys, seeds: list[Path], tmp_path: Path) -> None:
    write(tmp_path / "a|b", result(average_precisions(1), remark="one\ntwo"))
    lines = run(capsys, "summarize", tmp_path / "a|b", "--format", "markdown").out.splitlines()
    assert lines[0] == "| run | protocol | over | R1 | R5 | R10 | R20 | mAP | mINP | remark |"
    assert lines[1] == "|---|---|---|---:|---:|---:|---:|---:|---:|---|"
    means = [float(np.mean(ap)) for ap in average_precisions(1)]
    low, high = bootstrap_interval(means)
    cell = f"{100 * np.mean(means):.2f} ± {100 * np.std(means, ddof=1):.2f} [{100 * low:.2f}, {100 * high:.2f}]"
    assert cell in lines[2]
    assert "a\\|b" in lines[2]
    assert lines[2].endswith("| one two |")
    assert lines[3] == ""


def test_latex_escapes_what_latex_reads(capsys: Capsys, tmp_path: Path) -> None:
    write(tmp_path / "all_shared", result(remark=r"50% & $1 #2 {x} ~ ^ \y"))
    lines = run(capsys, "summarize", tmp_path / "all_shared", "--format", "latex").out.splitlines()
    assert lines[0] == r"% Needs \usepackage{booktabs}."
    assert lines[1].startswith("% Percent;")
    assert lines[2] == f"% Protocols: {SYSU}."
    assert lines[3] == r"\begin{tabular}{@{}lrrrrrr@{}}"
    assert [line.count(" & ") for line in (lines[7], lines[9])] == [6, 6]
    assert r"all\_shared\textsuperscript{a} & " in lines[9]
    assert lines[11].endswith(r"50\% \& \$1 \#2 \{x\} \textasciitilde{} \textasciicircum{} \textbackslash{}y} \\")
    assert lines[-1] == r"\end{tabular}"


def test_latex_has_runs_as_rows_and_is_bold_where_the_test_allows_it(capsys: Capsys, tmp_path: Path) -> None:
    """`good` beats the others by far; `plain` and `twin` differ by noise. In the other protocol only two of them were tested."""
    for name, mean, seed in (("good", 0.7, 1), ("plain", 0.4, 2), ("twin", 0.4, 3)):
        rows = [result(average_precisions(seed, mean)), result(average_precisions(seed + 3), protocol="other")]
        write(tmp_path / name, *rows[: 1 + (name != "good")])
    folders = [tmp_path / name for name in ("good", "plain", "twin")]
    options = ("--format", "latex", "--columns", "R1,mAP", "--names", "ours,theirs,a twin")
    text = run(capsys, "summarize", *folders, *options).out
    body = {line.split(" & ")[0]: line.removesuffix(r" \\").split(" & ")[1:] for line in text.splitlines() if " & " in line}
    assert body["run"] == ["R1", "mAP"] * 2
    means = {name: 100 * np.mean(average_precisions(seed, mean)) for name, seed, mean in (("ours", 1, 0.7), ("theirs", 2, 0.4))}
    assert body["ours"][1:] == [rf"\textbf{{{means['ours']:.1f}}}", "--", "--"]
    assert body["theirs"][1] == f"{means['theirs']:.1f}"
    assert r"\textbf" not in "".join(body["theirs"] + body["a twin"])
    assert r"\cmidrule(lr){2-3}\cmidrule(lr){4-5}" in text
    one = run(capsys, "summarize", *folders[1:], *options[:4], "--protocols", "other").out
    assert "sysu" not in one
    assert "{other}" in one


def test_latex_shows_the_deviation_over_seeds(capsys: Capsys, seeds: list[Path]) -> None:
    text = run(capsys, "summarize", *seeds, "--over_seeds", "true", "--format", "latex", "--columns", "mAP").out
    means = [100 * float(np.mean([np.mean(ap) for ap in average_precisions(seed)])) for seed in (1, 2, 3)]
    assert rf"{np.mean(means):.1f} {{\scriptsize$\pm${np.std(means, ddof=1):.1f}}}" in text


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--columns", "R1,R2"), "`columns` must be some of R1, R5, R10, R20, mAP, mINP, with commas between them, got 'R2'"),
        (("--names", "a"), "`names` must hold a name for each of the 3 runs of the table, got 1: 'a'"),
        (("--protocols", "x"), r"`protocols` must be some of sysu/all/single-shot/seeded, .*, got 'x'"),
    ],
)
def test_what_a_table_shows_must_be_there(capsys: Capsys, seeds: list[Path], words: tuple[str, ...], message: str) -> None:
    done = run(capsys, "summarize", *seeds, *words)
    assert done.code == 2
    assert re.search(message, done.err)


@pytest.mark.slow
def test_a_two_column_page_compiles(capsys: Capsys, seeds: list[Path], tmp_path: Path) -> None:
    if shutil.which("pdflatex") is None:
        pytest.skip("pdflatex is not installed: Debian's texlive-latex-recommended")
    table_text = run(capsys, "summarize", *seeds, "--format", "latex", "--columns", "R1,mAP", "--names", "a_b,50 %,<c>").out
    (tmp_path / "page.tex").write_text(
        r"\documentclass[twocolumn]{article}\usepackage[T1]{fontenc}\usepackage{booktabs}\begin{document}\begin{table}\footnotesize"
        + "\n"
        + table_text
        + r"\end{table}\end{document}"
    )
    subprocess.run(["pdflatex", "-interaction=nonstopmode", "-halt-on-error", "page.tex"], cwd=tmp_path, check=True, capture_output=True)
    assert (tmp_path / "page.pdf").stat().st_size > 1000


@pytest.mark.parametrize("form", ["terminal", "markdown", "latex", "csv"])
def test_output_is_a_new_file(capsys: Capsys, seeds: list[Path], tmp_path: Path, form: str) -> None:
    target = tmp_path / "tables" / "table"
    done = run(capsys, "summarize", *seeds, "--format", form, "--output", target)
    assert (done.code, done.out) == (0, f"Wrote {target}\n")
    text = target.read_text(encoding="utf-8")
    assert "mAP" in text
    if form != "terminal":
        assert text == run(capsys, "summarize", *seeds, "--format", form).out
    done = run(capsys, "summarize", *seeds, "--format", form, "--output", target)
    assert done.code == 2
    assert "exists, and nothing is overwritten" in done.err
    assert target.read_text(encoding="utf-8") == text


def test_over_seeds_the_numbers_are_those_of_the_runs(capsys: Capsys, seeds: list[Path], tmp_path: Path) -> None:
    done = run(capsys, "summarize", *seeds, "--over_seeds", "true", "--format", "csv")
    plain, flip = table(done.out)
    means = [float(np.mean([np.mean(ap) for ap in average_precisions(seed)])) for seed in (1, 2, 3)]
    assert (plain["run"], plain["varied"], plain["count"]) == (str(tmp_path / "seed-*" / "test-1"), "seeds", "3")
    assert float(plain["mAP_mean"]) == pytest.approx(np.mean(means))
    assert float(plain["mAP_std"]) == pytest.approx(np.std(means, ddof=1))
    assert (float(plain["mAP_low"]), float(plain["mAP_high"])) == pytest.approx(bootstrap_interval(means))
    assert (flip["variant"], flip["remark"]) == ("flip", "saw_test people")
    shown = run(capsys, "summarize", *seeds, "--over_seeds", "true").out
    assert "3 runs" in shown
    assert "over runs is that of training with another seed" in " ".join(shown.split())


def test_over_trials_joins_runs_of_one_trial_each(capsys: Capsys, tmp_path: Path) -> None:
    numbers = (10, 2, 1)
    runs = []
    for trial in numbers:
        ap = average_precisions(trial, trials=1)
        rows = [
            result(ap, f"{REGDB}/trial-{trial}", digest=str(trial)),
            result(ap, f"regdb/infrared-to-visible/trial-{trial}", "saw people"),
        ]
        runs.append(write(tmp_path / f"{trial}", *rows))
    there, back = table(run(capsys, "summarize", *runs, "--over_trials", "true", "--format", "csv").out)
    means = [float(np.mean(average_precisions(trial, trials=1))) for trial in numbers]
    assert (there["protocol"], there["varied"], there["count"]) == (REGDB, "trials", "3")
    assert there["remark"] == "trials 1, 2, 10"
    assert back["remark"] == "saw people; trials 1, 2, 10"
    assert float(there["mAP_mean"]) == pytest.approx(np.mean(means))
    assert (float(there["mAP_low"]), float(there["mAP_high"])) == pytest.approx(bootstrap_interval(means[::-1]))


def refused(capsys: Capsys, *words: object) -> str:
    done = run(capsys, "summarize", *words)
    assert (done.code, done.out) == (2, "")
    return done.err


def test_what_is_no_repetition(capsys: Capsys, seeds: list[Path], tmp_path: Path) -> None:
    over = ("--over_seeds", "true")
    assert "needs at least two runs" in refused(capsys, seeds[0], *over)
    assert "is given more than once" in refused(capsys, seeds[0], seeds[0].parent, *over)
    one = write(tmp_path / "one", result())
    assert "Repetitions hold the same protocols, but" in refused(capsys, seeds[0], one, *over)
    other = write(tmp_path / "other", result(average_precisions(2), digest="d2"))
    assert "compared other images" in refused(capsys, one, other, *over)
    unknown = [write(tmp_path / name, result(average_precisions(2), digest="")) for name in ("x", "y")]
    assert "compared other images" in refused(capsys, *unknown, *over)


def test_what_is_no_trial(capsys: Capsys, seeds: list[Path], tmp_path: Path) -> None:
    over = ("--over_trials", "true")
    assert "does not end in /trial-N" in refused(capsys, *seeds, *over)
    twice = [write(tmp_path / name, result(protocol=f"{REGDB}/trial-1")) for name in ("x", "y")]
    assert "both hold" in refused(capsys, *twice, *over)
    assert "is given more than once" in refused(capsys, twice[0], twice[0], *over)
    assert "exclude each other" in refused(capsys, *twice, *over, "--over_seeds", "true")


@pytest.mark.parametrize(
    ("words", "message"), [(["nowhere"], "There is no 'nowhere'"), ([], "error: "), (["x", "--format", "pdf"], "format")]
)
def test_bad_input_is_exit_code_2(capsys: Capsys, words: list[str], message: str) -> None:
    assert message in refused(capsys, *words)


@pytest.mark.parametrize(
    ("page", "expected"),
    [("README.md", ["summarize", "compare"]), ("configs/README.md", ["summarize", "summarize", "compare", "compare"])],
)
def test_commands_of_the_pages_run(page: str, expected: list[str], capsys: Capsys, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lines = (Path(__file__).parents[2] / page).read_text(encoding="utf-8").splitlines()
    commands = [line.split()[1:] for line in lines if line.startswith(("vireid summarize ", "vireid compare "))]
    assert [words[0] for words in commands] == expected
    monkeypatch.chdir(tmp_path)
    names = sorted({name for words in commands for word in words for name in word.split(",") if name.startswith("runs/")})
    for seed, name in enumerate(names):
        write(Path(name) / "test-1", result(average_precisions(seed)))
    for words in commands:
        done = run(capsys, *words)
        assert (done.code, done.err) == (0, "")
        assert SYSU in done.out
