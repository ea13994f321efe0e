"""The parser of our commands: jsonargparse's, with errors that fit on a screen."""

from __future__ import annotations

from pathlib import Path
from typing import Any, NoReturn

from jsonargparse import ArgumentParser, Namespace

from vireid.errors import SettingsError


class ShortErrors(ArgumentParser):
    """Raises a :class:`~vireid.errors.SettingsError` of at most six lines in place of usage and nested messages."""

    def parse_args(self, args: Any = None, *rest: Any, **settings: Any) -> Namespace:  # type: ignore[override]  # argparse's overloads
        """Parse as the base class does. An error says which file or option is wrong."""
        if args and not self.exit_on_error:  # the base made this parser for a class, and has read `null` of an option below it
            args = [f"{word.removesuffix('None')}null" if word.endswith("=None") else word for word in args]
        try:
            found: Namespace = with_homes(super().parse_args(args, *rest, **settings))
            return found
        except (_RefusedError, RecursionError, UnicodeDecodeError) as error:
            from vireid.commands.layers import read_layers
            from vireid.commands.parser_errors import explain  # commands that are right do not wait for it

            reason = "nested too deeply" if isinstance(error, RecursionError) else "not in UTF-8"
            refused = error if isinstance(error, _RefusedError) else _RefusedError(f"Problems parsing config: {reason}", self)
            raise SettingsError(explain(refused.message, refused.parser, read_layers(args or []))) from error

    def error(self, message: str, ex: Exception | None = None) -> NoReturn:
        """End with a message. The parsers of nested classes, which the base class makes itself, report to the base class."""
        if not self.exit_on_error:
            super().error(message, ex)
        raise _RefusedError(message, getattr(ex, "subcommand_parser", None) or self) from ex


def with_homes(value: Any) -> Any:
    """Parsed settings, in which every path that begins with ``~/`` begins with the home folder."""
    if isinstance(value, Namespace):
        for key, item in list(vars(value).items()):
            value[key] = with_homes(item)
        return value
    if isinstance(value, dict):
        return {key: with_homes(item) for key, item in value.items()}
    if isinstance(value, list):
        return [with_homes(item) for item in value]
    return str(Path(value).expanduser()) if isinstance(value, str) and value.startswith("~/") else value


class _RefusedError(Exception):
    def __init__(self, message: str, parser: ArgumentParser) -> None:
        super().__init__(message)
        self.message, self.parser = message, parser
