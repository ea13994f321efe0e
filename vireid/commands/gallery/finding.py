"""Searches, calibration and contents of a gallery, as tables."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime, timezone
from typing import Any

from rich.table import Table

from vireid.commands.gallery.actions import embedder_of
from vireid.commands.gallery.files import open_file, through_a_file
from vireid.commands.gallery.folders import groups
from vireid.deploy import Answer, Calibration, Entry, Gallery, ImageEmbedder, Probes, Where, open_gallery
from vireid.deploy.gallery.entries import shown
from vireid.deploy.image_lists import image_files
from vireid.errors import SettingsError
from vireid.printable import counted, printable
from vireid.terminal import say, table_console


def search_images(
    gallery: str,
    images: str,
    modality: str | None,
    model: str | None,
    k: int,
    target: float | None,
    by_person: bool,
    within: Where,
    quantised: bool,
    form: str,
) -> int:
    """Run ``vireid gallery search``."""
    if modality is None:
        raise SettingsError("Say of which modality the query is: --modality visible or infrared.")
    paths = image_files([images])
    embedder = embedder_of(model)
    with _quantised(gallery, embedder) if quantised else open_gallery(gallery, embedder) as opened:
        answer = opened.search(paths, modality, k, within, target, by_person)
    if form == "json":
        sys.stdout.write(json.dumps(_plain(answer), indent=1) + "\n")
        return 0
    if answer.candidates:
        table_console().print(_candidates(answer))
    if answer.threshold is not None:
        found = answer.threshold
        rate = f"a stranger passes in {100 * found.low:.2g} to {100 * found.high:.2g} % of searches"
        say(f"{'Nobody is' if answer.unknown else 'Somebody is'} accepted at the threshold {found.value:.4f}, at which {rate}.")
    for remark in answer.remarks:
        say(remark)
    return 0


def _quantised(gallery: str, embedder: ImageEmbedder) -> Gallery:
    return open_file(gallery, "leave out `--quantised`", embedder, quantised=True)


def calibrate_gallery(
    gallery: str, targets: Sequence[float], probes: str | None, model: str | None, modality: str | None, wait: float
) -> int:
    """Run ``vireid gallery calibrate``."""
    asked = []
    for group in groups(probes, modality, None)[0] if probes is not None else []:
        if None in group.people:
            raise SettingsError(f"`--probes` must hold one folder for each person; {probes!r} holds images of nobody known.")
        asked.append(Probes(group.paths, group.modality, [name or "" for name in group.people]))
    embedder = None if model is None and not asked else embedder_of(model)
    with open_file(gallery, through_a_file(gallery, "calibrate"), embedder, wait=wait) as opened:
        calibration = opened.calibrate(targets, asked)
    show_calibration(calibration)
    return 0


def show_info(gallery: str, images: bool) -> int:
    """Run ``vireid gallery info``; 1 if a file is damaged."""
    with open_gallery(gallery) as opened:
        sensors, people, cameras, span = opened.images_of_sensors(), opened.people, opened.cameras, opened.span()
        sides = " and ".join(f"{count} {side.name.lower()}" for side, count in sensors.items())
        counts = f"{counted(sum(sensors.values()), 'image')} ({sides}) of {counted(len(people), 'person', 'people')}"
        size = f", {opened.path.stat().st_size / 2**20:.1f} MiB" if isinstance(opened, Gallery) else ""
        say(f"{printable(gallery)}: {counts}, {counted(len(cameras), 'camera')}{size}")
        if span is not None:
            say(f"taken from {_time(span[0])} to {_time(span[1])}")
        model = opened.model
        say(f"model {model[:12]}, embeddings of {opened.width} numbers" if model else "no model yet")
        if isinstance(opened, Gallery) and (waiting := opened.waiting):
            wait = f"{counted(waiting, 'image')} {'waits for an embedding' if waiting == 1 else 'wait for embeddings'}"
            say(f"{wait} of this model, and no search finds {'it' if waiting == 1 else 'them'}: see `vireid gallery reembed`")
        if opened.calibration.pairs:
            show_calibration(opened.calibration)
        if images:
            table_console().print(_entries(opened.entries()))
        return _tell_damage(opened) if isinstance(opened, Gallery) else 0


def _tell_damage(opened: Gallery) -> int:
    damage = opened.damage()
    say("the file is whole" if not damage else f"THE FILE IS DAMAGED: {damage}. Restore a backup of it.")
    return int(bool(damage))


def show_calibration(calibration: Calibration) -> None:
    """Print thresholds, and why some were refused."""
    table = Table(title="Thresholds by false-positive identification rate (FPIR)", title_justify="left")
    table.add_column("query - gallery", overflow="fold")
    for column in ("FPIR", "threshold", "95 % interval", "FNIR", "searches", "people", "N"):
        table.add_column(column, justify="right", no_wrap=True)
    refused: dict[str, list[str]] = {}
    for name, pair in calibration.pairs.items():
        for point in pair.points:
            if point.threshold is None:
                refused.setdefault(point.refused, []).append(f"{name} at {point.target:g}")
                continue
            found = point.threshold
            missed = "-" if point.fnir is None else f"{point.fnir:.3f}"
            interval = f"{found.low:.4f} .. {found.high:.4f}"
            table.add_row(
                name, f"{point.target:g}", f"{found.value:.4f}", interval, missed, str(found.searches), str(found.people), str(found.size)
            )
    if table.rows:
        table_console().print(table)
    for reason, names in refused.items():
        say(f"No threshold of {', '.join(names)}: {reason}")


def _candidates(answer: Answer) -> Table:
    decided = answer.threshold is not None
    table = Table("#", "person", "image", "modality", "camera", "time", "file")
    for column in ("score", "calibrated", *(["accepted"] if decided else [])):
        table.add_column(column, justify="right", no_wrap=True)
    for place, found in enumerate(answer.candidates, 1):
        calibrated = "-" if found.calibrated is None else f"{found.calibrated:.2f}"
        accepted = [("yes" if found.accepted else "no")] if decided else []
        entry = _cells(found.entry)
        table.add_row(str(place), entry[1], entry[0], *entry[2:], f"{found.score:.4f}", calibrated, *accepted)
    return table


def _entries(entries: Sequence[Entry]) -> Table:
    table = Table("image", "person", "modality", "camera", "time", "file")
    for entry in entries:
        table.add_row(*_cells(entry))
    return table


def _cells(entry: Entry) -> list[str]:
    """Number, person, modality, camera, time and file, as they are."""
    texts = [str(entry.id), entry.person, entry.modality.name.lower(), entry.camera, None if entry.time is None else _time(entry.time)]
    return [shown(text) if text is not None else "-" for text in (*texts, entry.path)]


def _time(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, timezone.utc).isoformat(timespec="seconds")


def _plain(answer: Answer) -> dict[str, Any]:
    candidates = []
    for found in answer.candidates:
        entry = {**asdict(found.entry), "modality": found.entry.modality.name.lower()}
        candidates.append({**asdict(found), "entry": entry})
    threshold = None if answer.threshold is None else asdict(answer.threshold)
    return {"candidates": candidates, "threshold": threshold, "unknown": answer.unknown, "remarks": list(answer.remarks)}
