"""What the words of a command line say, before a parser reads them."""

from __future__ import annotations

import itertools

CONFIGURES = ("-c", "--config", "--model", "-h", "--help", "--print_config")  # options that say more than a checkpoint's name


def configures(words: list[str]) -> bool:
    """Whether the words may describe a model, and not only name a checkpoint."""
    return any(word.startswith(CONFIGURES) for word in words)


def with_ckpt_path(words: list[str]) -> list[str]:
    """``words`` with ``--ckpt`` renamed to ``--ckpt_path``, as Lightning calls it."""
    return ["--ckpt_path" + word[6:] if word == "--ckpt" or word.startswith("--ckpt=") else word for word in words]


def option(words: list[str], name: str) -> str | None:
    """Last value of an option in a list of words, in either form."""
    value = None
    for i, word in enumerate(words):
        if word == name and i + 1 < len(words):
            value = words[i + 1]
        elif word.startswith(f"{name}="):
            value = word.split("=", 1)[1]
    return value


def with_flag(words: list[str], name: str) -> list[str]:
    """``words``, where the option ``name`` without true or false after it becomes ``name=true``.

    Example:
        >>> with_flag(["--fast", "--seed", "3"], "--fast"), with_flag(["--fast", "false"], "--fast")
        (['--fast=true', '--seed', '3'], ['--fast', 'false'])
    """
    pairs = itertools.zip_longest(words, words[1:])
    return [f"{word}=true" if word == name and after not in ("true", "false") else word for word, after in pairs]
