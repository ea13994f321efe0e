"""Names of files, folders and people, where all else is right: they are printed as they are, and act on nothing."""

from __future__ import annotations

from pathlib import Path

from tests.trust.case import READ, REFUSED, Case, Words, twin
from tests.trust.cases.making import HOSTILE_NAMES, Write, of_good, tree
from tests.trust.good import checkpoint_bytes

ENTRY = "name"
EITHER = (READ, REFUSED)
QUIET = ("--trainer.logger", "false", "--trainer.enable_progress_bar", "false")
NAMES = {name: text.replace("/", "_").replace("\0", "") for name, text in HOSTILE_NAMES.items()}
PRINTABLE = ("style", "format", "emoji")


def people(text: str) -> Write:
    """People of whom one has this name."""

    def rename(root: Path) -> None:
        for modality in ("visible", "infrared"):
            (root / modality / "1").rename(root / modality / text)

    return tree("folder", rename)


def root(text: str) -> Write:
    """People in a folder of this name."""

    def write(folder: Path, good: Path) -> None:
        tree("folder")(folder, good)
        (folder / "folder").rename(folder / text)

    return write


def checkpoint(text: str) -> Write:
    def write(folder: Path, good: Path) -> None:
        (folder / f"{text}.ckpt").write_bytes(checkpoint_bytes(good))

    return write


def fit(*more: str) -> Words:
    return ("fit", "-c", "../../good/small.yaml", "--data.root", "folder", *more)


def shown(name: str) -> str:
    return NAMES[name] if name in PRINTABLE else ""


NAMES_CASES: tuple[Case, ...] = (
    twin(ENTRY, "a run in brackets", tree("folder"), fit("--run_dir", "out/[lr=0.1]"), shows="out/[lr=0.1]"),
    twin(ENTRY, "a run in closing brackets", tree("folder"), fit("--run_dir", "out/[/x]"), shows="out/[/x]"),
    *(
        twin(
            ENTRY,
            f"a checkpoint named {name}",
            checkpoint(NAMES[name]),
            ("test", "--ckpt", f"{NAMES[name]}.ckpt", "--run_dir", f"out/{NAMES[name]}", *QUIET),
            shows=shown(name),
        )
        for name in PRINTABLE
    ),
    *(twin(ENTRY, f"people with the name {name}", people(NAMES[name]), ("data", "check", "folder")) for name in PRINTABLE),
    *(Case(ENTRY, f"a person named {name}", people(text), ("data", "check", "folder"), EITHER) for name, text in NAMES.items()),
    *(Case(ENTRY, f"a person named {name}, trained", people(text), fit("--run_dir", "out/run"), EITHER) for name, text in NAMES.items()),
    *(
        Case(ENTRY, f"people in {name}", root(text), ("data", "check", f"./{text}"), EITHER, shows=shown(name))
        for name, text in NAMES.items()
    ),
    *(
        Case(
            ENTRY,
            f"people in {name}, trained",
            root(text),
            ("fit", "-c", "../../good/small.yaml", f"--data.root=./{text}", "--run_dir", "out/run"),
            EITHER,
        )
        for name, text in NAMES.items()
    ),
    *(
        Case(
            ENTRY,
            f"a run named {name}",
            tree("folder"),
            fit(f"--run_dir=out/{text}"),
            EITHER,
            shows=shown(name),
        )
        for name, text in NAMES.items()
    ),
    *(
        Case(
            ENTRY,
            f"a checkpoint in {name}",
            checkpoint(text),
            ("test", f"--ckpt=./{text}.ckpt", "--run_dir", "out/t", *QUIET),
            EITHER,
        )
        for name, text in NAMES.items()
    ),
    *(
        Case(
            ENTRY,
            f"a genotype named {name}",
            of_good("genotype.json", f"{text}.json", bytes),
            ("genotype", "show", f"./{text}.json"),
            EITHER,
            shows=shown(name),
        )
        for name, text in NAMES.items()
    ),
    *(
        Case(
            ENTRY,
            f"a genotype compared with {name}",
            of_good("genotype.json", f"{text}.json", bytes),
            ("genotype", "diff", f"./{text}.json", f"./{text}.json"),
            EITHER,
        )
        for name, text in NAMES.items()
    ),
    *(
        Case(
            ENTRY,
            f"an absent checkpoint named {name}",
            of_good("genotype.json", "g.json", bytes),
            ("test", f"--ckpt={text}.ckpt"),
            shows=shown(name),
        )
        for name, text in NAMES.items()
    ),
    *(
        Case(
            ENTRY,
            f"absent people named {name}",
            of_good("genotype.json", "g.json", bytes),
            ("data", "check", f"./{text}"),
            shows=shown(name),
        )
        for name, text in NAMES.items()
    ),
    *(
        Case(
            ENTRY,
            f"an absent configuration named {name}",
            of_good("genotype.json", "g.json", bytes),
            ("fit", "-c", f"{text}.yaml"),
            shows=shown(name),
        )
        for name, text in NAMES.items()
    ),
    *(
        Case(
            ENTRY,
            f"a value named {name}",
            of_good("genotype.json", "g.json", bytes),
            ("fit", "-c", "../../good/small.yaml", f"--data.height={text}"),
        )
        for name, text in NAMES.items()
    ),
    *(
        Case(ENTRY, f"a command named {name}", of_good("genotype.json", "g.json", bytes), (text,), EITHER, shows=shown(name))
        for name, text in NAMES.items()
    ),
    *(
        Case(ENTRY, f"an option named {name}", of_good("genotype.json", "g.json", bytes), ("summarize", "x", f"--{text}"), EITHER)
        for name, text in NAMES.items()
    ),
)
