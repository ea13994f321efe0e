"""Checkpoints: safe to write, safe to read, and enough to rebuild a module."""

from __future__ import annotations

import copy
import errno
import os
import pickle
from pathlib import Path
from typing import Any

import pytest
import pytorch_lightning as pl
import torch

from vireid import RetrainModule, SearchModule
from vireid.errors import CheckpointError, OutputError, SettingsError, VireidError
from vireid.losses import CrossEntropy, SimilarityPreserving
from vireid.search import BNSeparation, GumbelHard, Softmax
from vireid.structures import Batch
from vireid.tasks import EMA, SGD, LastCheckpoint, ReIDModule, Retrieval, SafeCheckpointIO, TwoLevels, WarmupCosine, read_checkpoint
from vireid.tasks.checkpoints import VERSION

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
