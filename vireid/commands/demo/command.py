"""``vireid demo``: the whole procedure on people that the package generates itself."""

from __future__ import annotations

from jsonargparse import auto_cli

from vireid.commands.command_line import with_flag
from vireid.commands.parser import ShortErrors


def main(words: list[str]) -> int:
    """Run ``vireid demo``; ``words[0]`` is ``demo``. ``--fast`` alone means ``--fast true``."""
    return int(auto_cli(demo, args=with_flag(words[1:], "--fast"), prog="vireid demo", parser_class=ShortErrors))


def demo(output: str | None = None, seed: int = 0, fast: bool = False) -> int:
    """Search, retrain and test on generated people, about five minutes on two cores.

    Args:
        output: folder for all results; it must be new or empty. Default: the next free runs/demo-N.
        seed: seed of people, weights and search.
        fast: run only a few batches of everything, to see that it runs; the numbers then mean nothing.
    """
    from vireid.commands.demo.demonstration import demonstrate

    return demonstrate(output, seed, fast)
