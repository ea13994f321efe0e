"""The top of a page: what was measured, in four numbers, and what a reader must know."""

from __future__ import annotations

from vireid.report.markup import Child, Markup, tag
from vireid.report.told import Page, Tested, Told, percent
from vireid.results.embedding_space import modality_gap

NO_TEST = "There is no test yet. Run vireid test --ckpt on a checkpoint of the run, and make the report again."


def head(page: Page) -> Markup:
    """Title, subtitle, tiles and remarks."""
    kind = "Comparison" if len(page.runs) > 1 else "Search" if page.runs[0].run.is_search else "Test" if page.tested else "Training"
    title = " · ".join(each.label for each in page.runs) if len(page.runs) < 3 else f"{len(page.runs)} runs"
    return tag("header", tag("p", f"vireid · {kind.lower()}", class_="kind"), tag("h1", title), *_body(page))


def _body(page: Page) -> list[Child]:
    if len(page.tested) == 1:
        return [_subtitle(page.first), _tiles(_of_test(page.first)), *_remarks(page)]
    if page.tested:
        return [_subtitle(page.first), _tiles(_of_tests(page)), *_remarks(page)]
    searched = [each for each in page.runs if each.run.is_search]
    tiles = _tiles(_of_search(searched[0])) if searched else None
    return [tiles, tag("p", NO_TEST, class_="note")]


def _subtitle(each: Tested) -> Markup:
    row = each.results.results[0]
    trials = f"{row.trials} trial{'s' if row.trials > 1 else ''}"
    people = f", {len(set(row.per_query[0].pids.tolist())):,} people" if row.per_query else ""
    return tag("p", tag("code", row.name), f": {row.queries:,} queries{people}, {trials}.", class_="subtitle")


def _of_test(each: Tested) -> list[tuple[str, str, str]]:
    mean = each.results.results[0].mean
    tiles = [
        ("Rank-1", percent(mean["rank1"]), "percent"),
        ("mAP", percent(mean["mAP"]), "percent"),
        ("mINP", percent(mean["mINP"]), "percent"),
    ]
    gap = None if each.results.images is None else modality_gap(each.results.images)
    return tiles if gap is None else [*tiles, ("Modality gap", f"{gap.gap:.2f}", "0 is none, 2 at most")]


def _of_tests(page: Page) -> list[tuple[str, str, str]]:
    """mAP of every test in the first row of the first test."""
    name = page.first.results.results[0].name
    rows = [(each, row) for each in page.tested for row in each.results.results if row.name == name]
    return [(each.label, percent(row.mean["mAP"]), f"mAP; Rank-1 {percent(row.mean['rank1'])}") for each, row in rows[:6]]


def _of_search(each: Told) -> list[tuple[str, str, str]]:
    genotype = each.run.genotype
    assert genotype is not None
    choices = list(genotype.choices.values())
    common = max(dict.fromkeys(choices), key=choices.count)
    others = len(choices) - choices.count(common)
    tiles = [("Sites", str(len(choices)), f"{others} {'is' if others == 1 else 'are'} not {common}")]
    epoch, entropy = genotype.provenance.get("epoch"), genotype.provenance.get("entropy")
    if isinstance(epoch, int):
        tiles.append(("Epochs", str(epoch), "of the search"))
    if isinstance(entropy, float):
        tiles.append(("Entropy", f"{entropy:.2f}", "nats, mean of the sites"))
    return tiles


def _tiles(tiles: list[tuple[str, str, str]]) -> Markup:
    made = [tag("div", tag("span", name), tag("strong", value), tag("small", below), class_="tile") for name, value, below in tiles]
    return tag("div", *made, class_="tiles")


def _remarks(page: Page) -> list[Markup]:
    found = dict.fromkeys((each.label, row.remark) for each in page.tested for row in each.results.results if row.remark)
    named = len(page.runs) > 1
    return [tag("p", f"{label}: {remark}" if named else remark, class_="note remark") for label, remark in found]
