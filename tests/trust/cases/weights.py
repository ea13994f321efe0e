"""Published weights for ``convert``, weights to start from, and the weights of a pretraining."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

from tests.trust.case import READ, REFUSED, Case, Words, twin
from tests.trust.cases.archives import CALLS, archive
from tests.trust.cases.making import HOSTILE_NAMES, NO_FILES, PLANTED, Write, both, damages, in_place, of_good, put
from tests.trust.good import SMALL

ENTRY = "weights"
FILE = "w.pth"
EITHER = (READ, REFUSED)
STEM = ("--model.genotype", "stem_separate")


def convert(system: str, *more: str, file: str = FILE) -> Words:
    return ("convert", file, "--from", system, "--output", "out/c.ckpt", *SMALL, *more)


CM_NAS, AGW = convert("cm-nas", *STEM), convert("agw")
START: Words = ("fit", "-c", "../../good/small.yaml", "--data.root", "../../good/folder", "--model.genotype", "all_shared")
START += ("--model.weights", FILE, "--run_dir", "out/run")
PRETRAIN: Words = ("pretrain", "resnet18", "--output", "out/w.pth")


def changed(change: Callable[[dict[str, Any]], object], source: str = "cmnas.pth") -> Write:
    """A good file whose content is changed."""

    def write(folder: Path, good: Path) -> None:
        content = torch.load(good / source, weights_only=False)
        change(content)
        torch.save(content, folder / FILE)

    return both(write, put("planted_code.py", PLANTED))


def weight(value: Any, name: str = "") -> Write:
    return changed(lambda content: content["model"].update({name or next(iter(content["model"])): value}))


def classifier(rows: int) -> Callable[[dict[str, Any]], object]:
    """The classifier of a file whose rows repeat one number: a few bytes mean any number of classes."""

    def change(content: dict[str, Any]) -> None:
        state = content["model"]
        name = next(name for name, value in reversed(state.items()) if value.ndim == 2)
        state[name] = torch.zeros(1).expand(rows, state[name].shape[1])

    return change


VALUES: dict[str, Write] = {
    "classes without end": changed(classifier(50_000_000)),
    "no classes": changed(classifier(0)),
    "a weight of NaN": weight(torch.full((8, 3, 7, 7), float("nan"))),
    "a weight of text": weight("x"),
    "a weight of null": weight(None),
    "a weight of another shape": weight(torch.ones(3)),
    "a weight of no size": weight(torch.ones(0)),
    "a weight of a terabyte": weight(torch.ones(1).expand(2**20, 2**20)),
    "a sparse weight": weight(torch.eye(4).to_sparse()),
    "a weight of complex numbers": weight(torch.ones(2, dtype=torch.complex64)),
    "a weight without numbers": weight(torch.ones(2, device="meta")),
    "weights with numbers as names": changed(lambda content: content["model"].update({3: torch.ones(1)})),
    "weights in weights": changed(lambda content: content["model"].update({"a": {"b": torch.ones(1)}})),
    "weights of a list": changed(lambda content: content.update(model=[torch.ones(1)])),
    "weights of text": changed(lambda content: content.update(model="x")),
    "no weights": changed(lambda content: content.update(model={})),
    "nothing": changed(lambda content: content.clear()),
    "a hundred thousand names": changed(lambda content: content["model"].update({f"a{n}": torch.ones(1) for n in range(10_000)})),
    "names of a megabyte": weight(torch.ones(1), "x" * 1_000_000),
}
NAMED: dict[str, Write] = {
    **{f"a weight named {name}": weight(torch.ones(1), text.encode("utf-8", "replace").decode()) for name, text in HOSTILE_NAMES.items()},
    **{
        f"an entry named {name}": changed(lambda content, text=text: (content.clear(), content.update({text: 1})))
        for name, text in HOSTILE_NAMES.items()
    },
}
PRETRAINED: dict[str, str | bytes] = {  # beside the file, what the weights depend on
    "nothing": "",
    "nested lists": "[" * 100_000,
    "no UTF-8": b"\xff\xfe\x00",
    "a long number": "1" * 5000,
    "another format": '{"format": "[/x]"}',
}

WEIGHTS: tuple[Case, ...] = (
    twin(ENTRY, "CM-NAS", of_good("cmnas.pth", FILE, bytes), CM_NAS),
    twin(ENTRY, "AGW, with NumPy's numbers", of_good("agw.t", FILE, bytes), AGW),
    twin(ENTRY, "a trunk to start from", of_good("shared.pth", FILE, bytes), START),
    twin(ENTRY, "of a folder in brackets", of_good("cmnas.pth", "[/x].pth", bytes), convert("cm-nas", *STEM, file="[/x].pth")),
    *(
        Case(ENTRY, f"calls {name}", both(put(FILE, archive({"data.pkl": call})), put("planted_code.py", PLANTED)), AGW)
        for name, call in CALLS.items()
    ),
    *(Case(ENTRY, name, write, CM_NAS) for name, write in {**VALUES, **NAMED}.items()),
    *(Case(ENTRY, f"start: {name}", write, START) for name, write in VALUES.items()),
    *(Case(ENTRY, name, of_good("cmnas.pth", FILE, change), CM_NAS, EITHER) for name, change in damages(3)),
    *(Case(ENTRY, f"start: {name}", of_good("shared.pth", FILE, change), START, EITHER) for name, change in damages(3)),
    *(Case(ENTRY, f"{name} instead of a file", in_place(FILE, change), CM_NAS) for name, change in NO_FILES.items()),
    *(
        Case(ENTRY, f"a pretraining beside {name}", both(put("out/w.pth", b"x"), put("out/w.pth.json", content)), PRETRAIN)
        for name, content in PRETRAINED.items()
    ),
    *(
        Case(ENTRY, f"a pretraining beside {name}", both(put("out/w.pth", b"x"), in_place("out/w.pth.json", change)), PRETRAIN)
        for name, change in NO_FILES.items()
    ),
)
