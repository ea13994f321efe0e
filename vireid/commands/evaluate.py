"""``vireid evaluate``: scores of a test whose images were embedded in parts."""

from __future__ import annotations

import os
from pathlib import Path

from vireid.commands.parser import ShortErrors
from vireid.commands.run_directory import check_fresh, next_free, writable
from vireid.errors import MissingFileError
from vireid.printable import printable
from vireid.terminal import say


def main(words: list[str]) -> int:
    """Run ``vireid evaluate FOLDER``; ``words[0]`` is ``evaluate``."""
    about = "Score a test whose images were embedded in parts, without joining them: equal for any number of parts."
    parser = ShortErrors(prog="vireid evaluate", description=about)
    parser.add_argument("folder", type=str, help="folder that vireid predict --ckpt PATH --shard i/n --run_dir FOLDER wrote")
    parser.add_function_arguments(evaluate, skip={"folder"})
    return evaluate(**vars(parser.parse_args(words[1:])))


def evaluate(folder: str, run_dir: str | None = None) -> int:
    """Write ``metrics.json`` with the rows that ``vireid test`` gives by plain distance; thresholds, pictures and re-ranking are left out.

    Args:
        folder: folder of all parts.
        run_dir: new folder for the results; default: a new test-N in the folder.
    """
    place = Path(folder)
    if not place.is_dir():
        raise MissingFileError(f"There is no folder {os.fspath(place)!r}: name the --run_dir of `vireid predict --shard`.")
    from vireid.results import print_results, write_metrics
    from vireid.results.sharded import ShardedEmbeddings

    found = ShardedEmbeddings.open(place)
    results = found.score()
    if run_dir is not None:
        check_fresh(writable(Path(run_dir)))
    target = next_free(place, "test") if run_dir is None else Path(run_dir)
    about = {name: value for name, value in found.about.items() if name != "remark"}
    write_metrics(target / "metrics.json", results, **about)
    phase = str(about.get("phase", "")).capitalize()
    print_results(results, f"{phase} network, percent (mean ± deviation over trials)")
    say(f"Results in {printable(target / 'metrics.json')}")
    return 0
