"""Every norm a site of its own: does the shortlist search find where few sites do, and where all are needed?

``python -m tests.worlds.untied detail --trunk resnet18 --people 10 --output tests/worlds/studies_untied/detail-resnet18-10.json``. The
search is the shortlist with ``cheapest``. Its answers, all separate and all shared are trained with three seeds. As in ``study.py``, what
is in the file is not computed again, and a changed tree is refused.
"""

from __future__ import annotations

import argparse
from functools import partial
from pathlib import Path

import torch

from tests.worlds.measure import WIDTH
from tests.worlds.searches import FORKS, Searcher
from tests.worlds.study import SEEDS, Study, tree
from vireid.search import BNSeparation, Confirm, ZeroCost
from vireid.tasks import Untrained


class Untied(Study):
    """The runs of one world, its people and one trunk.

    Args:
        world: name of a world.
        people: seed of people and images.
        output: file of all results.
        tree: what ``tree`` says of the program.
        trunk: a ResNet.
    """

    def __init__(self, world: str, people: int, output: Path, tree: dict[str, str], trunk: str) -> None:
        super().__init__(world, people, output, tree, WIDTH, trunk)
        self.space = BNSeparation(trunk, width=WIDTH)

    def run(self) -> None:
        for seed in SEEDS:
            searcher = Searcher(self._people(searched=True, matched=True, seed=seed), self.weights, seed)
            derivation = Confirm([ZeroCost()], cheapest=True, **FORKS)
            self._do("searches", f"cheapest/{seed}", partial(searcher.search, self.space, Untrained(), derivation))
        sites = len(self.space.sites())
        answers = [found["answer"] for found in self.content["searches"].values()]
        for code in dict.fromkeys(["0" * sites, "1" * sites, *answers]):
            genotype = self.space.decode([int(digit) for digit in code])
            for seed in SEEDS:
                self._do("runs", f"{code}/{seed}", partial(self._trained, genotype, True, seed))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("world")
    parser.add_argument("--trunk", default="resnet10")
    parser.add_argument("--people", type=int, default=10)
    parser.add_argument("--output", type=Path, required=True)
    words = parser.parse_args()
    torch.set_num_threads(1)
    Untied(words.world, words.people, words.output, tree(), words.trunk).run()


if __name__ == "__main__":
    main()
