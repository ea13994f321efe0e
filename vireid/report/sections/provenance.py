"""Where the numbers come from."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from vireid.report.markup import Markup, tag
from vireid.report.told import Page, Told, section

KEYS = {
    "vireid": "vireid",
    "phase": "network",
    "evaluated_on": "images",
    "checkpoint": "checkpoint",
    "feature": "compared",
    "root": "data folder",
    "seed": "seed",
    "seconds": "seconds",
}
SEARCH_KEYS = {"vireid": "vireid", "created": "made", "seed": "seed", "epoch": "epochs", "imported": "imported"}


def provenance(page: Page) -> Markup | None:
    """Facts of every run, and its settings behind a click."""
    return section("provenance", "Where the numbers come from", *(_run(each) for each in page.runs))


def _run(each: Told) -> Markup:
    facts: dict[str, Any] = {"folder": each.run.name}
    if each.run.tested is not None:
        facts |= _known(each.run.tested.about, KEYS)
        digests = {row.images_sha256[:12] for row in each.run.tested.results if row.images_sha256}
        facts |= {"digests of the images": ", ".join(sorted(digests))} if digests else {}
    elif each.run.is_search and each.run.genotype is not None:
        facts |= _known(each.run.genotype.provenance, SEARCH_KEYS)
    data = each.run.tested.about.get("data") if each.run.tested is not None else None
    rows = [part for name, value in facts.items() for part in (tag("dt", name), tag("dd", value))]
    return tag(
        "div",
        tag("h3", each.label),
        tag("dl", *rows),
        _folded("Settings of the data", json.dumps(data, indent=1)) if data else None,
        _folded("config.yaml", each.run.config) if each.run.config else None,
    )


def _known(about: Mapping[str, Any], keys: Mapping[str, str]) -> dict[str, Any]:
    return {words: about[key] for key, words in keys.items() if isinstance(about.get(key), (str, int, float))}


def _folded(words: str, content: str) -> Markup:
    return tag("details", tag("summary", words), tag("pre", content))
