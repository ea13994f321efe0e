"""``vireid pretrain``: weights to start from where there is neither ImageNet nor a licensed data set."""

from __future__ import annotations

from pathlib import Path

from vireid.commands.parser import ShortErrors
from vireid.commands.pretrain.settings import Pretraining
from vireid.printable import printable


def main(words: list[str]) -> int:
    """Run ``vireid pretrain TRUNK``; ``words[0]`` is ``pretrain``."""
    description = "Train a trunk on visible generated people, mostly in grey, and keep its weights as a file that every `weights` takes."
    parser = ShortErrors(prog="vireid pretrain", description=description)
    parser.add_class_arguments(Pretraining, as_group=False, as_positional=True)
    parser.add_argument("--output", type=str | None, default=None, help="file to write, such as trunk.pth; default: only kept in the cache")
    options = parser.parse_args(words[1:]).as_dict()
    output = options.pop("output")
    pretraining = Pretraining(**options)

    from vireid.commands.pretrain.surrogate import pretrained
    from vireid.terminal import say

    path = pretrained(pretraining, None if output is None else Path(output))
    say(f"Weights in {printable(path)}\nStart from them with: --model.weights {printable(path)}")
    return 0
