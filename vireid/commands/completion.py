"""Tab completion in bash and zsh: commands, packaged configurations and files, from the standard library alone."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from vireid.commands.configs import FLAGS, config_names
from vireid.errors import SettingsError

USAGE = """usage: vireid completion {bash,zsh}

Print the shell code that lets the Tab key complete commands, options, -c names and files. Add it to the file that your shell reads:

  bash: echo 'eval "$(vireid completion bash)"' >> ~/.bashrc
  zsh:  echo 'eval "$(vireid completion zsh)"' >> ~/.zshrc    (after compinit)
"""
BASH = """_vireid() {
    local line
    COMPREPLY=()
    while IFS= read -r line; do
        COMPREPLY+=("$line")
    done < <("$1" --complete "$COMP_CWORD" "${COMP_WORDS[@]}" 2>/dev/null)
    if [[ ${#COMPREPLY[@]} == 1 && ${COMPREPLY[0]} == *[/=] ]]; then
        compopt -o nospace 2>/dev/null
    fi
}
complete -o default -F _vireid vireid
"""
ZSH = """#compdef vireid
_vireid() {
    local -a found
    found=("${(@f)$("${words[1]}" --complete $((CURRENT - 1)) "${words[@]}" 2>/dev/null)}")
    if [[ -n "${found[1]}" ]]; then
        compadd -S '' -- ${(M)found:#*[/=]}
        compadd -- ${found:#*[/=]}
    else
        _files
    fi
}
compdef _vireid vireid
"""
SCRIPTS = {"bash": BASH, "zsh": ZSH}
RUN = (
    "-c",
    "--config",
    "--run_dir",
    "--ckpt",
    "--seed_everything",
    "--allow",
    "--print_config",
    "--model",
    "--data",
    "--trainer",
    "--help",
)
OPTIONS: dict[str, tuple[str, ...]] = {
    "fit": (*RUN, "--checkpoint_every_n_batches"),
    "validate": RUN,
    "test": RUN,
    "predict": (*RUN, "--images", "--modality", "--shard"),
    "evaluate": ("--run_dir", "--help"),
    "pretrain": ("--width", "--people", "--seed", "--steps", "--image_height", "--image_width", "--grey", "--output", "--help"),
    "summarize": ("--format", "--output", "--over_seeds", "--over_trials", "--columns", "--names", "--protocols", "--help"),
    "compare": ("--help",),
    "report": ("--output", "--images", "--root", "--help"),
    "study": ("--folder", "--config", "--jobs", "--data_seed", "--report_only", "--allow", "--engine", "--help"),
    "sweep": ("--folder", "--config", "--jobs", "--engine", "--allow", "--help"),
    "demo": ("--output", "--seed", "--fast", "--help"),
    "convert": ("-c", "--config", "--from", "--output", "--key", "--partial", "--model", "--help"),
    "export": (
        *("--output", "--results", "--height", "--width", "--allow", "--help"),
        *("--fp16", "--int8_visible", "--int8_infrared", "--openvino"),
    ),
    "serve": ("--gallery", "--host", "--port", "--token_file", "--names", "--queue", "--log", "--keep_images", "--wait", "--help"),
}
SUBCOMMANDS: dict[str, tuple[str, ...]] = {
    "data": ("check", "cache", "synthesize"),
    "gallery": ("add", "remove", "search", "info", "calibrate", "reembed", "backup", "copy", "vacuum"),
    "genotype": ("show", "diff", "validate", "convert"),
    "completion": tuple(SCRIPTS),
}


def main(words: list[str]) -> int:
    """Run ``vireid completion SHELL``; ``words[0]`` is ``completion``."""
    if {"-h", "--help"} & set(words[1:]):
        sys.stdout.write(USAGE)
    elif words[1:] and words[1] in SCRIPTS and len(words) == 2:
        sys.stdout.write(SCRIPTS[words[1]])
    else:
        raise SettingsError("`vireid completion` needs the name of a shell: bash or zsh.")
    return 0


def complete(words: Sequence[str], commands: Sequence[str]) -> list[str]:
    """Words that may replace the last word; an empty list where it may be any file.

    Args:
        words: words after the program's name, up to the cursor. A shell may split ``--config=x`` at ``=``.
        commands: names of all commands.
    """
    *before, current = words
    if current == "=":
        before, current = [*before, current], ""
    if before and before[-1] == "=":
        before = before[:-1]
    if not before:
        return _starting(current, [*commands, "--help", "--version"])
    flag, equals, value = current.partition("=")
    if equals and flag in FLAGS:
        return [f"{flag}={name}" for name in _configurations(value)]
    if before[-1] in FLAGS or (before == ["configs"] and not current.startswith("-")):
        return _configurations(current)
    if before[-1].startswith("--") and not current.startswith("-"):
        return []
    if len(before) == 1 and before[0] in SUBCOMMANDS:
        return _starting(current, SUBCOMMANDS[before[0]])
    return _starting(current, OPTIONS.get(before[0], ())) if current.startswith("-") else []


def _starting(text: str, words: Sequence[str]) -> list[str]:
    return [word for word in words if word.startswith(text)]


def _configurations(text: str) -> list[str]:
    """Packaged names and local files, a folder at a time: its names come when it has been completed."""
    depth = text.count("/")
    found = {"/".join(name.split("/")[: depth + 1]) + ("/" if name.count("/") > depth else "") for name in config_names()}
    return sorted({*_starting(text, sorted(found)), *_local(text, lambda path: path.suffix in (".yaml", ".yml", ".json"))})


def _local(text: str, wanted: Callable[[Path], bool]) -> list[str]:
    folder, slash, start = text.rpartition("/")
    try:
        entries = sorted(Path(folder + slash or ".").iterdir())
    except OSError:
        return []
    shown = [path for path in entries if path.name.startswith(start) and (start or not path.name.startswith("."))]
    return [f"{folder}{slash}{path.name}{'/' if path.is_dir() else ''}" for path in shown if path.is_dir() or wanted(path)]
