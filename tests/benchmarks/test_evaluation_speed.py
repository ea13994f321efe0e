"""Time of the evaluator relative to what it is measured by; ``pytest -n 0 tests/benchmarks/test_evaluation_speed.py -s``.

The large case runs with a tenth of its queries; ``python -c "from tests.benchmarks.test_evaluation_speed import large; large()"`` runs it
whole.
"""

from __future__ import annotations

import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from pytest_benchmark.fixture import BenchmarkFixture

from tests.benchmarks.conftest import Ratio
from tests.metrics.naive import naive_evaluate
from tests.metrics.sysu_protocol import gallery, query
from vireid.archives import read_arrays
from vireid.metrics import cosine_distances, evaluate, evaluate_embeddings
from vireid.metrics.functional import RetrievalScores
from vireid.metrics.functional.draws import evaluate_draws
from vireid.results import score
from vireid.results.result import TOPK
from vireid.results.shard_files import note_digest
from vireid.results.shard_lists import read_list, write_list
from vireid.results.sharded import ShardedEmbeddings
from vireid.structures import Evaluation, Modality, Record, Setting, Shard, Trial


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def seconds(function: Callable[[], object]) -> float:
    start = time.perf_counter()
    function()
    return time.perf_counter() - start


def people(count: int, identities: int, width: int, seed: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Embeddings ``(count, width)`` that cluster by identity, and the identities."""
    generator = torch.Generator().manual_seed(seed)
    centres = torch.randn(identities, width, generator=torch.Generator().manual_seed(99))
    pids = torch.randint(0, identities, (count,), generator=generator)
    return centres[pids] + 3 * torch.randn(count, width, generator=generator), pids


def numpy_evaluate(
    q: NDArray[np.float32], g: NDArray[np.float32], q_pids: NDArray[np.int64], g_pids: NDArray[np.int64], q_cams: object, g_cams: object
) -> float:
    """The straightforward evaluator from features, one query after the other (rules of SYSU-MM01)."""
    location = np.array([0, 1, 2, 2, 4, 5, 6])
    aps, hits = [], np.zeros(20)
    for i in range(len(q)):
        order = np.argsort(1 - g @ q[i], kind="stable")
        kept = order[location[g_cams[order]] != location[q_cams[i]]]
        ranked = g_pids[kept]
        match = ranked == q_pids[i]
        if not match.any():
            continue
        _, first = np.unique(ranked, return_index=True)
        unique = ranked[np.sort(first)]
        hits += np.arange(20) >= np.flatnonzero(unique == q_pids[i])[0]
        positions = np.flatnonzero(match) + 1
        aps.append(np.mean(np.arange(1, len(positions) + 1) / positions))
    return float(np.mean(aps))


def sysu() -> Evaluation:
    """The full protocol: 3803 queries, 4 settings, 10 trials each."""
    records: dict[tuple[int, int, int], int] = {}

    def rows(cams: NDArray[np.int64], pids: NDArray[np.int64], numbers: NDArray[np.int64]) -> NDArray[np.int64]:
        keys = zip(cams.tolist(), pids.tolist(), numbers.tolist(), strict=True)
        return np.array([records.setdefault(key, len(records)) for key in keys])

    queries = rows(*query())
    settings = tuple(
        Setting(f"{mode}/{shots}", "sysu", tuple(Trial(queries, rows(*gallery(mode, shots, trial))) for trial in range(10)))
        for mode in ("all", "indoor")
        for shots in (1, 10)
    )
    images = [Record(f"{number}.jpg", pid, cam, Modality.INFRARED if cam in (3, 6) else Modality.VISIBLE) for cam, pid, number in records]
    return Evaluation(tuple(images), settings)


def test_sysu_protocol(benchmark: BenchmarkFixture, ratio: Ratio) -> None:
    """From 2048-d float32 features; the straightforward evaluator runs the first of the ten trials of every setting, times ten."""
    evaluation = sysu()
    features = torch.nn.functional.normalize(torch.randn(len(evaluation.records), 2048, generator=torch.Generator().manual_seed(0)))
    pids, cams = (np.array([getattr(record, name) for record in evaluation.records]) for name in ("pid", "camid"))
    slow, expected = 0.0, []
    for setting in evaluation.settings:
        q, g = setting.trials[0].query, setting.trials[0].gallery
        arguments = features[q].numpy(), features[g].numpy(), pids[q], pids[g], cams[q], cams[g]
        slow += 10 * seconds(lambda arguments=arguments: expected.append(numpy_evaluate(*arguments)))
    results = benchmark.pedantic(lambda: score(evaluation, features), rounds=2)
    np.testing.assert_allclose([result.values["mAP"][0] for result in results], expected, atol=1e-6)
    ratio("evaluation: SYSU's four settings / a loop over queries in NumPy", benchmark.stats["min"] / slow)


def test_market_size(benchmark: BenchmarkFixture, ratio: Ratio) -> None:
    """3368 x 15913 given distances against one ``argsort`` of the same matrix."""
    generator = torch.Generator().manual_seed(0)
    distances = torch.rand(3368, 15913, generator=generator)
    draw = lambda high, n: torch.randint(0, high, (n,), generator=generator)  # noqa: E731  # used four times
    labels = draw(750, 3368), draw(751, 15913), draw(6, 3368), draw(6, 15913)
    array = distances.numpy()
    pairs = [(seconds(lambda: np.argsort(array, axis=1)), seconds(lambda: evaluate(distances, *labels, rule="market"))) for _ in range(3)]
    found = benchmark.pedantic(lambda: evaluate(distances, *labels, rule="market"), rounds=1)
    some = [values[:3] if len(values) == 3368 else values for values in labels]
    expected = naive_evaluate(array[:3], *(values.numpy() for values in some), rule="market")
    assert expected is not None
    np.testing.assert_allclose(found["ap"][:3], expected["ap"], rtol=0, atol=1e-12)
    ratio("evaluation: Market's distances / one argsort of them", statistics.median(b / a for a, b in pairs))


def products(q: torch.Tensor, g: torch.Tensor) -> None:
    """All inner products, in tiles, none of which is kept."""
    out = torch.empty(2048, 4096)
    for a in q.split(2048):
        for b in g.split(4096):
            torch.mm(a, b.mT, out=out[: len(a), : len(b)])


PAIRS = 9
INTERVAL = slice(1, 8)  # of nine sorted ratios: the ends enclose the median with a probability of 0.96


def cpu_seconds(function: Callable[[], object]) -> float:
    start = time.process_time()
    function()
    return time.process_time() - start


def paired(floor: Callable[[], object], ours: Callable[[], object], name: str) -> float:
    """Median ratio of CPU times, in turns; printed with its interval."""
    floor(), ours()
    found = sorted((1 / cpu_seconds(floor)) * cpu_seconds(ours) for _ in range(PAIRS))
    low, *_, high = found[INTERVAL]
    print(f"\n{name} {statistics.median(found):.3f} ({low:.3f} to {high:.3f})")
    return statistics.median(found)


@pytest.mark.parametrize(
    ("queries", "entries", "width", "goal"),
    [
        (3368, 15_913, 2048, 1.25),
        (1000, 50_000, 2048, 1.5),
        (300, 100_000, 512, 2.0),
        pytest.param(300, 1_000_000, 512, 2.0, marks=pytest.mark.slow),
    ],
    ids=["market", "many", "gallery", "million"],
)
def test_over_its_own_products(queries: int, entries: int, width: int, goal: float, benchmark: BenchmarkFixture, ratio: Ratio) -> None:
    """CPU time of one thread, against the matrix products that no evaluation of embeddings can do without."""
    (q, q_pids), (g, g_pids) = people(queries, entries // 20, width, 1), people(entries, entries // 20, width, 2)

    def ours() -> object:
        return evaluate_embeddings(q, g, q_pids, g_pids, rule="regdb")

    name = f"evaluation: {queries} x {entries} of {width} / products"
    found = paired(lambda: products(q, g), ours, name)
    benchmark.pedantic(ours, rounds=1)
    ratio(name, found, goal)


@pytest.mark.parametrize("number", [0, 1], ids=["single-shot", "multi-shot"])
def test_sysu_trials_over_their_products(number: int, benchmark: BenchmarkFixture, ratio: Ratio) -> None:
    """Ten trials of all-search, against one product of the queries with all images that any of the trials has.

    The rule of SYSU-MM01 removes the images of some cameras for each query. Their products are in the unit, though ours leaves them out.
    """
    evaluation = sysu()
    setting, pids, camids = (
        evaluation.settings[number],
        *(torch.tensor([getattr(record, name) for record in evaluation.records]) for name in ("pid", "camid")),
    )
    centres = torch.randn(1 + int(pids.max()), 2048, generator=torch.Generator().manual_seed(0))
    embeddings = centres[pids] + 3 * torch.randn(len(pids), 2048, generator=torch.Generator().manual_seed(1))
    query, galleries = setting.trials[0].query, [trial.gallery for trial in setting.trials]
    q, g = embeddings[query], embeddings[np.unique(np.concatenate(galleries))]

    def ours() -> list[RetrievalScores]:
        return evaluate_draws(embeddings, pids, camids, query, galleries, "sysu", TOPK)

    name = f"evaluation: ten trials of SYSU, {setting.protocol} / products"
    found = paired(lambda: products(q, g), ours, name)
    scores = benchmark.pedantic(ours, rounds=1)
    rows = torch.from_numpy(query[:200]), torch.from_numpy(galleries[3])
    expected = evaluate(
        cosine_distances(*(embeddings[side] for side in rows)), *(pids[side] for side in rows), *(camids[side] for side in rows)
    )
    np.testing.assert_allclose(scores[3]["ap"][:200], expected["ap"], rtol=0, atol=1e-6)
    ratio(name, found, 1.15)


@pytest.mark.parametrize("queries", [2000])
def test_large(benchmark: BenchmarkFixture, queries: int) -> None:
    """A tenth of 20 000 queries against 200 000 x 512 embeddings, all threads, against the bare matrix products."""
    assert benchmark.pedantic(lambda: large(queries), rounds=1) < 2048


def large(queries: int = 20_000, entries: int = 200_000) -> int:
    """MiB beyond the embeddings; printed with the ratio to the bare matrix products of tiles of the same size."""
    torch.set_num_threads(2)
    identities = entries // 20
    (q, q_pids), (g, g_pids) = people(queries, identities * queries // 20_000, 512, 1), people(entries, identities, 512, 2)
    Path("/proc/self/clear_refs").write_text("5")  # the peak so far is forgotten
    before = peak_memory()
    took = seconds(lambda: evaluate_embeddings(q, g, q_pids, g_pids, rule="regdb"))
    more = peak_memory() - before
    floor = seconds(lambda: products(q, g))
    print(f"\nlarge {queries} x {entries}: products {floor:.1f} s, ours / products {took / floor:.2f}, {more} MiB more than the embeddings")
    return more


def peak_memory() -> int:
    """Of this process, MiB."""
    return int(Path("/proc/self/status").read_text().split("VmHWM:")[1].split()[0]) >> 10


def write_parts(folder: Path, queries: int, entries: int, count: int) -> None:
    """People in parts, as ``vireid predict --shard`` writes them, made one part after the other."""
    identities = entries // 20
    (q, q_pids), total = people(queries, identities * queries // 20_000, 512, 1), queries + entries
    g_pids = torch.arange(entries) % identities
    records = [Record(f"{row}.png", int(pid), 1, Modality.VISIBLE) for row, pid in enumerate(torch.cat([q_pids, g_pids]).tolist())]
    trial = Trial(np.arange(queries), np.arange(queries, total))
    digest = write_list(folder, Evaluation(tuple(records), (Setting("people", "regdb", (trial,)),)), 1)
    centres = torch.randn(identities, 512, generator=torch.Generator().manual_seed(99))
    for number in range(count):
        positions = torch.arange(number, total, count)
        mine = positions[positions >= queries] - queries
        noise = 3 * torch.randn(len(mine), 512, generator=torch.Generator().manual_seed(1000 + number))
        rows = torch.cat([q[positions[positions < queries]], centres[g_pids[mine]] + noise])
        path = folder / Shard(number + 1, count).name / "embeddings.npz"
        path.parent.mkdir()
        about = {"list": digest, "model": "one", "about": "{}", "variants": ["embeddings"]}
        np.savez(path, embeddings=rows.numpy(), positions=positions.numpy(), **{name: np.array(said) for name, said in about.items()})
        note_digest(path)


@pytest.mark.slow
def test_parts_take_the_time_of_the_whole(tmp_path: Path, ratio: Ratio) -> None:
    """CPU time of 2000 queries against 200 000 entries in seven parts, reading included, to that of the same embeddings in memory."""
    write_parts(tmp_path, 2000, 200_000, 7)
    parts = [read_arrays(path, largest=10**9) for path in sorted(tmp_path.glob("*/embeddings.npz"))]
    positions = np.concatenate([part["positions"] for part in parts])
    whole = torch.from_numpy(np.concatenate([part["embeddings"] for part in parts])[np.argsort(positions)])
    del parts
    pids = read_list(tmp_path).labels.pids
    start = time.process_time()
    expected = evaluate_embeddings(whole[:2000], whole[2000:], pids[:2000], pids[2000:], rule="regdb")
    middle = time.process_time()
    found = ShardedEmbeddings.open(tmp_path).score()[0]
    end = time.process_time()
    assert found.mean["mAP"] == pytest.approx(expected["mAP"], rel=0, abs=1e-7)
    ratio("evaluation: 200 000 entries in seven parts on disk / in memory", (end - middle) / (middle - start))


@pytest.mark.slow
def test_a_million_in_parts(tmp_path: Path) -> None:
    """1000 queries against 10^6 x 512 embeddings in seven parts: memory of the whole process, torch included."""
    write_parts(tmp_path, 1000, 1_000_000, 7)
    words = [sys.executable, "-m", "vireid", "evaluate", str(tmp_path)]
    code = "import resource, subprocess, sys; subprocess.run(sys.argv[1:], check=True); print(resource.getrusage(resource.RUSAGE_CHILDREN))"
    said = subprocess.run([sys.executable, "-c", code, *words], capture_output=True, text=True, check=True).stdout
    peak = int(said.split("ru_maxrss=")[1].split(",")[0]) >> 10
    print(f"\na million in seven parts: {peak} MiB, {said.split('ru_utime=')[1].split(',')[0]} s of CPU")
    assert peak < 2048
