"""Ranked lists, attention, and people who are confused."""

from __future__ import annotations

from typing import Any

import numpy as np

from vireid.plots.lists import kind_of
from vireid.plots.style import DASH
from vireid.report.markup import Markup, joined, tag
from vireid.report.thumbnails import Thumbnails, heat
from vireid.report.told import Page, note, section
from vireid.results.confusion import ConfusedPair, confused_pairs, first_counted
from vireid.results.details import Images, Ranks, shown_queries
from vireid.results.result import Result

ENTRIES = 10
MARKS = {"right": "✓", "wrong": "✗", "ignored": DASH}
LEGEND = (("right", "the right person"), ("wrong", "another person"), ("ignored", "not counted by the protocol"))


def lists(page: Page) -> Markup | None:
    """Ranked lists of the hardest, median and easiest queries of the first row."""
    kept = _kept(page)
    if kept is None:
        return None
    row, ranks, images, thumbnails = kept
    queries = row.per_query[0]
    shown = shown_queries(queries.ap, queries.pids)
    people = [_list(row, ranks, images, thumbnails, group, int(place)) for group, places in shown.items() for place in places]
    key = tag(
        "p", *(tag("span", tag("i", MARKS[kind], class_=f"mark {kind}", aria_hidden="true"), words) for kind, words in LEGEND), class_="key"
    )
    told = tag(
        "p", f"The first {ENTRIES} entries of the hardest, median and easiest queries; first trial of ", tag("code", row.protocol), "."
    )
    count = f"{len(people)} of {np.isfinite(queries.ap).sum():,} queries"
    return section(
        "lists", "Ranked lists" + page.named, told, key, _controls(count), tag("div", *people, id="queries"), _absent(thumbnails)
    )


def _kept(page: Page) -> tuple[Result, Ranks, Images, Thumbnails] | None:
    if not page.tested or page.thumbnails is None:
        return None
    run = page.first.results
    row = run.results[0]
    ranks = run.details.ranks.get(row.protocol)
    if not ranks or run.images is None or not row.per_query or len(ranks[0].query) != len(row.per_query[0].ap):
        return None
    return row, ranks[0], run.images, page.thumbnails


def _controls(count: str) -> Markup:
    groups = (("all", "all"), ("hardest", "hardest"), ("median", "median"), ("easiest", "easiest"), ("wrong", "wrong at rank 1"))
    buttons = [
        tag("button", words, type="button", data_show=name, aria_pressed="true" if name == "all" else "false") for name, words in groups
    ]
    orders = (("", "as listed"), ("ap", "average precision"), ("first", "rank of the first match"), ("person", "person"))
    options = [tag("option", words, value=name) for name, words in orders]
    sort = tag("label", "sort by ", tag("select", *options, id="order"))
    return tag(
        "div",
        tag("div", *buttons, role="group", aria_label="which queries"),
        sort,
        tag("span", count, id="count"),
        class_="controls",
        hidden=True,
    )


def _list(row: Result, ranks: Ranks, images: Images, thumbnails: Thumbnails, group: str, place: int) -> Markup:
    queries = row.per_query[0]
    query, ap = int(ranks.query[place]), float(queries.ap[place])
    first = None if queries.first is None else int(queries.first[place])
    entries = [_entry(ranks, images, thumbnails, place, rank) for rank in range(ENTRIES) if ranks.entries[place, rank] >= 0]
    best = first_counted(ranks)[place]
    wrong = best >= 0 and images.pids[ranks.entries[place, best]] != images.pids[query]
    told = tag(
        "div",
        tag("span", group, class_="tagged"),
        tag("b", f"person {thumbnails.who(query)}"),
        tag("span", f"camera {images.camids[query]}, {('visible', 'infrared')[images.modalities[query]]}"),
        tag("span", f"AP {100 * ap:.1f} %"),
        None if first is None else tag("span", f"first match at {first}"),
        class_="told",
    )
    strip = tag("ol", *entries, class_="strip", tabindex=0, aria_label=f"ranked list of {thumbnails.words(query)}")
    data: dict[str, Any] = {
        "data_group": group,
        "data_ap": f"{ap:.6f}",
        "data_first": first or 0,
        "data_person": thumbnails.who(query),
        "data_wrong": int(wrong),
    }
    return tag("article", tag("div", thumbnails.picture(query), class_="query"), told, strip, class_="list", **data)


def _entry(ranks: Ranks, images: Images, thumbnails: Thumbnails, place: int, rank: int) -> Markup:
    kind, entry = kind_of(ranks, images, place, rank), int(ranks.entries[place, rank])
    told = tag("small", tag("i", MARKS[kind], class_=f"mark {kind}", aria_hidden="true"), f"{ranks.distances[place, rank]:.2f}")
    return tag("li", thumbnails.picture(entry, kind), told, class_=kind)


def _absent(thumbnails: Thumbnails) -> Markup | None:
    if not thumbnails.absent:
        return None
    path = next(iter(thumbnails.absent))
    return note(
        f"{len(thumbnails.absent)} images cannot be shown, such as {path}. If the data folder has moved, name it: "
        "vireid report ... --root FOLDER."
    )


def alike(page: Page) -> Markup | None:
    """Queries beside their best counted entries, with attention maps over both."""
    attention = page.first.results.details.attention if page.tested else None
    if attention is None or page.thumbnails is None or page.thumbnails.shown == "none":
        return None
    cards = []
    for query, entry, similarity, maps in zip(attention.query, attention.entry, attention.similarity, attention.maps, strict=True):
        pictures = [
            tag("span", page.thumbnails.picture(int(image)), heat(values), class_="over")
            for image, values in zip((query, entry), maps, strict=True)
        ]
        right = page.thumbnails.who(int(query)) == page.thumbnails.who(int(entry))
        kind = "right" if right else "wrong"
        words = tag("figcaption", tag("i", MARKS[kind], class_=f"mark {kind}", aria_hidden="true"), f"{similarity:.2f}")
        cards.append(tag("figure", tag("div", *pictures), words, class_=f"card {kind}"))
    told = (
        "Each query beside the entry that it was taken for. Orange is where the network saw them as alike: Grad-CAM of the cosine of both "
        "embeddings, which is written below."
    )
    return section("attention", "What the network looks at" + page.named, tag("p", told), tag("div", *cards, class_="cards"))


def confused(page: Page) -> Markup | None:
    """Pairs of people whom the first entry confuses most often."""
    kept = _kept(page)
    if kept is None:
        return None
    row, ranks, images, thumbnails = kept
    pairs = confused_pairs(ranks, images)
    if not pairs:
        return section(
            "confused", "Who is taken for whom" + page.named, note("Nobody: the first counted entry of every query shows its person.")
        )
    told = tag("p", "The pairs of people whom the first counted entry confuses most often; first trial of ", tag("code", row.protocol), ".")
    return section(
        "confused", "Who is taken for whom" + page.named, told, tag("div", *(_pair(pair, thumbnails) for pair in pairs), class_="cards")
    )


def _pair(pair: ConfusedPair, thumbnails: Thumbnails) -> Markup:
    names = f"{thumbnails.who(pair.query)} and {thumbnails.who(pair.entry)}"
    pictures = joined(thumbnails.picture(pair.query), thumbnails.picture(pair.entry))
    times = f"{pair.count} {'query' if pair.count == 1 else 'queries'}"
    return tag("figure", tag("div", pictures), tag("figcaption", tag("b", names), tag("br"), times), class_="card")
