"""Tables of shortlists, from the provenance of a genotype."""

from __future__ import annotations

import csv
import io
from typing import Any

from rich.console import Console

from vireid.results.shortlist import shortlist_csv, shortlist_of, shortlist_table
from vireid.structures import Genotype

CANDIDATES = {"0": "shared_bn", "1": "separate_bn"}


def row(digits: str, forks: dict[str, float | None], chosen: bool = False) -> dict[str, Any]:
    return {
        "choices": {site: CANDIDATES[digit] for site, digit in zip(("bn1", "layer1.0.bn1"), digits, strict=True)},
        "proposers": ["Retrieval"],
        "scores": {"Retrieval": 0.2},
        "forks": {length: {"mAP": value, "error": None if value is None else 0.01} for length, value in forks.items()},
        "behind": None,
        "behind_error": None,
        "price": digits.count("1"),
        "chosen": chosen,
    }


def test_a_fork_that_diverged_is_shown_and_comes_last_of_its_round() -> None:
    rows = [
        row("11", {"0.1": None}),
        row("00", {"0.1": 0.2}),
        row("01", {"0.1": 0.4, "0.2": None}),
        row("10", {"0.1": 0.3, "0.2": 0.3}, True),
    ]
    tried = shortlist_of(Genotype({}, rows[3]["choices"], {"derivation": {"shortlist": rows}}))
    assert [one.stages for one in tried] == [
        {"stem": "separate", "layer1": "shared"},
        {"stem": "shared", "layer1": "separate"},
        {"stem": "shared", "layer1": "shared"},
        {"stem": "separate", "layer1": "separate"},
    ]
    console = Console(width=120, record=True, file=io.StringIO())
    console.print(shortlist_table(tried))
    lines = [line for line in console.export_text().splitlines() if "Retrieval" in line]
    assert [line.count("diverged") for line in lines] == [0, 1, 0, 1]
    written = list(csv.DictReader(io.StringIO(shortlist_csv(tried))))
    assert [one["mAP after 0.1"] for one in written] == ["0.3", "0.4", "0.2", ""]
    assert [one["mAP after 0.2"] for one in written] == ["0.3", "", "", ""]


def test_rows_of_another_form_are_left_out() -> None:
    rows = [row("11", {}), row("10", {"0.1": 0.2}), {"choices": 3}, None]
    tried = shortlist_of(Genotype({}, rows[1]["choices"], {"derivation": {"shortlist": rows}}))  # type: ignore[index]
    assert [one.stages for one in tried] == [{"stem": "separate", "layer1": "shared"}]
