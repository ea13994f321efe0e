"""Writer of synthetic datasets: check the arguments, draw and save unit by unit, then move the finished tree into place."""

from __future__ import annotations

import os
from collections.abc import Generator
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import closing, contextmanager
from functools import partial
from multiprocessing import get_context
from pathlib import Path

from vireid.data.synthetic.difficulty import BENCHMARK, Difficulty
from vireid.data.synthetic.layouts import LAYOUTS, LayoutName, Style, units
from vireid.data.synthetic.render import Look, Unit, render
from vireid.data.synthetic.worlds import WORLDS, WorldName
from vireid.errors import OutputError
from vireid.files import atomic_folder
from vireid.terminal import track

GENERATOR_VERSION = 3
"""Version of the generator. It increases whenever the same arguments give other files, and is part of cache keys."""

STYLES = ("near_infrared", "thermal")
LEAST = {"identities": 4, "seed": 0, "height": 32, "width": 16, "workers": 0}
MOST = {"identities": 9999, "images": 9999, "seed": 2**32 - 1, "height": 1024, "width": 512, "workers": 64}


def write_dataset(
    root: str | os.PathLike[str],
    layout: LayoutName = "sysu",
    identities: int = 310,
    test_identities: int | None = None,
    images: int | None = None,
    seed: int = 0,
    height: int = 128,
    width: int = 64,
    style: Style = "near_infrared",
    world: WorldName = "contrast",
    workers: int = 0,
    progress: bool = False,
    difficulty: Difficulty = BENCHMARK,
) -> Path:
    """Draw people and write them in the disk layout of a published dataset.

    The same arguments give the same bytes for any ``workers``. The tree is built in a hidden folder next to ``root`` and is moved
    into place when it is complete, so an interrupted run leaves nothing at ``root``. Infrared files have three equal channels.

    A tree that a killed run left unfinished is removed by the next one with this ``root``; two runs do not write it at the same time.

    * ``sysu``: ``cam1``..``cam6`` / ``NNNN`` / ``NNNN.jpg``; cameras 3 and 6 are infrared. A fifth of the identities are for the test, a
      fifth of the others for validation, the rest for training, drawn by the seed (SYSU-MM01 has 96, 99 and 296).
      Unlike SYSU-MM01, every identity is in all six cameras, validation included, and there is no ``rand_perm_cam.mat``.
    * ``regdb``: ``Visible`` and ``Thermal`` folders of bitmaps and ten index trials; half of the identities train in each trial.
    * ``llcm``: ``vis`` and ``nir`` folders of nine places, index files, and copies of the test images by camera. A third of the
      identities is for the test. Both sensors of a place have the same number. Place 3 has no infrared sensor.
    * ``market``: ``bounding_box_train``, ``query`` and ``bounding_box_test`` of six visible cameras; half of the identities are for the
      test. The gallery has a few distractors (identity 0) and junk images (identity -1); ``style`` and ``world`` change nothing.

    Args:
        root: folder to write; it may exist only if it is empty.
        layout: layout of the files: ``sysu``, ``regdb``, ``llcm`` or ``market``.
        identities: number of people, 4 to 9999; identity numbers are 1..identities.
        test_identities: number of test people (per trial for RegDB); ``None`` means a fifth for ``sysu``, half for ``regdb`` and
            ``market``, a third for ``llcm``.
        images: number of images per identity and camera; ``None`` means 3 for ``sysu`` and ``market`` (which needs 2), 10 for
            ``regdb``, 2 for ``llcm``.
        seed: seed of the drawing, 0 to 2**32 - 1.
        height, width: size of the images, in pixels; people fill the height.
        style: light that the infrared cameras see: reflected ``near_infrared`` light, or ``thermal`` emission (much harder).
        world: additional effect of infrared cameras: ``contrast`` (none, low contrast is the whole gap), ``detail``, ``noise``, ``lamp``,
            ``bars``, ``exposure`` or ``mixed``. Each makes another place in a network best to separate by modality.
        workers: number of processes that draw; 0 draws in this process. With more than 0, new processes import the script again, so it
            needs ``if __name__ == "__main__":``.
        progress: whether to show a progress bar.
        difficulty: knobs of the generator; the default is the calibrated benchmark.

    Returns:
        ``root`` as a path.

    Raises:
        ValueError: an argument is out of its range.
        OutputError: ``root`` is not empty or cannot be written, or worker processes died.

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     root = write_dataset(folder + "/tiny", identities=4, images=1)
        ...     sorted(path.name for path in root.iterdir())
        ['cam1', 'cam2', 'cam3', 'cam4', 'cam5', 'cam6', 'exp']
    """
    _check_choice("layout", layout, tuple(LAYOUTS))
    _check_choice("style", style, STYLES)
    _check_choice("world", world, tuple(WORLDS))
    plan = LAYOUTS[layout]
    images = plan.default_images if images is None else images
    given = {"identities": identities, "images": images, "seed": seed, "height": height, "width": width, "workers": workers}
    for name, value in given.items():
        _check_number(name, value, plan.least_images if name == "images" else LEAST[name], MOST[name])
    if test_identities is not None:
        _check_number("test_identities", test_identities, 1, identities - 2, " (two must remain to train and validate)")
    target = Path(root)
    work = units(plan.cameras(style), identities, images)
    _check_target(target)
    with _finished_tree(target, workers) as tree:
        _check_target(target)  # another process may have been at it
        with closing(_draw_all(partial(_draw, tree, layout, Look(seed, height, width, difficulty, world)), work, workers)) as done:
            for _ in track(done, "Drawing people", len(work), disable=not progress):
                pass
        plan.lists(tree, seed, identities, test_identities)
    return target


@contextmanager
def _finished_tree(target: Path, workers: int) -> Generator[Path, None, None]:
    """An atomic folder, and a reason for processes that died."""
    try:
        with atomic_folder(target) as tree:
            yield tree
    except BrokenProcessPool as error:
        raise OutputError(
            f"The {workers} worker processes ended early, so nothing was written to {os.fspath(target)!r}. "
            'Call write_dataset under `if __name__ == "__main__":`, or set `workers=0`.'
        ) from error


def _draw(root: Path, layout: str, look: Look, unit: Unit) -> None:
    LAYOUTS[layout].save(root, unit, render(look, unit))


def _draw_all(draw: partial[None], work: list[Unit], workers: int) -> Generator[None, None, None]:
    if not workers:
        yield from map(draw, work)
        return
    with ProcessPoolExecutor(workers, mp_context=get_context("spawn")) as pool:
        try:
            yield from pool.map(draw, work)
        except BaseException:
            pool.shutdown(cancel_futures=True)
            raise


def _check_choice(name: str, value: object, choices: tuple[str, ...]) -> None:
    if value not in choices:
        raise ValueError(f"`{name}` must be one of {', '.join(choices)}, got {value!r}.")


def _check_number(name: str, value: object, least: int, most: int, reason: str = "") -> None:
    if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
        raise ValueError(f"`{name}` must be a whole number from {least} to {most}{reason}, got {value!r}.")


def _check_target(target: Path) -> None:
    try:
        occupied = target.exists() and (not target.is_dir() or any(target.iterdir()))
    except OSError as error:
        raise OutputError(f"Cannot look into {os.fspath(target)!r} ({error.strerror or error}).") from error
    if occupied:
        raise OutputError(f"{os.fspath(target)!r} exists and is not an empty folder; name another `root` or remove it first.")
