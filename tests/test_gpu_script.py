"""The script that measures a GPU runs, at a tiny size, on a CPU."""

from __future__ import annotations

import re
import time

import pytest

from tests.benchmarks import gpu

TINY = gpu.Sizes(rows=4, images=2, height=64, width=32)
ROW = r"\| {} (\| [0-9.]+ ){{3}}\| nan (\| [0-9.]+ ){{2}}\|"


@pytest.mark.slow  # ResNet-50, seven times
def test_a_table_with_its_loops_and_with_a_row_that_says_why_it_fails(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(gpu, "SKIPPED", 1)
    monkeypatch.setattr(gpu, "TIMED", 2)
    monkeypatch.setattr(gpu, "TIMED_LOOP", 2)
    fits = ["CM-NAS, 32-true", "CM-NAS, bf16-mixed, channels_last", "search, joint one level, 32-true"]
    gpu.main(TINY, lambda name: name in (*fits, "CM-NAS, 16-mixed, channels_last"))
    said = capsys.readouterr().out
    for name in ("plain loop, CM-NAS", "plain loop, AGW", *fits):
        assert re.search(ROW.format(name), said), said
    assert "| CM-NAS, 16-mixed, channels_last | SettingsError: `trainer.precision: 16-mixed` needs a GPU" in said


def test_a_batch_of_one_identity_is_refused_and_a_row_that_takes_too_long_ends() -> None:
    with pytest.raises(ValueError, match="two identities or more; 4 rows of 4 images are fewer"):
        gpu.Sizes(rows=4, images=4)
    with pytest.raises(TimeoutError, match="more than 0 s"), gpu.limited(0.01):
        time.sleep(9)


def test_the_names_of_the_rows_differ() -> None:
    names = [case.name for case in gpu.cases()]
    assert len(set(names)) == len(names)
    assert any("compiled" in name for name in names)
