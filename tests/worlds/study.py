"""The study of the worlds: what searches answer on people that no choice was made on, and what their answers are worth.

``python -m tests.worlds.study bars --people 10 --output tests/worlds/studies/bars-10.json``. One process does all of a world, because
its start costs more than a training. What is in the file is not computed again. A file is of one tree: a changed one is refused.

Arms, each with three seeds of the search: the shortlist in the joint space; the alternating search, in the space of separations and in the
joint one, with forks and without; and as many random points as the shortlist has, of its pool and of the joint space, decided by the same
forks. Every answer, the constants, and 16 random points are trained with three seeds.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import subprocess
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import torch

from tests.worlds.measure import RANDOM, WIDTH, data, point, points, run, space, statistics
from tests.worlds.searches import HELD_OUT, Alternating, Searcher, pool, separation
from vireid import SyntheticDataModule
from vireid.commands.pretrain.settings import Pretraining
from vireid.commands.pretrain.surrogate import pretrained
from vireid.data import FlipShiftAugmentation
from vireid.files import write_text_atomically
from vireid.search import JointNorm
from vireid.structures import Genotype

SEEDS = (0, 1, 2)
CONSTANTS = ["00000", "11111", "10000", "11000", "11100", "11110", "00001", "44400", "22000", "22200"]
UNTIED = ["ibn_a", "ibn_b"]
"""Baselines whose places lie within stages."""
UNMATCHED = ["00000", "11111"]
"""Points that are also trained with one mean and deviation for both modalities."""
ALTERNATING = Alternating()
HERE = Path(__file__).parent
TREE = (*sorted((HERE.parents[1] / "vireid").rglob("*.py")), *(HERE / f"{name}.py" for name in ("measure", "searches", "study", "untied")))


class ChangedTreeError(Exception):
    """The program is not the one that began the file."""


def random_points() -> list[str]:
    """Random points of the joint space."""
    return points()[-RANDOM:]


def draw(codes: list[str], count: int, seed: int) -> list[str]:
    """So many different ones of the codes."""
    order = torch.randperm(len(codes), generator=torch.Generator().manual_seed(1000 + seed)).tolist()
    return [codes[index] for index in order[:count]]


def joint_codes(count: int, seed: int) -> list[str]:
    """So many random points of the joint space."""
    digits = torch.randint(5, (count, 5), generator=torch.Generator().manual_seed(2000 + seed))
    return ["".join(map(str, row)) for row in digits.tolist()]


class Study:
    """The runs of one world and its people.

    Args:
        world: name of a world.
        people: seed of people and images.
        output: file of all results.
        tree: what :func:`tree` says of the program.
        width: channels of the stem.
        trunk: the network that is trained before, for its weights.
    """

    def __init__(self, world: str, people: int, output: Path, tree: dict[str, str], width: int = WIDTH, trunk: str = "resnet10") -> None:
        self.world, self.people, self.output, self.width = world, people, output, width
        self.weights = pretrained(Pretraining(trunk, width=width))
        self._data: dict[tuple[bool, bool, int], SyntheticDataModule] = {}
        self._images: dict[tuple[bool, int], list[Any]] = {}
        if output.exists():
            self.content = json.loads(output.read_text())
            if [self.content["tree"]["digest"], self.content["width"], self.content["trunk"]] != [tree["digest"], width, trunk]:
                raise ChangedTreeError(
                    f"{output} was begun by another program, of commit {self.content['tree']['commit']}, or for another network."
                )
        else:
            mean, std = statistics(data(world, people, 0))
            about = {"world": world, "people": people, "width": width, "trunk": trunk, "tree": tree, "mean": mean, "std": std}
            self.content = {**about, "searches": {}, "runs": {}}

    def run(self) -> None:
        """Run what is missing: searches, then the training of their answers and of everything that they are compared with."""
        for name, seed, compute in self._searches():
            self._do("searches", f"{name}/{seed}", compute)
        for name, genotype, matched in self._networks():
            for seed in SEEDS:
                self._do("runs", f"{name}/{seed}", partial(self._trained, genotype, matched, seed))

    def _searches(self) -> Iterator[tuple[str, int, Callable[[], dict[str, Any]]]]:
        for seed in SEEDS:
            searcher = Searcher(self._people(searched=True, matched=True, seed=seed), self.weights, seed, self.width)
            yield "shortlist", seed, searcher.shortlist
            count = len(self.content["searches"][f"shortlist/{seed}"]["forks"])
            yield "random_pool", seed, partial(searcher.drawn, draw(pool(), count, seed))
            yield "random_joint", seed, partial(searcher.drawn, joint_codes(count, seed))
            yield "alternating_separation", seed, partial(searcher.alternating, separation(self.width), ALTERNATING)
            yield "alternating_joint", seed, partial(searcher.alternating, space(self.width), ALTERNATING)

    def _networks(self) -> Iterator[tuple[str, Genotype, bool]]:
        """Name and genotype of everything that is trained, and whether the modalities are matched."""
        answers = [found[key] for found in self.content["searches"].values() for key in ("answer", "argmax") if key in found]
        for code in dict.fromkeys([*CONSTANTS, *answers, *random_points()]):
            yield code, point(code, self.width), True
        untied = JointNorm("resnet10", width=self.width)
        for name in UNTIED:
            yield name, untied.baseline(name), True
        for code in UNMATCHED:
            yield f"unmatched {code}", point(code, self.width), False

    def _trained(self, genotype: Genotype, matched: bool, seed: int) -> float:
        found = self._people(searched=False, matched=matched, seed=seed)
        if (matched, seed) not in self._images:
            self._images[matched, seed] = list(found.test_dataloader())
        return round(run(genotype, found, self._images[matched, seed], seed, self.weights), 3)

    def _people(self, searched: bool, matched: bool, seed: int) -> SyntheticDataModule:
        if (searched, matched, seed) not in self._data:
            augmentation = FlipShiftAugmentation(mean=self.content["mean"], std=self.content["std"]) if matched else FlipShiftAugmentation()
            arguments = HELD_OUT if searched else {}
            self._data[searched, matched, seed] = data(self.world, self.people, seed, augmentation=augmentation, **arguments)
        return self._data[searched, matched, seed]

    def _do(self, kind: str, name: str, compute: Callable[[], Any]) -> None:
        if name not in self.content[kind]:
            self.content[kind][name] = compute()
            write_text_atomically(self.output, json.dumps(self.content, indent=1) + "\n")


def tree() -> dict[str, str]:
    """Commit of this program, and digest of everything that results depend on.

    Raises:
        ChangedTreeError: a file differs from the commit.
    """
    digest = hashlib.sha256()
    for path in TREE:
        digest.update(path.read_bytes())
    commit, changed = (
        subprocess.run(["git", *words], cwd=HERE, capture_output=True, text=True, check=True).stdout.strip()
        for words in (["rev-parse", "HEAD"], ["status", "--porcelain", "--", *map(str, TREE)])
    )
    if changed:
        raise ChangedTreeError(f"A study is of a commit, but these files differ from it:\n{changed}")
    return {"commit": commit, "digest": digest.hexdigest()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("world")
    parser.add_argument("--people", type=int, default=10)
    parser.add_argument("--width", type=int, default=WIDTH)
    parser.add_argument("--output", type=Path, required=True)
    words = parser.parse_args()
    torch.set_num_threads(1)
    Study(words.world, words.people, words.output, tree(), words.width).run()


if __name__ == "__main__":
    main()
