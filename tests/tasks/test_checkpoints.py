"""Checkpoints: safe to write, safe to read, and enough to rebuild a module."""

from __future__ import annotations

import copy
import errno
import os
import pickle
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import pytorch_lightning as pl
import torch

from tests.published_files import flipped
from vireid import RetrainModule, SearchModule, torch_files
from vireid.errors import CheckpointError, OutputError, SettingsError, VireidError
from vireid.files import keep_as
from vireid.losses import CrossEntropy, SimilarityPreserving
from vireid.search import BNSeparation, GumbelHard, Softmax
from vireid.structures import Batch
from vireid.tasks import EMA, SGD, LastCheckpoint, ReIDModule, Retrieval, SafeCheckpointIO, TwoLevels, WarmupCosine, read_checkpoint
from vireid.tasks.checkpoints import VERSION, check_fits

SPACE = BNSeparation("resnet10", width=8)


def retrain_module() -> RetrainModule:
    return RetrainModule(
        5,
        "stem_separate",
        SPACE,
        weights=None,
        losses=[CrossEntropy(label_smoothing=0.1), SimilarityPreserving(weight=5.0)],
        optimizer=SGD(0.05, schedule=WarmupCosine(4, 1), lr_factors={"trunk": 0.1}, gradient_clip_val=2.0),
        ema=EMA(0.9, "average"),
        evaluation=Retrieval("features"),
        seed=3,
    )


def search_module() -> SearchModule:
    strategy = TwoLevels(GumbelHard(), relaxation=Softmax(), warmup_epochs=1)
    return SearchModule(5, SPACE, weights=None, strategy=strategy, seed=3)


def moved(module: ReIDModule) -> ReIDModule:
    """The module with every number changed, so that a reload which starts afresh is seen."""
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for value in module.state_dict().values():
            if value.is_floating_point():
                value.add_(torch.rand(value.shape, generator=generator) * 0.1)
    return module


def save(module: ReIDModule, path: Path) -> Path:
    trainer = pl.Trainer(
        accelerator="cpu", logger=False, enable_checkpointing=False, enable_progress_bar=False, plugins=[SafeCheckpointIO()]
    )
    trainer.strategy.connect(module)
    trainer.save_checkpoint(path, weights_only=True)
    return path


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A checkpoint of a search; do not change it."""
    return save(moved(search_module()), tmp_path_factory.mktemp("checkpoint") / "last.ckpt")


def embeddings(module: ReIDModule) -> torch.Tensor:
    images = torch.rand(4, 3, 32, 16, generator=torch.Generator().manual_seed(1))
    numbers = torch.arange(4)
    rows = [Batch(images, numbers, numbers, numbers, torch.full((4,), infrared), numbers, 4 * (1 - infrared)) for infrared in (0, 1)]
    if isinstance(module, SearchModule):
        module.supernet.set_genotype(module.derive())
    with torch.no_grad():
        return torch.cat([module.eval().embed(batch) for batch in rows])


# --- round trip ---------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("make", [retrain_module, search_module])
def test_a_reloaded_module_gives_equal_embeddings(make: Any, tmp_path: Path) -> None:
    module = moved(make())
    path = save(module, tmp_path / "module.ckpt")
    for loaded in (type(module).load_from_checkpoint(path), ReIDModule.load_from_checkpoint(path)):
        assert type(loaded) is type(module)
        assert torch.equal(embeddings(loaded), embeddings(module))
        assert {**loaded.settings()["init_args"], "weights": None} == module.settings()["init_args"]
    assert not torch.equal(embeddings(make()), embeddings(module))


def test_the_resolved_genotype_is_stored_and_not_its_path(tmp_path: Path) -> None:
    genotype = SPACE.sample(torch.Generator().manual_seed(0))
    genotype.save(tmp_path / "genotype.json")
    path = save(RetrainModule(5, tmp_path / "genotype.json", weights=None), tmp_path / "module.ckpt")
    (tmp_path / "genotype.json").unlink()
    assert RetrainModule.load_from_checkpoint(path).genotype == genotype
    assert str(tmp_path) not in str(read_checkpoint(path)["vireid"])


def test_overrides_win(tmp_path: Path) -> None:
    loaded = RetrainModule.load_from_checkpoint(save(retrain_module(), tmp_path / "m.ckpt"), evaluation=Retrieval())
    assert loaded.evaluation.feature == "embeddings"


def test_the_average_comes_back(tmp_path: Path) -> None:
    module = retrain_module()
    assert module.ema is not None
    module.ema.register(module.network)
    module.ema.shadow = {name: value + 1 for name, value in module.ema.shadow.items()}
    loaded = RetrainModule.load_from_checkpoint(save(module, tmp_path / "m.ckpt"))
    assert all(torch.equal(loaded.ema.shadow[name], value) for name, value in module.ema.shadow.items())


def test_another_class_is_an_error(checkpoint: Path) -> None:
    with pytest.raises(SettingsError, match="holds a SearchModule, not a RetrainModule"):
        RetrainModule.load_from_checkpoint(checkpoint)


# --- reading ------------------------------------------------------------------------------------------------------------------------


def test_missing_file(tmp_path: Path) -> None:
    for path in (tmp_path / "absent.ckpt", tmp_path):
        with pytest.raises(FileNotFoundError, match="There is no checkpoint file") as caught:
            read_checkpoint(path)
        assert isinstance(caught.value, VireidError)


@pytest.mark.parametrize("share", [0.0, 0.001, 0.1, 0.5, 0.9, 0.999])
def test_truncated_file(checkpoint: Path, tmp_path: Path, share: float) -> None:
    content = checkpoint.read_bytes()
    (tmp_path / "cut.ckpt").write_bytes(content[: int(share * len(content))])
    with pytest.raises(CheckpointError, match=r"cut\.ckpt' (is damaged|holds something other|was not written)"):
        read_checkpoint(tmp_path / "cut.ckpt")


@pytest.mark.parametrize("content", [b"\0" * 5000, b"text\n" * 100, b"\x80\x02.", b"PK\x03\x04" + b"\1" * 500])
def test_files_of_another_kind(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "other.ckpt").write_bytes(content)
    with pytest.raises(CheckpointError, match=r"other\.ckpt"):
        read_checkpoint(tmp_path / "other.ckpt")


class Payload:
    """Pickles to a call that creates a file."""

    def __init__(self, flag: Path) -> None:
        self.flag = flag

    def __reduce__(self) -> Any:
        return os.mknod, (str(self.flag),)


@pytest.mark.parametrize("bare", [True, False])
def test_a_payload_is_not_executed(tmp_path: Path, bare: bool) -> None:
    flag, path = tmp_path / "executed", tmp_path / "hostile.ckpt"
    if bare:
        path.write_bytes(pickle.dumps(Payload(flag)))
    else:
        torch.save({"state_dict": {}, "vireid": {"model": Payload(flag)}}, path)
    with pytest.raises(CheckpointError, match="holds something other than tensors and plain values"):
        read_checkpoint(path)
    assert not flag.exists()
    pickle.loads(pickle.dumps(Payload(flag)))
    assert flag.exists()  # it would have worked


@pytest.mark.parametrize(
    "content",
    [
        {"weight": torch.ones(2)},
        [1, 2],
        torch.ones(2),
        {"state_dict": {}, "hyper_parameters": {}},
        {"state_dict": {}, "vireid": 3},
        {"vireid": {"version": VERSION, "model": {}}},
    ],
)
def test_files_of_others(tmp_path: Path, content: Any) -> None:
    torch.save(content, tmp_path / "foreign.ckpt")
    with pytest.raises(CheckpointError, match="was not written by vireid"):
        read_checkpoint(tmp_path / "foreign.ckpt")


@pytest.mark.parametrize(
    "section",
    [
        {},
        {"model": "vireid.SearchModule"},
        {"model": {"init_args": {}}},
        {"model": {"class_path": "vireid.SearchModule", "init_args": [1]}},
        {"model": {"class_path": "vireid.SearchModule", "init_args": {}}, "data": "vireid.SYSUDataModule"},
    ],
)
def test_damaged_settings(tmp_path: Path, section: Any) -> None:
    torch.save({"state_dict": {}, "vireid": {"version": VERSION, **section}}, tmp_path / "damaged.ckpt")
    with pytest.raises(CheckpointError, match="lacks the settings to rebuild its model or its data"):
        read_checkpoint(tmp_path / "damaged.ckpt")


def changed(checkpoint: Path, path: Path, change: Any) -> Path:
    content = copy.deepcopy(read_checkpoint(checkpoint))
    change(content["vireid"])
    torch.save(content, path)
    return path


@pytest.mark.parametrize("version", [VERSION - 1, VERSION + 1, "other"])
def test_another_format_is_refused_in_a_sentence(checkpoint: Path, tmp_path: Path, version: Any) -> None:
    path = changed(checkpoint, tmp_path / "other.ckpt", lambda section: section.update(version=version))
    with pytest.raises(
        CheckpointError, match=rf"checkpoint format {version!r}, and this vireid reads format {VERSION} only: use"
    ) as caught:
        read_checkpoint(path)
    assert "\n" not in str(caught.value)


@pytest.fixture
def planted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A module ``planted_code`` on the path; the file that is returned appears when it is imported."""
    flag = tmp_path / "imported"
    (tmp_path / "planted_code.py").write_text(f"open({str(flag)!r}, 'w').close()\nclass Planted: pass\n")
    monkeypatch.syspath_prepend(tmp_path)
    return flag


HOSTILE = {"class_path": "planted_code.Planted", "init_args": {}}
CHANGES: dict[str, Any] = {
    "the model": lambda section: section.update(model=HOSTILE),
    "the data": lambda section: section.update(data=HOSTILE),
    "an argument": lambda section: section["model"]["init_args"].update(space=HOSTILE),
    "an item of a list": lambda section: section["model"]["init_args"].update(losses=[HOSTILE]),
    "deep inside": lambda section: section["model"]["init_args"].update(
        space={"class_path": "vireid.search.BNSeparation", "init_args": {"x": [{"y": HOSTILE}]}}
    ),
    "a tuple, which the parser would see as a list": lambda section: section["model"]["init_args"].update(space={"x": (HOSTILE,)}),
    "a name in place of settings": lambda section: section["model"]["init_args"].update(space="planted_code.Planted"),
    "an optimiser of torch": lambda section: section["model"]["init_args"].update(
        optimizer={"class_path": "vireid.tasks.TorchOptimizer", "init_args": {"optimizer": HOSTILE}}
    ),
    "an argument of an optimiser of torch": lambda section: section["model"]["init_args"].update(
        optimizer={
            "class_path": "vireid.tasks.TorchOptimizer",
            "init_args": {"optimizer": {"class_path": "torch.optim.SGD", "init_args": {"lr": "planted_code.Planted"}}},
        }
    ),
    "a name in place of an optimiser": lambda section: section["model"]["init_args"].update(optimizer="planted_code.Planted"),
    "names in place of settings": lambda section: section["model"]["init_args"].update(losses=["planted_code.Planted"]),
}


@pytest.mark.parametrize("where", CHANGES)
def test_foreign_classes_are_never_imported(checkpoint: Path, tmp_path: Path, planted: Path, where: str) -> None:
    path = changed(checkpoint, tmp_path / "hostile.ckpt", CHANGES[where])
    with pytest.raises(CheckpointError, match=r"planted_code\.Planted"):
        SearchModule.load_from_checkpoint(path)
    assert not planted.exists()


def test_a_flipped_bit_is_found(checkpoint: Path, tmp_path: Path) -> None:
    path = tmp_path / "last.ckpt"
    shutil.copyfile(checkpoint, path)
    weight = read_checkpoint(path)["state_dict"]["network.backbone.trunk.conv1.weight"]
    flipped(path, weight.numpy().tobytes())
    with pytest.raises(CheckpointError, match=r"last\.ckpt' is damaged: the checksum of \S+/data/\d+ is wrong") as caught:
        read_checkpoint(path)
    assert "previous" not in str(caught.value)
    shutil.copyfile(checkpoint, tmp_path / "previous.ckpt")
    with pytest.raises(CheckpointError, match=r"The checkpoint before it is beside it: give '.*previous\.ckpt' instead"):
        read_checkpoint(path)


def test_checksums_are_compared_once(checkpoint: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    calls = []
    monkeypatch.setattr(torch_files, "wrong_checksum", lambda path: calls.append(path))
    torch_files._check_whole.cache_clear()
    for _ in range(3):
        read_checkpoint(checkpoint)
    assert calls == [str(checkpoint)]
    torch_files._check_whole.cache_clear()  # they were not really compared


def endless() -> list[Any]:
    """A list in lists: two of each in the next, sixty levels."""
    found: list[Any] = []
    for _ in range(60):
        found = [found, found]
    return found


def nested(depth: int) -> Any:
    found: Any = 1
    for _ in range(depth):
        found = [found]
    return found


VALUES: dict[str, tuple[Callable[[dict[str, Any]], Any], str]] = {
    "epoch": (lambda content: content.update(epoch=-5), "epoch must count from 0"),
    "step": (lambda content: content.update(global_step=1.5), "global_step must count from 0"),
    "both": (lambda content: content.update(epoch=None, global_step=True), "epoch and global_step must count from 0"),
    "loops": (lambda content: content.update(loops={"fit_loop": {"epoch_progress": {"total": {"ready": -1}}}}), "loops must count"),
    "loops of another kind": (lambda content: content.update(loops=[1]), "loops must count from 0"),
    "deep loops": (lambda content: content.update(loops=nested(100)), "nested more than 50 deep"),
    "weights of another kind": (lambda content: content.update(state_dict=[1]), "something other than dense tensors"),
    "a number among the weights": (lambda content: content["state_dict"].update({"network.x": 1}), "something other than dense tensors"),
    "sparse weights": (lambda content: content["state_dict"].update(x=torch.eye(2).to_sparse()), "something other than dense tensors"),
    "NaN": (lambda content: first(content).fill_(torch.nan), r"holds NaN or infinity in 1 of \d+ entries, first "),
    "infinity": (lambda content: first(content).view(-1)[:1].fill_(torch.inf), "holds NaN or infinity in 1 of"),
    "deep settings": (lambda content: content["vireid"].update(x=nested(200)), "nested more than 50 deep"),
    "endless settings": (lambda content: content["vireid"].update(x=endless()), "nested more than 50 deep, or more than 1,000,000"),
}


def first(content: dict[str, Any]) -> torch.Tensor:
    return next(value for value in content["state_dict"].values() if value.is_floating_point())


@pytest.mark.parametrize("kind", VALUES)
def test_values_that_no_training_leaves(kind: str, checkpoint: Path, tmp_path: Path) -> None:
    change, message = VALUES[kind]
    content = copy.deepcopy(read_checkpoint(checkpoint))
    change(content)
    torch.save(content, tmp_path / "damaged.ckpt")
    with pytest.raises(CheckpointError, match=message) as caught:
        read_checkpoint(tmp_path / "damaged.ckpt")
    assert "damaged.ckpt" in str(caught.value)


PARTS: dict[str, tuple[Callable[[dict[str, Any]], Any], str]] = {
    "whole numbers": (lambda state: state.update({WEIGHT: state[WEIGHT].int()}), "int32 in the file and .* floating point here"),
    "another shape": (lambda state: state.update({WEIGHT: state[WEIGHT][:1]}), r"is \(1, 3, 7, 7\), floating point in the file and"),
    "one less": (lambda state: state.pop(WEIGHT), "holds another network than its settings say: .*Missing key"),
}
WEIGHT = "network.backbone.trunk.conv1.weight"


@pytest.mark.parametrize("kind", PARTS)
def test_weights_of_another_network_than_the_settings_say(kind: str, checkpoint: Path, tmp_path: Path) -> None:
    change, message = PARTS[kind]
    content = read_checkpoint(checkpoint)
    change(content["state_dict"])
    torch.save(content, tmp_path / "other.ckpt")
    with pytest.raises(CheckpointError, match=f"(?s){message}"):
        SearchModule.load_from_checkpoint(tmp_path / "other.ckpt")
    with pytest.raises(CheckpointError, match="holds another network than the one to train: network"):
        check_fits("other.ckpt", content, search_module())


def test_half_precision_is_no_other_kind(checkpoint: Path) -> None:
    check_fits(checkpoint, read_checkpoint(checkpoint), search_module().half())


@pytest.mark.parametrize("ema", [{"x": torch.ones(1)}, {"x": 1}, [1], {WEIGHT: torch.ones(1, 2)}])
def test_a_damaged_average(ema: Any, tmp_path: Path) -> None:
    path = save(moved(retrain_module()), tmp_path / "m.ckpt")
    torch.save({**read_checkpoint(path), "ema": ema}, path)
    with pytest.raises(CheckpointError, match=r"The average in the checkpoint is (of another network|damaged)"):
        RetrainModule.load_from_checkpoint(path)


@pytest.mark.parametrize("sites", [3, [1, 2], "bn1"])
def test_damaged_sites(sites: Any, checkpoint: Path, tmp_path: Path) -> None:
    torch.save({**read_checkpoint(checkpoint), "sites": sites}, tmp_path / "m.ckpt")
    with pytest.raises(CheckpointError, match="its sites must be a list of names"):
        SearchModule.load_from_checkpoint(tmp_path / "m.ckpt")


# --- writing ------------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("call", ["fsync", "replace", "write"])
def test_full_disk_leaves_the_checkpoint_before_as_it_was(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, call: str) -> None:
    path = tmp_path / "checkpoints" / "last.ckpt"
    SafeCheckpointIO().save_checkpoint({"epoch": 1}, path)
    before = path.read_bytes()

    def fail(content: Any, file: Any = None, *_: Any, **__: Any) -> None:
        if call == "write":
            file.write(b"half of it")
        raise OSError(errno.ENOSPC, "No space left on device")

    owner, name = {"fsync": (os, "fsync"), "replace": (Path, "replace"), "write": (torch, "save")}[call]
    monkeypatch.setattr(owner, name, fail)
    with pytest.raises(OutputError, match=r"Cannot write .*last\.ckpt.*No space left.*what was there before is intact"):
        SafeCheckpointIO().save_checkpoint({"epoch": 2}, path)
    monkeypatch.undo()
    assert path.read_bytes() == before
    assert list(path.parent.iterdir()) == [path]
    SafeCheckpointIO().save_checkpoint({"epoch": 2}, path)
    assert torch.load(path) == {"epoch": 2}


def test_interval_must_be_positive(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="`every_n_batches` must be at least 1, got 0"):
        LastCheckpoint(tmp_path, 0)


class Epochs:
    """A Trainer, of which only the saving is asked."""

    is_global_zero = True
    epoch = 0

    def save_checkpoint(self, path: Path) -> None:
        self.epoch += 1
        SafeCheckpointIO().save_checkpoint({"epoch": self.epoch}, path)


@pytest.mark.parametrize("links", [True, False])
def test_the_checkpoint_before_the_last_is_kept(links: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(self: Path, target: Path) -> None:
        raise OSError(errno.EPERM, "Operation not permitted")

    if not links:
        monkeypatch.setattr(Path, "hardlink_to", refuse)
    trainer, last, previous = Epochs(), tmp_path / "last.ckpt", tmp_path / "previous.ckpt"
    module: Any = None
    callback = LastCheckpoint(tmp_path)
    found = []
    for _ in range(3):
        callback.on_train_epoch_end(trainer, module)  # type: ignore[arg-type]
        found.append((torch.load(last)["epoch"], torch.load(previous)["epoch"] if previous.exists() else None))
    assert found == [(1, None), (2, 1), (3, 2)]
    last.write_bytes(b"damaged")  # and the run goes on from the one before it
    callback = LastCheckpoint(tmp_path)
    callback.on_train_epoch_end(trainer, module)  # type: ignore[arg-type]
    assert (torch.load(last)["epoch"], torch.load(previous)["epoch"]) == (4, 2)  # a file that may be damaged replaces no good one
    callback.on_train_epoch_end(trainer, module)  # type: ignore[arg-type]
    assert (torch.load(last)["epoch"], torch.load(previous)["epoch"]) == (5, 4)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["last.ckpt", "previous.ckpt"]


def test_a_checkpoint_that_cannot_be_kept(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match=r"Cannot write '.*previous\.ckpt' \(No such file.*last\.ckpt is intact"):
        keep_as(tmp_path / "previous.ckpt", tmp_path / "last.ckpt")
