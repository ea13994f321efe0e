"""A later file or option that changes a class says what it keeps and drops, and that is what happens."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.commands.runs import run
from vireid.commands.class_changes import ClassChange, class_changes
from vireid.commands.layers import layer_of, read_layers

Capsys = pytest.CaptureFixture[str]
OWN = """
class Both:
    def __init__(self, common: int = 1, text: str = "a", only_here: float = 0.5) -> None: ...


class Other(Both):
    def __init__(self, common: int = 2, text: int = 3, only_there: float = 0.5) -> None: ...


class OwnHead(Head):
    def __init__(self, part: Both | None = None, size: int = 1) -> None: ...
    def build(self, backbone, num_classes): ...


class OtherHead(Head):
    def __init__(self, part: Both | None = None, width: int = 1) -> None: ...
    def build(self, backbone, num_classes): ...
"""
PART = "model: {{init_args: {{head: {{init_args: {{part: {{{}}}}}}}}}}}"
FILES = {
    "own_parts.py": f"from __future__ import annotations\nfrom vireid.models import Head\n{OWN}",
    "head.yaml": "model: {init_args: {head: {class_path: own_parts.OwnHead, init_args: {size: 7}}}}",
    "part.yaml": PART.format("class_path: own_parts.Both, init_args: {common: 5, text: b, only_here: 2}"),
    "other.yaml": PART.format("class_path: own_parts.Other, init_args: {text: 4}"),
}
START = ("fit", "-c", "data/sysu.yaml", "-c", "train/all_shared.yaml", "-c", "head.yaml", "-c", "part.yaml")
CASES = {
    ("-c", "other.yaml"): ["model.head.part: Other replaces Both; keeps common, drops only_here"],
    ("--model.head.part=own_parts.Other",): ["model.head.part: Other replaces Both; keeps common, drops text, only_here"],
    ("--model.head.init_args.part.class_path", "own_parts.Other"): [
        "model.head.part: Other replaces Both; keeps common, drops text, only_here"
    ],
    ("--model.head=own_parts.OtherHead",): ["model.head: OtherHead replaces OwnHead; keeps part, drops size"],
    ("--model.head.part.common=3",): [],
    ("--model.head.part=own_parts.Both",): [],
}


@pytest.fixture(autouse=True)
def files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    for name, text in FILES.items():
        Path(name).write_text(text)


def given(value: Any) -> dict[str, Any]:
    """Arguments by dotted name, without classes."""
    if not isinstance(value, dict):
        return {}
    found: dict[str, Any] = {}
    for key, item in value.get("init_args", {}).items():
        found |= {key: item} | {f"{key}.{name}": inner for name, inner in given(item).items()}
    return found


@pytest.mark.parametrize("words", CASES)
def test_what_is_said_is_what_happens(words: tuple[str, ...], capsys: Capsys) -> None:
    wanted = CASES[words]
    changes = class_changes(read_layers([*START[5:], *words]))
    assert [str(change) for change in changes][: len(wanted)] == wanted
    done = run(capsys, *START, *words, "--print_config")
    before = run(capsys, *START, "--print_config")
    heads = [yaml.safe_load(text)["model"]["init_args"]["head"] for text in (before.out, done.out)]
    for change in changes[:1]:
        below = ".".join(change.keys[2:])
        name = (f"{below}." if below else "") + "{}"
        old, new = (given(head) for head in heads)
        assert all(new[name.format(kept)] == old[name.format(kept)] for kept in change.kept)
        assert all(new.get(name.format(dropped)) != old[name.format(dropped)] for dropped in change.dropped)


def test_lines_go_to_the_error_stream_before_the_run(capsys: Capsys, monkeypatch: pytest.MonkeyPatch) -> None:
    done = run(capsys, *START, "-c", "other.yaml", "--data.root=absent")
    said, *_ = [line for line in done.err.splitlines() if "replaces" in line]
    assert said == "model.head.part: Other replaces Both; keeps common, drops only_here"
    assert "replaces" not in run(capsys, *START, "--data.root=absent").err


def test_a_checkpoint_counts_as_the_first_file() -> None:
    settings = {"data": {"class_path": "vireid.SYSUDataModule", "init_args": {"root": "a", "gallery": "seeded"}}}
    (change,) = class_changes([layer_of("x.ckpt", settings), *read_layers(["test", "--data=vireid.RegDBDataModule"])])
    assert change == ClassChange(("data",), "vireid.SYSUDataModule", "vireid.RegDBDataModule", ("root",), ("gallery",))
    assert str(change) == "data: RegDBDataModule replaces SYSUDataModule; keeps root, drops gallery"


def test_a_name_alone_is_the_class_beside_the_one_before() -> None:
    words = ["--model.optimizer=vireid.tasks.SGD", "--model.optimizer.lr=0.5", "--model.optimizer=Adam"]
    (change,) = class_changes(read_layers(["fit", *words]))
    assert (change.after, change.kept) == ("vireid.tasks.Adam", ("lr",))
