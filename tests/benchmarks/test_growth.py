"""CPU time and memory of what walks through lists, as the lists grow; ``pytest -n 0 tests/benchmarks/test_growth.py -s``.

People have a hundred images each, which share two files. Every size runs in a process of its own, with one thread. What is compared is the
time of an image at one size and at ten times as many. ``python -m tests.benchmarks.test_growth KIND SIZE`` runs one of them.
"""

from __future__ import annotations

import itertools
import json
import os
import resource
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
import yaml  # type: ignore[import-untyped]  # ships no type information
from PIL import Image
from pytest_benchmark.fixture import BenchmarkFixture

from tests.benchmarks.conftest import Ratio
from tests.benchmarks.test_start_speed import MODEL, SMALL
from tests.results.written import average_precisions, result, write
from vireid import PairedFolderDataModule
from vireid.commands.configs import packaged_configs
from vireid.commands.data import main as check
from vireid.commands.jobs.job import prepare
from vireid.commands.lightning import main as fit
from vireid.commands.study.command import main as study
from vireid.commands.study.networks import write_genotypes
from vireid.commands.study.plan import make_plan
from vireid.commands.study.settings import StudySettings
from vireid.commands.study.study import SETTINGS_FILE
from vireid.commands.summarize import main as summarize
from vireid.metrics import evaluate_embeddings
from vireid.tasks import ReIDModule

IMAGES_OF_A_PERSON = 100
BATCHES, QUERIES = 200, 300
NOISE = 1.25
"""Times the time of an image at a tenth of the size: caches become less of a help."""
SYSU_TIMES_TEN = {"queries": 38_030, "gallery": 67_750, "people": 960}


def people(folder: Path, images: int) -> Path:
    """A table of so many images of people in two modalities; every other person is to be tested."""
    table = folder / "people.csv"
    if not table.exists():
        for seed, name in enumerate(("visible", "infrared")):
            pixels = np.random.default_rng(seed).integers(0, 256, (64, 32, 3), dtype=np.uint8)
            Image.fromarray(pixels).save(folder / f"{name}.jpg")
        count = images // IMAGES_OF_A_PERSON
        with table.open("w", encoding="utf-8") as file:
            file.write("path,pid,camid,modality,split\n")
            for number in range(images):
                person, turn = number % count, number // count % 2
                name = ("visible", "infrared")[turn]
                file.write(f"{name}.jpg,{person},{turn + 1},{name},{('test', 'train')[person % 2]}\n")
    return table


def reading(folder: Path, size: int) -> Callable[[], object]:
    """A table is read and divided into people to train and to test."""
    table = people(folder, size)

    def read() -> tuple[object, object]:
        data = PairedFolderDataModule(str(table), num_workers=0)
        return data.evaluation("test"), data.parts

    return read


def sampling(folder: Path, size: int) -> Callable[[], object]:
    """A sampler is made, and draws 200 batches of 64."""
    data = PairedFolderDataModule(str(people(folder, size)), num_workers=0)
    _ = data.parts
    return lambda: list(itertools.islice(data.train_dataloader().batch_sampler, BATCHES))


def checking(folder: Path, size: int) -> Callable[[], object]:
    """``vireid data check`` of the table."""
    table = people(folder, size)
    return lambda: check(["data", "check", str(table)])


def evaluating(_: Path, size: int) -> Callable[[], object]:
    """300 queries are ranked in a gallery, embeddings of 128 numbers."""
    return ranking(QUERIES, size, size // IMAGES_OF_A_PERSON)


def ranking(queries: int, gallery: int, count: int) -> Callable[[], object]:
    generator = torch.Generator().manual_seed(0)
    rows = torch.randn(queries, 128, generator=generator), torch.randn(gallery, 128, generator=generator)
    pids = (torch.randint(0, count, (number,), generator=generator) for number in (queries, gallery))
    return lambda: evaluate_embeddings(*rows, *pids, torch.full((queries,), 3), torch.ones(gallery, dtype=torch.long))


def starting(folder: Path, size: int) -> Callable[[], object]:
    """``vireid fit`` until the first step: options are parsed, the table is read, the network is built."""
    run = [f"--run_dir={folder / 'run'}", "--trainer.accelerator=cpu", "--trainer.max_epochs=1"]
    words = ["fit", "--data=vireid.PairedFolderDataModule", f"--data.root={people(folder, size)}", *SMALL, *MODEL, *run]

    def start() -> None:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(ReIDModule, "seed_step", reached)
            with pytest.raises(Reached):
                fit(words)

    return start


class Reached(BaseException):
    """The first step begins."""


def reached(*_: object) -> None:
    raise Reached


def telling(folder: Path, size: int) -> Callable[[], object]:
    """``vireid study --report_only true`` of so many finished networks."""
    settings = yaml.safe_load((packaged_configs() / "study" / "smoke.yaml").read_text())
    settings |= {"searches": {}, "random": size - 1, "fidelity": None, "template": False}
    (folder / SETTINGS_FILE).write_text(json.dumps(settings))
    plan = make_plan(StudySettings.from_dict(settings), folder)
    write_genotypes(list(plan.networks), folder)
    for number, job in enumerate(plan.jobs):
        prepare(job, folder)
        content = json.loads(job.file(folder).read_text())
        job.file(folder).write_text(json.dumps({**content, "attempts": 1, "seconds": {step.name: 1.0 for step in job.steps}}))
        write(folder / job.name / "test-1", result(average_precisions(number)))
        (folder / job.name / "config.yaml").write_text(yaml.safe_dump({**job.settings["recipe"], "seed_everything": 0}))
    return lambda: study(["study", "--folder", str(folder), "--report_only", "true"])


def summarizing(folder: Path, size: int) -> Callable[[], object]:
    """``vireid summarize`` of so many runs of 100 queries."""
    runs = [write(folder / f"{size}" / str(number)) for number in range(size)]
    return lambda: summarize(["summarize", *(str(run.relative_to(Path.cwd())) for run in runs)])


KINDS: dict[str, tuple[Callable[[Path, int], Callable[[], object]], tuple[int, ...]]] = {
    "reading a table": (reading, (10**4, 10**5, 10**6)),
    "drawing batches": (sampling, (10**4, 10**5, 10**6)),
    "vireid data check": (checking, (10**4, 10**5, 10**6)),
    "evaluation": (evaluating, (10**4, 10**5, 10**6)),
    "start until the first step": (starting, (10**4, 10**5, 10**6)),
    "vireid summarize": (summarizing, (10, 100, 1000)),
    "vireid study --report_only": (telling, (10, 100, 1000)),
}


def measured(name: str, size: int, folder: Path) -> dict[str, float]:
    """CPU seconds, and MiB more than before, in a process of its own."""
    words = [sys.executable, "-m", "tests.benchmarks.test_growth", name, str(size)]
    path = os.pathsep.join([str(Path(__file__).parents[2]), *filter(None, [os.environ.get("PYTHONPATH")])])
    done = subprocess.run(words, cwd=folder, env={**os.environ, "PYTHONPATH": path}, capture_output=True, text=True, check=True)
    return json.loads(done.stdout.splitlines()[-1])  # type: ignore[no-any-return]


@pytest.mark.parametrize("name", KINDS)
def test_time_and_memory_of_an_image_do_not_grow(name: str, tmp_path: Path, benchmark: BenchmarkFixture, ratio: Ratio) -> None:
    sizes = KINDS[name][1]
    found = {}
    for size in sizes:
        (tmp_path / str(size)).mkdir()
        found[size] = measured(name, size, tmp_path / str(size))
        sys.stdout.write(f"\n{name}, {size:,}: {found[size]['seconds']:.2f} CPU s, {found[size]['mib']:.0f} MiB\n")
    benchmark.pedantic(lambda: None, rounds=1)
    for less, more in itertools.pairwise(sizes):
        grown = found[more]["seconds"] / found[less]["seconds"] / (more / less)
        goal = NOISE if more == sizes[-1] else None  # before, Python's collector looks at all objects more and more often
        ratio(f"{name}: time of one of {more:,} / of {less:,}", grown, goal)
        assert found[more]["mib"] <= NOISE * more / less * max(found[less]["mib"], 50)


def test_ten_times_sysu_is_evaluated_in_four_gib(tmp_path: Path, benchmark: BenchmarkFixture, ratio: Ratio) -> None:
    found = measured("ten times SYSU-MM01", 0, tmp_path)
    benchmark.pedantic(lambda: None, rounds=1)
    ratio("memory of ten times SYSU-MM01 / 4 GiB", found["in_all"] / 4096, 1.0)


def one(name: str, size: int) -> None:
    """Measure here."""
    torch.set_num_threads(1)
    run = ranking(*SYSU_TIMES_TEN.values()) if name not in KINDS else KINDS[name][0](Path.cwd(), size)
    before, begun = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, time.process_time()
    run()
    seconds, after = time.process_time() - begun, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    sys.stdout.write("\n" + json.dumps({"seconds": seconds, "mib": (after - before) / 1024, "in_all": after / 1024}) + "\n")


if __name__ == "__main__":
    one(sys.argv[1], int(sys.argv[2]))
