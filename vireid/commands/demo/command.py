"""``vireid demo``: the main job on people that the package draws itself."""

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
        output: folder for everything; it must be new or empty. Default: the next free runs/demo-N.
        seed: of people, weights and search.
        fast: a few batches of everything, to see that it runs; the numbers then mean nothing.
    """
    from vireid.commands.demo.demonstration import demonstrate

    return demonstrate(output, seed, fast)
