"""A process that is killed loses nothing that it acknowledged, and leaves no part of a batch; two processes do not write at once."""

from __future__ import annotations

import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.deploy.gallery.stand_in import Projection, files, image, remains, unit_rows
from vireid import Gallery
from vireid.deploy import Where
from vireid.errors import OutputError

HEAD = """
import sys
from pathlib import Path
import numpy as np
from tests.deploy.gallery.stand_in import Projection, unit_rows
from vireid import Gallery
from vireid.deploy import Where
path, start, quantised = Path(sys.argv[1]), int(sys.argv[2]), sys.argv[3] == "True"
def say(*words):
    print(*words, flush=True)
gallery = Gallery(path, Projection(), quantised=quantised)
say("ready")
"""
ADD = (
    HEAD
    + """
for turn in range(start, 10**6):
    say("done", *gallery.add_embeddings(unit_rows(20, seed=turn), "visible", [f"p{turn}"] * 20))
"""
)
DELETE = (
    HEAD
    + """
for person in gallery.people:
    say("try", person)
    gallery.remove(Where(people=[person]))
    say("done", person)
"""
)
SAVE = (
    HEAD
    + """
gallery.search_embedding(unit_rows(1)[0], "visible")
while True:
    with gallery._writing():
        gallery._derived.save()
    say("done")
"""
)
REEMBED = (
    HEAD.replace("Gallery(path, Projection()", "Gallery(path")
    + """
import vireid.deploy.gallery.reembedding as reembedding
reembedding.BATCH = 4
class Slow(Projection):
    def _raw(self, *images):
        say("batch")
        return super()._raw(*images)
gallery.reembed(Slow(f"model {start}"))
say("done")
"""
)


def killed(program: str, path: Path, start: int, chance: random.Random, quantised: bool = False, fewest: int = 0) -> list[list[str]]:
    """Lines that a program wrote before it was killed, some time after it was ready and had written some."""
    words = [sys.executable, "-c", program, str(path), str(start), str(quantised)]
    process = subprocess.Popen(words, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    lines = [process.stdout.readline().strip() for _ in range(chance.randint(fewest, fewest + 6))]
    time.sleep(chance.uniform(0, 0.01))
    process.send_signal(signal.SIGKILL)
    lines += process.stdout.read().splitlines()
    process.stdout.close()
    process.wait()
    return [line.split() for line in lines if line]


def add_kills(path: Path, kills: int) -> None:
    acknowledged: dict[int, str] = {}
    for kill in range(kills):
        for line in killed(ADD, path, 1000 * kill, random.Random(kill)):
            acknowledged |= {int(number): "" for number in line[1:]}
        with Gallery.open(path, Projection()) as gallery:
            entries = {entry.id: entry.person for entry in gallery.entries()}
            assert acknowledged.keys() <= entries.keys()
            people = list(entries.values())
            assert {people.count(person) for person in people} <= {20}  # whole batches
            assert len(entries) <= len(acknowledged) + 20 * (kill + 1)  # at most one batch more, whose acknowledgement was killed
            assert gallery.damage() == ""


def delete_kills(path: Path, kills: int) -> None:
    with Gallery(path, Projection()) as gallery:
        for person in range(40 * kills):
            gallery.add_embeddings(unit_rows(2, seed=person), "visible", f"{person:05}")
    gone: set[str] = set()
    tried: set[str] = set()
    for kill in range(kills):
        for word, person in killed(DELETE, path, 0, random.Random(kill), fewest=2):
            (gone if word == "done" else tried).add(person)
        with Gallery.open(path, Projection()) as gallery:
            there = [entry.person or "" for entry in gallery.entries()]
            assert {there.count(person) for person in there} <= {2}
            assert gone.isdisjoint(there)
            assert {f"{person:05}" for person in range(40 * kills)} - tried <= set(there)
            assert gallery.damage() == ""
    removed = [unit_rows(2, seed=int(person)).tobytes() for person in gone]
    assert gone
    assert remains(path, removed) == 0


def reembed_kills(path: Path, folder: Path, kills: int) -> None:
    images = files(folder, people=20, shots=2)
    with Gallery(path, Projection()) as gallery:
        gallery.add(images, "visible", person=[p.name for p in images])
    for kill in range(kills):
        lines = killed(REEMBED, path, kill // 3, random.Random(kill))  # the same model until it may have finished
        with Gallery.open(path) as gallery:
            old, new = Projection(f"model {max(0, kill // 3 - 1)}" if kill > 2 else "first"), Projection(f"model {kill // 3}")
            model = gallery.model
            assert len(gallery) == 40
            assert gallery.damage() == ""
            assert model == new.card.digest or ["done"] not in lines
            for embedder in (old, new):
                if embedder.card.digest == model:
                    gallery.embedder = embedder
                    for source in images[:3]:
                        assert gallery.search(source, "visible").candidates[0].score == pytest.approx(1, abs=1e-5)
                    break
            else:
                assert kill  # an older model: no later one was finished


def save_kills(path: Path, kills: int) -> None:
    pytest.importorskip("faiss")
    with Gallery(path, Projection(), quantised=True) as gallery:
        gallery.add_embeddings(unit_rows(3000), "visible", "p")
    query = unit_rows(1, seed=77)[0]
    with Gallery.open(path, Projection()) as gallery:
        expected = [candidate.entry.id for candidate in gallery.search_embedding(query, "visible").candidates]
    for kill in range(kills):
        killed(SAVE, path, 0, random.Random(kill), quantised=True)
        with Gallery.open(path, Projection(), quantised=True) as gallery:
            assert [candidate.entry.id for candidate in gallery.search_embedding(query, "visible").candidates] == expected


def test_killed_additions(tmp_path: Path) -> None:
    add_kills(tmp_path / "people.gallery", 3)


def test_killed_removals(tmp_path: Path) -> None:
    delete_kills(tmp_path / "people.gallery", 2)


def test_killed_changes_of_the_model(tmp_path: Path) -> None:
    reembed_kills(tmp_path / "people.gallery", tmp_path / "images", 2)


def test_killed_saves_of_the_index(tmp_path: Path) -> None:
    save_kills(tmp_path / "people.gallery", 1)


@pytest.mark.slow
def test_fifty_kills(tmp_path: Path) -> None:
    add_kills(tmp_path / "a.gallery", 15)
    delete_kills(tmp_path / "b.gallery", 15)
    reembed_kills(tmp_path / "c.gallery", tmp_path / "images", 12)
    save_kills(tmp_path / "d.gallery", 10)


def test_a_second_writer_is_refused_or_waits_and_the_lock_dies_with_its_process(tmp_path: Path) -> None:
    path = tmp_path / "people.gallery"
    program = (
        HEAD
        + """
with gallery._writing():
    say("writing")
    sys.stdin.readline()
    gallery.add_embeddings(unit_rows(1), "visible", "first")
"""
    )
    words = [sys.executable, "-c", program, str(path), "0", "False"]

    def holder() -> subprocess.Popen[str]:
        process = subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        assert process.stdout is not None
        assert [process.stdout.readline() for _ in range(2)] == ["ready\n", "writing\n"]
        return process

    first = holder()
    with Gallery(path, Projection(), wait=0.2) as gallery:
        with pytest.raises(OutputError, match=rf"people\.gallery' is in use: process {first.pid} on .* writes into it\. Wait until"):
            gallery.add(image(1), "visible")
        assert gallery.search(image(1), "visible").candidates == ()  # searching needs no lock
    with Gallery(path, Projection(), wait=60) as gallery:
        assert first.stdin is not None
        first.stdin.write("go on\n")
        first.stdin.flush()
        assert gallery.add(image(1), "visible", person="second") == [2]  # after it
        assert gallery.people == ["first", "second"]
        first.communicate()
        second = holder()
        second.kill()
        second.communicate()
        assert gallery.remove(Where(people=["first"])) == 1
