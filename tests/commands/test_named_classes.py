"""Which words of a command line count as classes that files may name."""

from __future__ import annotations

from pathlib import Path

import pytest

from vireid.commands.named_classes import named_classes

CONFIG = """# class_path: mine.Commented, mine.Comment
allow: mine.Allowed
ckpt_path: mine.Ckpt
run_dir: mine.Run
model:
  class_path: mine.Task  # as mine.Behind
  init_args:
    genotype: mine.Genotype
    weights: mine.Weights
    head: mine.Head
    losses: [mine.Loss, {class_path: mine.Other, init_args: {root: mine.Inner}}]
    space: {class_path: mine.Space, init_args: {backbone: {class_path: mine.Trunk}}}
data: {class_path: mine.Data, init_args: {root: mine.Root, augmentation: mine.Augmentation}}
trainer: {callbacks: [{class_path: mine.Callback}], default_root_dir: mine.Folder}
other: {class_path: mine.Nowhere}
"""


def test_classes_in_configurations_are_values_where_a_class_is_expected(tmp_path: Path) -> None:
    files = [tmp_path / f"{name}.yaml" for name in "abc"]
    for path in files[1:]:
        path.write_text(f"model: {{class_path: own_{path.stem}.Loss}}\n")
    files[0].write_text(CONFIG)
    found = named_classes(["fit", "-c", str(files[0]), f"--config={files[1]}", str(files[2])])
    names = "Allowed Task Head Loss Other Space Trunk Data Augmentation Callback"
    assert set(found) == {*(f"mine.{name}" for name in names.split()), "own_b.Loss"}


@pytest.mark.parametrize(
    "words",
    [
        ["--model", "mine.Class"],
        ["--model=mine.Class"],
        ["--model.class_path=mine.Class"],
        ["--model.init_args.head.class_path", "mine.Class"],
        ["--model.head", "mine.Class"],
        ["--model.losses+=mine.Class"],
        ['--model.losses=[{"class_path": "mine.Class"}]'],
        ["--model.part.class_path", "mine.Class"],
        ["--data", "mine.Class"],
        ["--trainer.callbacks+=mine.Class"],
        ["--allow", "mine.Class"],
    ],
)
def test_options_that_name_a_class(words: list[str]) -> None:
    assert named_classes(["test", *words]) == ("mine.Class",)


@pytest.mark.parametrize(
    "words",
    [
        ["mine.Class"],
        ["--ckpt_path", "mine.Class"],
        ["--ckpt_path", "mine.Class-sysu.ckpt"],
        ["--ckpt_path", "mine.Class/last.ckpt"],
        ["--ckpt_path=mine.Class"],
        ["--run_dir", "mine.Class"],
        ["--data.root", "mine.Class"],
        ["--data.init_args.root=mine.Class"],
        ["--model.genotype", "mine.Class"],
        ["--model.genotype", "runs/mine.Class/genotype.json"],
        ["--model.weights", "mine.Class"],
        ["--trainer.default_root_dir", "mine.Class"],
        ["-c", "mine.Class"],
        ["--seed_everything", "mine.Class"],
        ["--model.losses=[{class_path: mine.Class"],
    ],
)
def test_options_whose_values_are_paths_or_anything_else(words: list[str]) -> None:
    assert named_classes(["test", *words]) == ()


def test_a_file_that_lies_there_is_a_path_and_no_class(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert named_classes(["test", "--model.head", "mine.Class"]) == ("mine.Class",)
    Path("mine.Class").write_text("")
    assert named_classes(["test", "--model.head", "mine.Class"]) == ()


def test_several_classes_and_packages_behind_allow() -> None:
    assert named_classes(["test", "--allow", "a.B, c.", "--allow=d.E"]) == ("a.B", "c.", "d.E")
