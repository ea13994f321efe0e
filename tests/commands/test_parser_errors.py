"""Errors of the parser: at most six lines of 80 columns, with what, where and the nearest right name."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.commands.runs import run

Capsys = pytest.CaptureFixture[str]
WORDS = ("fit", "-c", "data/sysu.yaml", "-c", "train/all_shared.yaml")
OPTIMIZER = "model: {{init_args: {{optimizer: {{class_path: vireid.tasks.SGD, init_args: {{{}}}}}}}}}"
LOSSES = "model: {init_args: {losses: [{class_path: vireid.losses.CrossEntrpy}, {class_path: absent_module.Loss}]}}"
HEAD = "from vireid.models import Head\nclass {}(Head):\n"
NEEDY = "    def __init__(self, stripes: int, width: int) -> None: ...\n    def build(self, backbone, num_classes): ...\n"
FILES = {
    "needy.py": HEAD.format("NeedyHead") + NEEDY,
    "idle.py": HEAD.format("IdleHead") + "    pass\n",
    "key.yaml": OPTIMIZER.format("momentun: 0.5"),
    "value.yaml": OPTIMIZER.format("lr: fast"),
    "classes.yaml": LOSSES,
    "rate.yaml": "model: {init_args: {optimizer: {init_args: {lr: 0.1}}}}",
    "parent.yaml": "model: {init_args: {optimiser: {class_path: vireid.tasks.SGD, init_args: {lr: 0.1}}}}",
    "nested.yaml": "model: {init_args: {optimiser: {init_args: {lr: 0.1}}}}",
    "section.yaml": "modle: {class_path: vireid.RetrainModule}",
    "trainer.yaml": "trainer: {max_epocs: 3}",
    "broken.yaml": "a: [",
}


@pytest.fixture(autouse=True)
def files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    for name, text in FILES.items():
        Path(name).write_text(text)


CASES = {
    # misspelt options
    "--run_dirr=x": ["`vireid fit` has no option --run_dirr. Did you mean --run_dir?"],
    "--trainer.max_epocs=3": ["`vireid fit` has no option --trainer.max_epocs. Did you mean", "  --trainer.max_epochs?"],
    "--modle.head=x": ["`vireid fit` has no option --modle.head. Did you mean --model?"],
    "--xyzzy=1": ["`vireid fit` has no option --xyzzy.", "  `vireid fit --help` lists its options."],
    "stray": ["`vireid fit` has no place for 'stray'.", "  An option begins with two hyphens, as in --output FILE."],
    "--data.root": ["--data.root needs a value."],
    # misspelt keys, with what the class takes
    "--model.optimizer=vireid.tasks.SGD --model.optimizer.momentun=1": [
        "`momentun` is no argument of vireid.tasks.SGD. Did you mean",
        "  momentum?",
        "  On the command line: --model.optimizer.momentun",
        *["  It takes "] * 1,
    ],
    "--model.optimizer=torch.optim.RMSprop --model.optimizer.alhpa=1": [
        "`alhpa` is no argument of torch.optim.RMSprop. Did you mean",
        "  alpha?",
        "  On the command line: --model.optimizer.alhpa",
        *["  It takes "] * 1,
    ],
    "--model.optimizer=vireid.tasks.SGD --model.optimizer.schedule=torch.optim.lr_scheduler.StepLR": [
        "torch.optim.lr_scheduler.StepLR needs `step_size`.",
        "  On the command line: --model.optimizer.schedule",
        "  Set it: --model.optimizer.schedule.step_size=..., or in a file.",
    ],
    # misspelt keys above others
    **{
        options: [
            "`optimiser` is no argument of vireid.RetrainModule. Did you mean",
            "  optimizer?",
            where,
            *["  It takes "] * 1,
        ]
        for options, where in {
            "--model.optimiser.lr=0.1": "  On the command line: --model.optimiser.lr",
            "--model.init_args.optimiser.init_args.lr 0.1": "  On the command line: --model.init_args.optimiser.init_args.lr",
            "--model.optimiser=vireid.tasks.SGD": "  On the command line: --model.optimiser",
            "-c parent.yaml": "  In parent.yaml: model.optimiser",
            "-c nested.yaml": "  In nested.yaml: model.optimiser",
        }.items()
    },
    "--model.optimizer=vireid.tasks.SGD --model.optimizer.schedul.warmup_epochs=1": [
        "`schedul` is no argument of vireid.tasks.SGD. Did you mean",
        "  schedule?",
        "  On the command line: --model.optimizer.schedul.warmup_epochs",
        *["  It takes "] * 1,
    ],
    "--trainer.loger.name=x": ["`vireid fit` has no option --trainer.loger.name. Did you mean", "  --trainer.logger?"],
    "--model.optimizer=vireid.tasks.SGD --model.optimizer.schedule=vireid.tasks.Constant --model.optimizer.schedule.gama=1": [
        "`gama` is no argument of vireid.tasks.Constant.",
        "  On the command line: --model.optimizer.schedule.gama",
        "  It takes no arguments.",
    ],
    "-c key.yaml": [
        "`momentun` is no argument of vireid.tasks.SGD. Did you mean",
        "  momentum?",
        "  In key.yaml: model.optimizer.momentun",
        *["  It takes "] * 1,
    ],
    "-c section.yaml": ["There is no key `modle.class_path`. Did you mean model?", "  In section.yaml: modle.class_path"],
    "-c trainer.yaml": [
        "There is no key `trainer.max_epocs`. Did you mean",
        "  trainer.max_epochs?",
        "  In trainer.yaml: trainer.max_epocs",
    ],
    "-c broken.yaml": ["'broken.yaml' is no YAML: expected the node content, but found", "  '<stream end>', line 1, column 5."],
    # wrong types and values
    "-c value.yaml": ["`lr` must be a number, got 'fast'.", "  In value.yaml: model.optimizer.lr"],
    "--model.weights.x=1": ["`weights` must be a text or null, got '{x: 1}'.", "  On the command line: --model.weights.x"],
    "--trainer.max_epochs=many": [
        "`max_epochs` must be a whole number or null, got 'many'.",
        "  On the command line: --trainer.max_epochs",
    ],
    "--data.validation=helout": [
        "`validation` must be one of none, heldout, faithful_test_set, got",
        "  'helout'. Did you mean heldout?",
        "  On the command line: --data.validation",
    ],
    # classes
    "--model.head=vireid.models.BNNekHead": [
        "There is no class 'vireid.models.BNNekHead'. Did you mean",
        "  vireid.models.BNNeckHead?",
        "  On the command line: --model.head",
    ],
    "--model.head=absent_module.Head": [
        "There is no class 'absent_module.Head'.",
        "  On the command line: --model.head",
        "  The module 'absent_module' cannot be imported; is its folder in PYTHONPATH?",
    ],
    "--model.head=3": [
        "There is no class '3'.",
        "  On the command line: --model.head",
        "  Give the whole path, such as vireid.losses.CrossEntropy.",
    ],
    "-c classes.yaml": [
        "There are no classes 'vireid.losses.CrossEntrpy',",
        "  'absent_module.Loss'. Did you mean vireid.losses.CrossEntropy?",
        "  In classes.yaml: model.losses",
    ],
    "--model.head=vireid.losses.CrossEntropy": [
        "'vireid.losses.CrossEntropy' is no Head.",
        "  On the command line: --model.head",
        "  Choose from vireid.models.BNNeckHead,",
        "  ",
    ],
    "--model.head=vireid.version.__version__": [
        "'vireid.version.__version__' is no Head.",
        "  On the command line: --model.head",
        "  Choose from vireid.models.BNNeckHead,",
        "  ",
    ],
    # options of a part, before anything names its class
    **{
        options: [
            "`optimizer` needs a class before its options.",
            where,
            "  Such as --model.optimizer=vireid.tasks.Adam. There are vireid.tasks.Adam,",
            "  vireid.tasks.AdamW,",
        ]
        for options, where in {
            "--model.optimizer.lr=0.3": "  On the command line: --model.optimizer.lr",
            "--model.optimizer.momentum=0.3": "  On the command line: --model.optimizer.momentum",
            "--model.optimizer.schedule.warmup_epochs=3": "  On the command line: --model.optimizer.schedule.warmup_epochs",
            "-c rate.yaml": "  In rate.yaml: model.optimizer",
        }.items()
    },
    "--model.head.dropout=0.3": [
        "`head` needs a class before its options.",
        "  On the command line: --model.head.dropout",
        "  Such as --model.head=vireid.models.BNNeckHead.",
        "  ",
    ],
    "--model.head=vireid.models.Head": [
        "vireid.models.Head is a base of other classes and does nothing",
        "  itself.",
        "  On the command line: --model.head",
        "  Choose from vireid.models.BNNeckHead,",
        "  ",
    ],
    "--model.head=idle.IdleHead": ["idle.IdleHead does not define build.", "  On the command line: --model.head"],
    "--model.losses=[3]": ["'3' is no Loss.", "  On the command line: --model.losses", "  Choose from vireid.losses.", "  "],
}


@pytest.mark.parametrize("options", CASES)
def test_what_where_and_the_nearest_name(options: str, capsys: Capsys) -> None:
    done = run(capsys, *WORDS, *options.split())
    first, *lines = done.err.splitlines()
    assert done.code == 2
    assert first.startswith("vireid: error: ")
    found, wanted = [first.removeprefix("vireid: error: "), *lines], CASES[options]
    lists = "  It takes " in wanted  # over as many lines as it needs
    assert len(found) <= 6 if lists else len(found) == len(wanted), found
    assert all(len(line) <= 80 for line in [first, *lines])
    for line, beginning in zip(found, wanted, strict=not lists):
        assert line.startswith(beginning) if beginning.endswith((",", ".", " ")) else line == beginning


@pytest.mark.parametrize(
    ("words", "wanted"),
    [
        (
            "fit --data=vireid.SYSUDataModule --model.genotype=x",
            [
                "`model` needs a class before its options.",
                "  On the command line: --model.genotype",
                "  Such as --model=vireid.ClassificationModule. There are",
                "  ",
            ],
        ),
        (
            "fit --data=vireid.SYSUDataModule --model=vireid.RetrainModule",
            ["vireid.SYSUDataModule needs `root`.", "  On the command line: --data", "  Set it: --data.root=..., or in a file."],
        ),
        ("fit --model=vireid.RetrainModule", ["The command needs data (-c data/NAME).", "  `vireid configs` lists what there is."]),
        (
            "fit -c data/sysu --model=vireid.RetrainModule --model.head=needy.NeedyHead",
            [
                "needy.NeedyHead needs `stripes` and `width`.",
                "  On the command line: --model.head",
                "  Set it: --model.head.stripes=..., or in a",
            ],
        ),
        ("summarize", ["`vireid summarize` needs `runs`.", "  `vireid summarize --help` says more."]),
        (
            "summarize x --format=pdf",
            ["`format` must be one of terminal, markdown, latex, csv, got", "  'pdf'.", "  On the command line: --format"],
        ),
        ("summarize x --overseeds", ["`vireid summarize` has no option --overseeds. Did you mean", "  --over_seeds?"]),
        ("compare a", ["`vireid compare` needs `b`.", "  `vireid compare --help` says more."]),
        ("genotype show", ["`vireid genotype show` needs `path`.", "  `vireid genotype show --help` says more."]),
        (
            "genotype shw x",
            ["`vireid genotype` has no subcommand 'shw'. Did you mean show?", "  Choose from show, diff, validate, convert."],
        ),
        ("convert x --from caja --output y", ["`--from` cannot be 'caja'. Did you mean caj?", "  Choose from cm-nas, agw,"]),
        (
            "data synthesize x --layout=foo",
            ["`layout` must be one of sysu, regdb, llcm, market, got 'foo'.", "  On the command line: --layout"],
        ),
        ("demo --seed=x", ["`seed` must be a whole number, got 'x'.", "  On the command line: --seed"]),
        ("study", ["`vireid study` needs `folder`.", "  `vireid study --help` says more."]),
    ],
)
def test_other_commands_say_it_in_the_same_way(words: str, wanted: list[str], capsys: Capsys) -> None:
    done = run(capsys, *words.split())
    first, *lines = done.err.splitlines()
    found = [first.removeprefix("vireid: error: "), *lines]
    assert done.code == 2
    assert len(found) <= 6
    assert all(len(line) <= 80 for line in [first, *lines])
    for line, beginning in zip(found, wanted, strict=False):
        assert line.startswith(beginning)
    assert len(found) == len(wanted)


def test_a_long_message_that_no_rule_knows_still_fits() -> None:
    from jsonargparse import ArgumentParser

    from vireid.commands.parser_errors import explain

    lines = ("vireid: error: " + explain("something new " * 100, ArgumentParser(prog="vireid"), [])).splitlines()
    assert lines[0].startswith("vireid: error: something new something new")
    assert len(lines) == 3
    assert lines[-1].endswith(" ...")
    assert all(len(line) <= 80 for line in lines)


def test_the_parsers_of_nested_classes_still_report_to_the_one_above(capsys: Capsys) -> None:
    """A class that accepts a text or an object is tried both ways: a refusal of one of them is no error."""
    done = run(capsys, *WORDS, "--model.genotype=all_separate", "--print_config")
    assert done.code in (0, None)
    assert "genotype: all_separate" in done.out
