"""Jobs on a Ray cluster and in submitit's queue: a training whose machine dies goes on elsewhere, bit for bit."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch

from tests.commands.jobs.test_jobs import job, quiet
from tests.commands.runs import SPACE, small
from vireid.commands.jobs.attempts import latest
from vireid.commands.jobs.engine import Engine
from vireid.commands.jobs.job import Job, Step, prepare, state
from vireid.commands.jobs.local import LocalProcesses
from vireid.commands.jobs.ray_cluster import RayCluster
from vireid.commands.jobs.runner import Runner
from vireid.commands.jobs.shared_folder import check_shared
from vireid.commands.jobs.slurm_cluster import SlurmCluster
from vireid.errors import SettingsError
from vireid.version import __version__

Kill = Callable[[int], None]


@pytest.fixture
def ray_cluster() -> Iterator[tuple[Engine, Kill]]:
    """Two machines with one core each, and a head without any."""
    pytest.importorskip("ray")
    from ray.cluster_utils import Cluster

    cluster: Any = Cluster(initialize_head=True, head_node_args={"num_cpus": 0})
    nodes = [cluster.add_node(num_cpus=1) for _ in range(2)]

    def kill(process: int) -> None:
        raylet = parent(parent(process))
        (node,) = [node for node in nodes if node.all_processes["raylet"][0].process.pid == raylet]
        cluster.remove_node(node, allow_graceful=False)

    yield RayCluster(cluster.address), kill
    cluster.shutdown()


@pytest.fixture
def submitit_queue() -> tuple[Engine, Kill]:
    pytest.importorskip("submitit")
    return SlurmCluster(queue="local"), lambda process: os.kill(parent(process), signal.SIGKILL)


def parent(process: int) -> int:
    return int(Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[1])


def training(folder: Path, root: Path, name: str) -> Job:
    words = ["fit", "-c", "data/regdb.yaml", f"--data.root={root}", "-c", "train/all_shared.yaml", *SPACE, "-c", str(small(folder))]
    words += [
        "--trainer.max_epochs=3",
        "--checkpoint_every_n_batches=1",
        "--trainer.enable_progress_bar=false",
        "--run_dir",
        str(folder / name),
    ]
    return Job(name, (Step("fit", "vireid.cli", (*words, "--ckpt_path", "last")),), {})


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["ray_cluster", "submitit_queue"])
def test_a_training_whose_machine_dies_ends_with_the_weights_of_its_twin(
    kind: str, regdb_root: Path, tmp_path: Path, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine, kill = request.getfixturevalue(kind)
    monkeypatch.chdir(tmp_path)
    killed, twin = (training(tmp_path, regdb_root, name) for name in ("killed", "twin"))
    for each in (killed, twin):  # both on machines with one core: sums of several threads are of another order
        prepare(each, tmp_path)
    struck = threading.Event()

    def strike() -> None:
        while not (tmp_path / "killed" / "checkpoints" / "last.ckpt").exists():
            time.sleep(0.05)
        attempt = latest(killed.file(tmp_path))
        assert attempt is not None
        kill(attempt.process)
        struck.set()

    threading.Thread(target=strike, daemon=True).start()
    assert Runner(tmp_path, [killed, twin], engine, quiet()).run() == {}
    assert struck.is_set()
    assert (state(killed, tmp_path).attempts, state(twin, tmp_path).attempts) == (2, 1)
    ours, theirs = (
        torch.load(tmp_path / name / "checkpoints" / "last.ckpt", weights_only=True)["state_dict"] for name in ("killed", "twin")
    )
    assert ours.keys() == theirs.keys()
    assert all(torch.equal(ours[name], theirs[name]) for name in ours)


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["ray_cluster", "submitit_queue"])
def test_a_job_that_fails_is_not_begun_again(kind: str, tmp_path: Path, request: pytest.FixtureRequest) -> None:
    engine, _ = request.getfixturevalue(kind)
    bad, good = job("bad", ("crash", "no such thing")), job("good", ("touch", tmp_path / "good"))
    for each in (bad, good):
        prepare(each, tmp_path)
    failed = Runner(tmp_path, [bad, good], engine, quiet()).run()
    assert list(failed) == ["bad"]
    assert "RuntimeError: no such thing (exit code 1;" in failed["bad"]
    assert state(bad, tmp_path).attempts == 1
    assert (tmp_path / "good").exists()
    assert not [path for path in tmp_path.iterdir() if path.name.startswith(".shared")]


def test_a_folder_that_is_not_shared_is_refused_with_the_test_that_failed(tmp_path: Path) -> None:
    from vireid.commands.jobs.remote import look

    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    check_shared(tmp_path, "here", look)
    with pytest.raises(
        SettingsError, match=r"is not shared with node7: it cannot read '.*asked' \(No such file or directory\)\. Name a folder"
    ):
        check_shared(tmp_path, "node7", lambda _, token: look(str(elsewhere), token))
    with pytest.raises(SettingsError, match=r"is not shared with node7: what it wrote there does not show here"):
        check_shared(tmp_path, "node7", lambda *_: __version__, patience=0.2)
    with pytest.raises(SettingsError, match=r"node7 has vireid 0\.0\.1, this machine"):
        check_shared(tmp_path, "node7", lambda *_: "0.0.1")

    def without(*_: str) -> str:
        raise ImportError("No module named 'vireid'")

    with pytest.raises(SettingsError, match=r"node7 cannot import vireid \(No module named 'vireid'\): install the package there"):
        check_shared(tmp_path, "node7", without)
    assert [path.name for path in tmp_path.iterdir()] == ["elsewhere"]


@pytest.mark.parametrize(
    ("make", "match"),
    [
        (lambda: LocalProcesses(0), "`at_once` must be at least 1, got 0"),
        (lambda: RayCluster(cpus=0.0), "`cpus` and `gpus` must be at least 0, and one of them more, got 0.0 and 0.0"),
        (lambda: RayCluster(at_once=0), "`at_once` must be at least 1, got 0"),
        (lambda: SlurmCluster(minutes=0), "`minutes` must be at least 1, got 0"),
        (lambda: SlurmCluster(gpus=-1), "`gpus` must be at least 0"),
        (lambda: SlurmCluster(queue="pbs"), "`queue` must be one of slurm, local, got 'pbs'"),
    ],
)
def test_engines_with_numbers_that_cannot_be(make: Callable[[], Engine], match: str) -> None:
    with pytest.raises(SettingsError, match=match):
        make()
