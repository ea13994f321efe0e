"""The stateful metric."""

import copy
import pickle

import numpy as np
import pytest
import torch

from vireid.metrics import CrossModalRetrieval, cosine_distances, evaluate, pairwise_distances


def problem(seed=0, n=60):
    generator = torch.Generator().manual_seed(seed)
    pids = torch.randint(0, 8, (n,), generator=generator)
    camids = torch.randint(1, 7, (n,), generator=generator)
    embeddings = torch.randn(n, 5, generator=generator) + pids[:, None] * torch.tensor([1.0, -1.0, 0.5, 0.0, 0.0])
    return embeddings, pids, camids, (camids == 3) | (camids == 6)


def direct(embeddings, pids, camids, query, measure=cosine_distances, **options):
    distances = measure(embeddings[query], embeddings[~query])
    return evaluate(distances, pids[query], pids[~query], camids[query], camids[~query], **options)


def same(actual, expected):
    np.testing.assert_array_equal(actual["cmc"], expected["cmc"])
    assert (actual["mAP"], actual["mINP"], actual["num_valid"]) == (expected["mAP"], expected["mINP"], expected["num_valid"])
    np.testing.assert_array_equal(actual["ap"], expected["ap"])


@pytest.mark.parametrize("rule", ["sysu", "regdb", "llcm", "market"])
def test_batches_equal_one_evaluation(rule):
    rows = problem()
    metric = CrossModalRetrieval(rule=rule, topk=(1, 3))
    for batch in zip(*(part.split(17) for part in rows), strict=True):
        metric.update(*batch)
    same(metric.compute(), direct(*rows, rule=rule, topk=(1, 3)))


def test_options_are_used():
    rows = problem()
    metric = CrossModalRetrieval(rule="regdb", topk=(2,), cmc="unique", normalise=False)
    metric.update(*rows)
    same(metric.compute(), direct(*rows, measure=pairwise_distances, rule="regdb", topk=(2,), cmc="unique"))
    cosine = CrossModalRetrieval(rule="regdb")
    cosine.update(*rows)
    assert cosine.compute()["mAP"] != metric.compute()["mAP"]


def test_one_value_for_the_batch():
    embeddings, pids, camids, query = rows = problem()
    metric = CrossModalRetrieval()
    metric.update(embeddings[query], pids[query], camids[query], is_query=True)
    metric.update(embeddings[~query], pids[~query], camids[~query], is_query=torch.tensor(False))
    same(metric.compute(), direct(*rows))


def test_reset_and_copies():
    rows = problem()
    metric = CrossModalRetrieval()
    metric.update(*problem(seed=1))
    metric.reset()
    metric.update(*rows)
    expected = direct(*rows)
    for again in (metric, copy.deepcopy(metric), pickle.loads(pickle.dumps(metric))):
        same(again.compute(), expected)


def test_gathered_states_of_two_processes_equal_one():
    rows = problem()
    halves = [CrossModalRetrieval(), CrossModalRetrieval()]
    for metric, batch in zip(halves, zip(*(part.split(30) for part in rows), strict=True), strict=True):
        metric.update(*batch)
    gathered = CrossModalRetrieval()
    for name in ("embeddings", "pids", "camids", "is_query"):  # what `dist_reduce_fx="cat"` does
        setattr(gathered, name, torch.cat([part for metric in halves for part in getattr(metric, name)]))
    gathered._update_count = 1
    same(gathered.compute(), direct(*rows))


def test_half_precision_embeddings_are_kept_in_float32():
    metric = CrossModalRetrieval(rule="regdb")
    metric.update(torch.eye(2).bfloat16(), torch.tensor([1, 2]), torch.tensor([1, 1]), True)
    metric.update(torch.eye(2).half(), torch.tensor([1, 2]), torch.tensor([2, 2]), False)
    assert {rows.dtype for rows in metric.embeddings} == {torch.float32}
    assert metric.compute()["mAP"] == 1.0


@pytest.mark.parametrize(
    ("position", "value", "message"),
    [
        (0, torch.zeros(60), r"`embeddings` must be floating point of shape \(B, D\)"),
        (0, torch.zeros(60, 5, dtype=torch.int64), "`embeddings` must be floating point"),
        (1, torch.zeros(59, dtype=torch.int64), r"`pids` must have shape \(60,\)"),
        (2, torch.zeros(60, 1, dtype=torch.int64), r"`camids` must have shape \(60,\)"),
        (3, torch.ones(60), "`is_query` must be bool"),
        (3, torch.ones(3, dtype=torch.bool), r"`is_query` must have shape \(60,\)"),
    ],
)
def test_refused_updates(position, value, message):
    rows = list(problem())
    rows[position] = value
    with pytest.raises(ValueError, match=message):
        CrossModalRetrieval().update(*rows)


@pytest.mark.filterwarnings("ignore:The ``compute`` method of metric:UserWarning")  # torchmetrics says so before we refuse
def test_refused_results():
    with pytest.raises(ValueError, match="call `update` before `compute`"):
        CrossModalRetrieval().compute()
    embeddings, pids, camids, query = problem()
    for flags, message in ((True, "got 60 queries among 60"), (False, "got 0 queries among 60")):
        metric = CrossModalRetrieval()
        metric.update(embeddings, pids, camids, flags)
        with pytest.raises(ValueError, match=message):
            metric.compute()
    embeddings[query.nonzero()[0]] = float("nan")
    metric = CrossModalRetrieval()
    metric.update(embeddings, pids, camids, query)
    with pytest.raises(ValueError, match="`query` must be finite, but 1 of"):
        metric.compute()


@pytest.mark.parametrize(
    ("options", "message"), [({"rule": "x"}, "`rule` must be"), ({"topk": ()}, "`topk` must"), ({"cmc": "x"}, "`cmc` must be")]
)
def test_refused_arguments(options, message):
    with pytest.raises(ValueError, match=message):
        CrossModalRetrieval(**options)


def test_images_that_come_twice_count_once_in_the_order_of_positions():
    embeddings, pids, camids, query = rows = problem()
    order = torch.randperm(60, generator=torch.Generator().manual_seed(1))
    padded = torch.cat((order, order[:7]))
    metric = CrossModalRetrieval()
    for part in padded.split(13):
        metric.update(embeddings[part], pids[part], camids[part], query[part], positions=part)
    same(metric.compute(), direct(*rows))


def test_positions_in_some_updates_only():
    rows = problem()
    for first, second in (({"positions": torch.arange(60)}, {}), ({}, {"positions": torch.arange(60)})):
        metric = CrossModalRetrieval()
        metric.update(*rows, **first)
        with pytest.raises(ValueError, match="`positions` must be given in every update or in none"):
            metric.update(*rows, **second)
    with pytest.raises(ValueError, match=r"`positions` must have shape \(60,\)"):
        CrossModalRetrieval().update(*rows, positions=torch.arange(3))


def _rank(rank, world, file, queue):
    torch.distributed.init_process_group("gloo", init_method=f"file://{file}", rank=rank, world_size=world)
    embeddings, pids, camids, query = problem(n=61)
    share = torch.arange(-(-61 // world) * world).remainder(61)[rank::world]  # as DistributedSampler pads
    metric = CrossModalRetrieval(topk=(1, 3))
    for part in share.split(8):
        metric.update(embeddings[part], pids[part], camids[part], query[part], positions=part)
    scores = metric.compute()
    queue.put((rank, {key: np.asarray(value).tolist() for key, value in scores.items()}))
    torch.distributed.destroy_process_group()


def test_two_processes_equal_one_exactly(tmp_path):
    context = torch.multiprocessing.get_context("spawn")
    queue = context.SimpleQueue()
    processes = [context.Process(target=_rank, args=(rank, 2, tmp_path / "store", queue)) for rank in range(2)]
    for process in processes:
        process.start()
    for process in processes:
        process.join(120)
        assert process.exitcode == 0
    expected = {key: np.asarray(value).tolist() for key, value in direct(*problem(n=61), topk=(1, 3)).items()}
    for _ in processes:
        rank, found = queue.get()
        assert repr(found) == repr(expected), rank  # repr: NaN of queries without a match


def test_plot():
    pyplot = pytest.importorskip("matplotlib.pyplot")
    metric = CrossModalRetrieval(topk=(1, 3))
    metric.update(*problem())
    figure, axes = metric.plot()
    np.testing.assert_array_equal(axes.lines[0].get_ydata(), metric.compute()["cmc"])
    assert metric.plot(metric.compute(), axes)[1] is axes
    pyplot.close(figure)


def test_plot_without_matplotlib(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "matplotlib", None)
    metric = CrossModalRetrieval()
    metric.update(*problem())
    with pytest.raises(ModuleNotFoundError, match=r"pip install 'vireid\[report\]'"):
        metric.plot()


def test_batches_of_one_side_lose_nothing():
    embeddings, pids, camids, query = rows = problem()
    metric = CrossModalRetrieval(topk=(1, 3))
    alone = []
    for side in (query, ~query):
        for part in torch.nonzero(side)[:, 0].split(11):
            alone.append(metric(embeddings[part], pids[part], camids[part], query[part]))
    same(metric.compute(), direct(*rows, topk=(1, 3)))
    for scores in alone:
        assert scores["num_valid"] == 0
        assert np.isnan([scores["mAP"], scores["mINP"], *scores["cmc"], *scores["ap"]]).all()
    assert sum(len(scores["ap"]) for scores in alone) == int(query.sum())


def test_a_batch_of_both_sides_is_scored_alone():
    rows = problem()
    metric = CrossModalRetrieval()
    metric.update(*rows)
    half = [part[:30] for part in rows]
    same(metric(*half), direct(*half))
    same(metric.compute(), direct(*(torch.cat([part, part[:30]]) for part in rows)))


def test_a_refused_batch_changes_nothing():
    rows = problem()
    metric = CrossModalRetrieval()
    metric.update(*rows)
    with pytest.raises(ValueError, match="`pids` must be a tensor, got "):
        metric(rows[0], ["0002"] * 60, *rows[2:])
    with pytest.raises(ValueError, match="`embeddings` must be a tensor, got 'x'"):
        metric("x", *rows[1:])
    same(metric.compute(), direct(*rows))
