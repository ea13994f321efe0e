"""Genotype files: ours, and those of published systems."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.trust.case import READ, REFUSED, Case, twin
from tests.trust.cases.making import HOSTILE_NAMES, NO_FILES, PLANTED, Write, both, damages, in_place, of_good, put

ENTRY = "genotype"
FILE = "g.json"
SHOW, VALIDATE = ("genotype", "show", FILE), ("genotype", "validate", FILE)
COST = ("genotype", "show", FILE, "--cost")
FIT = ("fit", "-c", "small.yaml", "--data.root", "folder", "--model.genotype", FILE, "--model.space", "null", "--run_dir", "out/run")
OWN_SPACE = "vireid.search.BNSeparation"


def changed(change: Callable[[dict[str, Any]], object], file: str = "genotype.json") -> Write:
    """A good genotype whose content is changed."""

    def write(folder: Path, good: Path) -> None:
        content = json.loads((good / file).read_text())
        change(content)
        (folder / FILE).write_text(json.dumps(content))

    return write


def space(path: Any, /, **arguments: Any) -> Write:
    """A genotype of this space."""
    return both(
        changed(lambda content: content.update(space={"class_path": path, "init_args": arguments})), put("planted_code.py", PLANTED)
    )


def provenance(**entries: Any) -> Write:
    """A genotype with this provenance."""
    return changed(lambda content: content["provenance"].update(entries))


def choices(**found: Any) -> Write:
    """A genotype with further choices."""
    return changed(lambda content: content["choices"].update(found))


def backbone(path: Any, /, **arguments: Any) -> Write:
    return space(OWN_SPACE, backbone={"class_path": path, "init_args": arguments})


FOREIGN_SPACES = {  # that must not be imported, called or built
    "os.system": {"command": "touch owned"},
    "planted_code.Planted": {},
    "planted_code.Planted-sysu": {},
    "subprocess.Popen": {"args": ["touch", "owned"]},
    "antigravity.fly": {},
    "vireid.RetrainModule": {"num_classes": 3, "genotype": "all_shared"},
    "vireid.SearchModule": {"num_classes": 3},
    "vireid.SyntheticDataModule": {"root": "owned"},
    "vireid.CIFAR100DataModule": {"root": "owned", "download": True},
    "vireid.cli.main": {"args": ["data", "synthesize", "--root", "owned"]},
    "vireid.commands.jobs.job.run": {"path": "g.json"},
    "vireid.commands.parser.Path": {},
    "vireid.files.shutil": {},
    "vireid.data.synthetic.write_dataset": {"root": "owned"},
    "vireid.Genotype": {"space": {}, "choices": {}},
    "vireid.models.ResNet": {"name": "resnet10"},
    "vireid.search": {},
    "vireid..search.BNSeparation": {},
    ".vireid.search.BNSeparation": {},
    "vireid.search.BNSeparation.__init__.__globals__": {},
    "vireid": {},
    "": {},
    "builtins.exec": {"source": "open('owned', 'w')"},
}
FOREIGN_BACKBONES: dict[str, dict[str, Any]] = {
    "planted_code.Planted": {},
    "vireid.SyntheticDataModule": {"root": "owned"},
    "vireid.RetrainModule": {"num_classes": 3, "genotype": "all_shared"},
    "torch.hub.load": {"repo_or_dir": "x/y", "model": "z"},
    "vireid.models.Torchvision": {"name": "../../x"},
    "vireid.models.Timm": {"name": "hf-hub:x/y"},
}
SIZES: dict[str, dict[str, Any]] = {  # that ask for more than any file holds
    "width": {"backbone": "resnet10", "width": 10**9},
    "large width": {"backbone": "resnet50", "width": 10**5},
    "a number without end": {"backbone": "resnet10", "width": 10**400},
    "a negative width": {"backbone": "resnet10", "width": -8},
    "a width of NaN": {"backbone": "resnet10", "width": float("nan")},
    "width that is a list": {"backbone": "resnet10", "width": [8] * 100},
    "stride": {"backbone": "resnet10", "width": 8, "last_stride": 10**9},
    "name of a network": {"backbone": "resnet" + "1" * 5000},
    "unknown argument": {"backbone": "resnet10", "width": 8, "callback": "os.system"},
    "patterns": {"backbone": "resnet10", "width": 8, "sites": ["*a" * 40 + "b"]},
}
TEXTS = {
    "nothing": "",
    "a number": "3",
    "a list": "[]",
    "nested lists": "[" * 100_000,
    "nested objects": '{"a":' * 50_000,
    "no UTF-8": b"\xff\xfe\x00",
    "UTF-16": json.dumps({"format": "vireid.genotype"}).encode("utf-16"),
    "NUL": b"\x00" * 100,
    "a long number": '{"format": "vireid.genotype", "version": ' + "1" * 5000 + "}",
    "another version": '{"format": "vireid.genotype", "version": 99}',
    "a version of text": '{"format": "vireid.genotype", "version": "\\u001b[31m[/x]"}',
    "a pickle": b"\x80\x02cos\nsystem\nX\x0b\x00\x00\x00touch owned\x85R.",
    "YAML": "!!python/object/apply:os.system ['touch owned']",
    "a large list": "[" + "0," * 3_000_000 + "0]",
}
LISTS = {
    "codes": (("list.cfg", "0 2 x " * 20), ("genotype", "show", "list.cfg")),
    "too many codes": (("list.cfg", "0 1 " * 500_000), ("genotype", "show", "list.cfg")),
    "no codes": (("list.cfg", "\n\n"), ("genotype", "show", "list.cfg")),
    "codes with control bytes": (("list.cfg", "\x1b[2J [/x] \x07"), ("genotype", "show", "list.cfg")),
    "codes with one long word": (("list.cfg", "0" * 3_000_000), ("genotype", "show", "list.cfg")),
    "names": (("ain.txt", "os.system " * 6), ("genotype", "show", "ain.txt")),
    "names with control bytes": (("ain.txt", "OSBlock\x1b[31m [/x] a\x00b c d e"), ("genotype", "show", "ain.txt")),
    "one long name": (("ain.txt", "x" * 3_000_000), ("genotype", "show", "ain.txt")),
    "layers": (("c.json", '{"layers": [[3, 5, 1], ["os.system", 1]]}'), ("genotype", "show", "c.json")),
    "layers without end": (("c.json", '{"layers": [' + "[3, 5, 1]," * 200_000 + "[3, 5, 1]]}"), ("genotype", "show", "c.json")),
    "layers of huge numbers": (
        ("c.json", '{"layers": [' + "[1e400, 5, 1]," * 5 + f"[{'9' * 400}, 5, 1]]}}"),
        ("genotype", "show", "c.json"),
    ),
    "layers of nothing": (("c.json", '{"layers": []}'), ("genotype", "show", "c.json")),
    "layers with markup": (("c.json", '{"layers": ["[/x]", "\\u001b"]}'), ("genotype", "show", "c.json")),
}
PROVENANCES: dict[str, Any] = {
    "probabilities of nothing": {"probabilities": {}},
    "probabilities of text": {"probabilities": {"bn1": "x"}},
    "probabilities of NaN": {"probabilities": {"bn1": [float("nan"), float("inf")]}},
    "probabilities of no site": {"probabilities": {"[/x]\x1b[31m": [0.5, 0.5]}},
    "probabilities of many": {"probabilities": {"bn1": [0.0] * 100_000}},
    "a list of probabilities": {"probabilities": [1, 2]},
    "a cost of text": {"cost": "x"},
    "a cost of nothing": {"cost": None},
    "a cost with markup": {"cost": {"[/x]": 1, "parameters": "[/y]\x1b[2J"}},
    "sites of text": {"sites": "x"},
    "sites with markup": {"sites": {"bn1": {"stage": "[/x]", "tie": "\x1b[31m", "cost": {"parameters": "x"}}}},
    "sites of lists": {"sites": [[1], [2]]},
    "a shortlist of text": {"shortlist": "x"},
    "a shortlist of numbers": {"shortlist": [1, 2, 3]},
    "a shortlist with markup": {"shortlist": [{"[/x]": "[/y]", "score": "\x1b[2J"}]},
    "a seed of nested lists": {"seed": [[[["[/x]"]]]]},
    "data with markup": {"data": {"[/x]": "\x1b]0;x\x07[/y]"}, "seed": "[/z]", "epoch": "\x1b[31m"},
    "data of many entries": {"data": {str(number): "x" * 50 for number in range(2000)}},
    "alphas of text": {"alphas1": "x"},
    "surrogates": {"seed": "\ud800", "data": {"\udfff": "\ud800"}},
}


def damaged() -> list[Case]:
    found = [
        Case(ENTRY, f"{name} of {file}", of_good(file, file, change), ("genotype", "show", file), (READ, REFUSED))
        for file in ("genotype.json", "joint.json", "cdnet.json", "list.cfg", "ain.txt")
        for name, change in damages(2)
    ]
    return found + [Case(ENTRY, f"{name} instead of a file", in_place(FILE, change), SHOW) for name, change in NO_FILES.items()]


GENOTYPES: tuple[Case, ...] = (
    *(
        twin(ENTRY, f"show {file}", of_good(file, file, bytes), ("genotype", "show", file))
        for file in ("genotype.json", "cdnet.json", "ain.txt")
    ),
    twin(ENTRY, "show list.cfg", of_good("list.cfg", "list.cfg", bytes), ("genotype", "show", "list.cfg")),
    twin(ENTRY, "validate", of_good("genotype.json", FILE, bytes), VALIDATE),
    twin(ENTRY, "validate a joint space", of_good("joint.json", FILE, bytes), VALIDATE),
    twin(ENTRY, "show its cost", of_good("genotype.json", FILE, bytes), COST),
    twin(ENTRY, "convert", of_good("list.cfg", "list.cfg", bytes), ("genotype", "convert", "list.cfg", "out/g.json")),
    twin(ENTRY, "provenance of the user's", provenance(author="[draft] me", note="ü"), SHOW),
    *(Case(ENTRY, f"space {path!r}", space(path, **arguments), VALIDATE) for path, arguments in FOREIGN_SPACES.items()),
    *(Case(ENTRY, f"trunk {path!r}", backbone(path, **arguments), VALIDATE) for path, arguments in FOREIGN_BACKBONES.items()),
    *(Case(ENTRY, f"size: {name}", space(OWN_SPACE, **arguments), VALIDATE) for name, arguments in SIZES.items()),
    *(Case(ENTRY, f"text: {name}", put(FILE, text), SHOW) for name, text in TEXTS.items()),
    *(Case(ENTRY, f"list: {name}", put(*file), words) for name, (file, words) in LISTS.items()),
    *(Case(ENTRY, f"provenance: {name}", provenance(**found), SHOW, (READ, REFUSED)) for name, found in PROVENANCES.items()),
    *(Case(ENTRY, f"space named {name}", space(f"vireid.{text}"), VALIDATE) for name, text in HOSTILE_NAMES.items()),
    *(Case(ENTRY, f"site named {name}", choices(**{text: "shared_bn"}), VALIDATE) for name, text in HOSTILE_NAMES.items()),
    *(Case(ENTRY, f"candidate named {name}", choices(bn1=text), SHOW, (READ, REFUSED)) for name, text in HOSTILE_NAMES.items()),
    Case(ENTRY, "a million sites", changed(lambda content: content.update(choices={str(n): "x" for n in range(10**6)})), SHOW),
    Case(ENTRY, "sites by the thousand", changed(lambda content: content.update(choices={str(n): "x" for n in range(5000)})), VALIDATE),
    Case(ENTRY, "a size that the cost asks for", space(OWN_SPACE, backbone="resnet10", width=10**7), COST, (READ, REFUSED)),
    Case(ENTRY, "converted: candidate with markup", choices(bn1="[/x]\x1b"), ("genotype", "convert", FILE, "out/l.cfg")),
    *damaged(),
)
