"""Checkpoints of ours, by what they say: settings, weights, counters."""

from __future__ import annotations

import copy
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

from tests.trust.case import READ, REFUSED, Case, Words, twin
from tests.trust.cases.making import HOSTILE_NAMES, PLANTED, Write, both, of_good, put
from tests.trust.good import checkpoint, checkpoint_bytes

ENTRY = "checkpoint"
FILE = "c.ckpt"
TEST: Words = ("test", "--ckpt", FILE, "--run_dir", "out/test", "--trainer.logger", "false", "--trainer.enable_progress_bar", "false")
VALIDATE: Words = ("validate", *TEST[1:])
PREDICT: Words = ("predict", *TEST[1:])
RESUME: Words = ("fit", "-c", "../../good/small.yaml", "--data.root", "../../good/folder", "--ckpt_path", FILE, "--trainer.max_epochs", "2")
RESUME += ("--run_dir", "out/run")
START: Words = ("fit", "-c", "../../good/small.yaml", "--data.root", "../../good/folder", "--model.genotype", "all_shared")
START += ("--model.weights", FILE, "--run_dir", "out/run")
EITHER = (READ, REFUSED)
Content = dict[str, Any]


def changed(change: Callable[[Content], object]) -> Write:
    """The checkpoint of a finished run whose content is changed."""

    def write(folder: Path, good: Path) -> None:
        content = copy.deepcopy(checkpoint(good))
        change(content)
        torch.save(content, folder / FILE)

    return both(write, put("planted_code.py", PLANTED))


def said(section: str, **arguments: Any) -> Write:
    """A checkpoint whose ``model`` or ``data`` has these arguments too."""
    return changed(lambda content: content["vireid"][section]["init_args"].update(arguments))


def of_class(section: str, path: Any, /, **arguments: Any) -> Write:
    """A checkpoint whose ``model`` or ``data`` is another class."""
    return changed(lambda content: content["vireid"].update({section: {"class_path": path, "init_args": arguments}}))


def entry(**values: Any) -> Write:
    """A checkpoint with these entries."""
    return changed(lambda content: content.update(values))


def weight(value: Any, name: str | None = None) -> Write:
    """A checkpoint in which one weight is something else."""
    return changed(lambda content: content["state_dict"].update({name or next(iter(content["state_dict"])): value}))


def without(name: str) -> Write:
    return changed(lambda content: content.pop(name))


def doubled(depth: int) -> list[Any]:
    """A list of a few bytes that means two to the power of ``depth`` values."""
    found: list[Any] = []
    for _ in range(depth):
        found = [found, found]
    return found


def built(path: Any, /, **arguments: Any) -> dict[str, Any]:
    return {"class_path": path, "init_args": arguments}


CLASSES: dict[str, dict[str, Any]] = {  # that must not be imported or called
    "os.system": {"command": "touch owned"},
    "planted_code.Planted": {},
    "planted_code.Planted-sysu": {},
    "subprocess.Popen": {"args": ["touch", "owned"]},
    "antigravity.fly": {},
    "builtins.exec": {"source": "open('owned', 'w')"},
    "torch.hub.load": {"repo_or_dir": "x/y", "model": "z"},
    "torch.utils.cpp_extension.load": {"name": "x", "sources": ["x.cpp"]},
    "pytorch_lightning.callbacks.LambdaCallback": {},
    "vireid.cli.main": {"args": ["data", "synthesize", "--root", "owned"]},
    "vireid.commands.jobs.job.run": {"path": "g.json"},
    "vireid.data.synthetic.write_dataset": {"root": "owned"},
    "vireid.files.shutil": {},
    "vireid.files.os.system": {"command": "touch owned"},
    "vireidx.Evil": {},
    "vireid": {},
    "": {},
}
PLACES: dict[str, Callable[[Content, Any], object]] = {  # where a class may be named
    "model": lambda content, settings: content["vireid"].update(model=settings),
    "data": lambda content, settings: content["vireid"].update(data=settings),
    "space": lambda content, settings: content["vireid"]["model"]["init_args"].update(space=settings),
    "trunk": lambda content, settings: content["vireid"]["model"]["init_args"].update(
        space=built("vireid.search.BNSeparation", backbone=settings)
    ),
    "optimiser": lambda content, settings: content["vireid"]["model"]["init_args"].update(optimizer=settings),
    "losses": lambda content, settings: content["vireid"]["model"]["init_args"].update(losses=[settings]),
    "head": lambda content, settings: content["vireid"]["model"]["init_args"].update(head=settings),
    "augmentation": lambda content, settings: content["vireid"]["data"]["init_args"].update(augmentation=settings),
    "evaluation": lambda content, settings: content["vireid"]["model"]["init_args"].update(evaluation=settings),
    "number": lambda content, settings: content["vireid"]["model"]["init_args"].update(seed=settings),
    "text": lambda content, settings: content["vireid"]["data"]["init_args"].update(root=settings),
    "genotype": lambda content, settings: content["vireid"]["model"]["init_args"].update(
        genotype={"format": "vireid.genotype", "version": 1, "space": settings, "choices": {"bn1": "shared_bn"}}
    ),
}
NAMED_AS_TEXT: dict[str, Write] = {  # a text where an object is wanted: the parser would import what it names
    "head": said("model", head="planted_code.Planted"),
    "optimiser": said("model", optimizer="planted_code.Planted"),
    "losses": said("model", losses=["planted_code.Planted"]),
    "space": said("model", space="planted_code.Planted"),
    "augmentation": said("data", augmentation="planted_code.Planted"),
    "evaluation": said("model", evaluation="planted_code.Planted"),
    "ema": said("model", ema="planted_code.Planted"),
}
KEYS: dict[str, Write] = {  # what the parser would read as a class path
    "a dotted key": said("model", **{"head.class_path": "planted_code.Planted"}),
    "a class beside the arguments": changed(
        lambda content: content["vireid"]["model"].update(dict_kwargs={"a": built("planted_code.Planted")})
    ),
    "a help option": said("model", **{"head.help": "planted_code.Planted"}),
    "an option": said("model", **{"--config": "/dev/zero"}),
    "a configuration": changed(
        lambda content: content["vireid"].update(config="/dev/zero", trainer={"callbacks": [built("planted_code.Planted")]})
    ),
    "a callback": changed(lambda content: content["vireid"].update(trainer={"callbacks": [built("planted_code.Planted")]})),
    "Lightning's class": entry(hyper_parameters={"_class_path": "planted_code.Planted"}, hparams_name="kwargs"),
    "Lightning's data": entry(datamodule_hyper_parameters={"_class_path": "planted_code.Planted"}, datamodule_hparams_name="kwargs"),
    "Lightning's types": entry(hparams_type="planted_code.Planted", hyper_parameters={"a": 1}),
}
SIZES: dict[str, Write] = {
    "classes": said("model", num_classes=16_000_000),
    "classes without end": said("model", num_classes=10**400),
    "classes of a fraction": said("model", num_classes=1e300),
    "negative classes": said("model", num_classes=-1),
    "width": said("model", space=built("vireid.search.BNSeparation", backbone="resnet10", width=10**7)),
    "width of a trunk": said(
        "model", space=built("vireid.search.BNSeparation", backbone=built("vireid.models.ResNet", name="resnet50", width=10**6))
    ),
    "height": said("data", height=10**6, width=10**6),
    "height without end": said("data", height=10**400),
    "a negative height": said("data", height=-16),
    "evaluation batch": said("data", eval_batch_size=10**12),
    "a negative batch": said("data", eval_batch_size=-4),
    "identities of a batch": said("data", identities_per_batch=10**12),
    "a list without end": said("data", note=[0] * 300_000),
    "a list as long as settings may be": said("data", note=[0] * 45_000),
    "doubled lists": changed(lambda content: content["vireid"].update(note=doubled(60))),
    "doubled lists in the counters": entry(loops={"fit_loop": doubled(60)}),
    "doubled lists in the optimiser": entry(optimizer_states=doubled(60)),
    "doubled lists in the callbacks": entry(callbacks={"a": doubled(60)}),
    "nested lists": changed(lambda content: content["vireid"].update(note=nested(400))),
}


def nested(depth: int) -> list[Any]:
    found: list[Any] = []
    for _ in range(depth):
        found = [found]
    return found


ACTING: dict[str, Write] = {  # settings that draw, download or write
    "people drawn into a new folder": of_class("data", "vireid.SyntheticDataModule", root="owned", identities=20, test_identities=10),
    "people drawn beside the run": of_class("data", "vireid.SyntheticDataModule", root="../owned", identities=20, test_identities=10),
    "people drawn by the million": of_class("data", "vireid.SyntheticDataModule", identities=10**9, test_identities=10),
    "a download": of_class("data", "vireid.CIFAR100DataModule", root="owned", download=True),
    "default weights": said("model", weights="IMAGENET1K_V1"),
    "weights of an address": said("model", weights="https://x.invalid/w.pth"),
    "a trunk of the hub": said("model", space=built("vireid.search.BNSeparation", backbone=built("vireid.models.Timm", name="hf-hub:x/y"))),
    "a device as data": said("data", root="/dev"),
    "an address as data": said("data", root="http://x.invalid/people"),
}
VALUES: dict[str, Write] = {
    "an epoch of -5": entry(epoch=-5),
    "an epoch of text": entry(epoch="[/x]\x1b[31m"),
    "an epoch of a fraction": entry(epoch=1.5),
    "an epoch of 10^30": entry(epoch=10**30),
    "a step of true": entry(global_step=True),
    "loops of text": entry(loops="x"),
    "loops of a negative number": entry(loops={"fit_loop": {"epoch_progress": {"current": {"ready": -1}}}}),
    "no weights": entry(state_dict={}),
    "weights of text": entry(state_dict="x"),
    "weights with numbers as names": changed(lambda content: content["state_dict"].update({3: torch.ones(2)})),
    "a weight of text": weight("x"),
    "a weight of NaN": weight(torch.full((8, 3, 7, 7), float("nan"))),
    "a weight of infinity": weight(torch.full((8, 3, 7, 7), float("-inf"))),
    "a weight of another shape": weight(torch.ones(3)),
    "a weight of no size": weight(torch.ones(0)),
    "a weight of whole numbers": weight(torch.ones(8, 3, 7, 7, dtype=torch.int64)),
    "a weight of complex numbers": weight(torch.ones(8, 3, 7, 7, dtype=torch.complex64)),
    "a sparse weight": weight(torch.eye(4).to_sparse()),
    "a weight without numbers": weight(torch.ones(8, 3, 7, 7, device="meta")),
    "a weight that repeats one number": weight(torch.ones(1).expand(8, 3, 7, 7)),
    "a weight that means 4 TB": weight(torch.ones(1).expand(1_000_000, 1_000_000)),
    "a weight more": weight(torch.ones(2), "[/x]\x1b[31m"),
    "a weight less": changed(lambda content: content["state_dict"].popitem()),
    "another version": changed(lambda content: content["vireid"].update(version=99)),
    "a version of text": changed(lambda content: content["vireid"].update(version="[/x]\x1b[2J")),
    "no settings": without("vireid"),
    "settings of text": entry(vireid="x"),
    "no weights at all": without("state_dict"),
    "no model": changed(lambda content: content["vireid"].pop("model")),
    "arguments of text": changed(lambda content: content["vireid"]["model"].update(init_args="x")),
    "a list": changed(lambda content: content.clear()),
    "a setting of NaN": said("model", seed=float("nan")),
    "a setting of infinity": said("data", height=float("inf")),
    "an unknown setting": said("model", **{"x" * 300: 1}),
    "a root with a zero byte": said("data", root="a\x00b"),
    "a root of surrogates": said("data", root="\udcff"),
    "a root of text without end": said("data", root="a/" * 100_000),
}
RESUMED: dict[str, Write] = {  # what only a training that goes on reads
    "no optimiser": without("optimizer_states"),
    "an optimiser of text": entry(optimizer_states="x"),
    "an optimiser of nothing": entry(optimizer_states=[{}]),
    "an optimiser of other groups": entry(optimizer_states=[{"state": {}, "param_groups": [{"params": [0]}]}]),
    "a rate of NaN": changed(lambda content: content["optimizer_states"][0]["param_groups"][0].update(lr=float("nan"))),
    "a momentum of another shape": changed(
        lambda content: content["optimizer_states"][0]["state"].update({0: {"momentum_buffer": torch.ones(2)}})
    ),
    "schedules of text": entry(lr_schedulers=["x"]),
    "callbacks of text": entry(callbacks="x"),
    "a callback of text": changed(lambda content: content.update(callbacks=dict.fromkeys(content.get("callbacks", {"a": 1}), "x"))),
    "loops of nothing": entry(loops={}),
    "loops without a part": entry(loops={"fit_loop": {}}),
    "loops of numbers": entry(loops={"fit_loop": 3}),
    "an epoch at the end of time": changed(lambda content: content.update(epoch=10**18, global_step=10**18)),
    "a version of Lightning to come": entry(**{"pytorch-lightning_version": "99.0"}),
    "a version of Lightning from the past": entry(**{"pytorch-lightning_version": "0.0.1"}),
    "a version of Lightning of text": entry(**{"pytorch-lightning_version": "[/x]\x1b[31m"}),
    "no version of Lightning": without("pytorch-lightning_version"),
    "a version of Lightning of 5000 digits": entry(**{"pytorch-lightning_version": "9" * 5000}),
    "a precision of text": entry(MixedPrecision="x", native_amp_scaling_state="x"),
    "a random state of text": entry(rng="x"),
}
NAMES = {f"named {name}": text for name, text in HOSTILE_NAMES.items()}
MAY_TEST = ("an epoch of 10^30", "a weight that repeats one number")


def named(name: str) -> Write:
    """The good checkpoint in a file of this name, beside code of an attacker."""
    return both(lambda folder, good: (folder / name).write_bytes(checkpoint_bytes(good)), put("planted_code.py", PLANTED))


CHECKPOINTS: tuple[Case, ...] = (
    twin(ENTRY, "tested", named(FILE), TEST),
    twin(ENTRY, "embedded", named(FILE), PREDICT),
    twin(ENTRY, "resumed", named(FILE), RESUME),
    twin(ENTRY, "weights to start from", of_good("shared.ckpt", FILE, bytes), START),
    twin(
        ENTRY, "named as a class", named("planted_code.Planted-sysu.ckpt"), ("test", "--ckpt", "planted_code.Planted-sysu.ckpt", *TEST[3:])
    ),
    twin(ENTRY, "with notes of the user's", entry(note={"author": "[draft] me", "numbers": [1, 2.5, None]}), TEST),
    *(
        Case(
            ENTRY,
            f"{place} {path!r}",
            changed(lambda content, put_in=put_in, path=path: put_in(content, built(path, **CLASSES[path]))),
            TEST,
        )
        for place, put_in in PLACES.items()
        for path in ("planted_code.Planted", "vireid.cli.main")
    ),
    *(Case(ENTRY, f"class {path!r}", of_class("model", path, **arguments), TEST) for path, arguments in CLASSES.items()),
    *(Case(ENTRY, f"{place} as a text", write, TEST) for place, write in NAMED_AS_TEXT.items()),
    *(Case(ENTRY, f"key: {name}", write, TEST, EITHER) for name, write in KEYS.items()),
    *(
        Case(ENTRY, f"size: {name}", write, TEST, EITHER if "doubled" in name or "batch" in name else (REFUSED,))
        for name, write in SIZES.items()
    ),
    *(Case(ENTRY, f"acting: {name}", write, TEST, EITHER) for name, write in ACTING.items()),
    *(Case(ENTRY, f"value: {name}", write, TEST, EITHER if name in MAY_TEST else (REFUSED,)) for name, write in VALUES.items()),
    *(Case(ENTRY, f"resumed: {name}", write, RESUME, EITHER) for name, write in RESUMED.items()),
    *(Case(ENTRY, f"model {name}", of_class("model", f"vireid.{text}"), TEST) for name, text in NAMES.items()),
    *(Case(ENTRY, f"root {name}", said("data", root=text), TEST) for name, text in NAMES.items()),
    Case(ENTRY, "evaluated on nobody", said("data", root="empty"), VALIDATE),
    Case(
        ENTRY, "allow by the beginning of a name", of_class("model", "planted_code.PlantedToo"), (*TEST, "--allow", "planted_code.Planted")
    ),
    Case(
        ENTRY,
        "allow by the name of a file",
        both(of_class("model", "planted_code.Planted"), lambda folder, _: (folder / FILE).rename(folder / "planted_code.Planted.ckpt")),
        ("test", "--ckpt", "planted_code.Planted.ckpt", *TEST[3:]),
    ),
    Case(
        ENTRY,
        "allow by the folder of the run",
        of_class("model", "planted_code.Planted"),
        (*TEST[:4], "out/planted_code.Planted", *TEST[5:]),
    ),
    Case(
        ENTRY, "allow by the folder of the data", of_class("model", "planted_code.Planted"), (*TEST, "--data.root", "planted_code.Planted")
    ),
)
