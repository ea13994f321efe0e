"""The log of searches: who was looked for where, and when; never an image, nor who was found."""

from __future__ import annotations

import json
import os
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from vireid.errors import OutputError


class SearchLog:
    """A file with one line of JSON for each search, which is written before the search is made. A file that was moved away is made anew.

    Args:
        path: the file.
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    def write(self, **about: Any) -> None:
        """Add a line.

        Args:
            about: what is said of the search; ``None`` and empty lists are left out.

        Raises:
            OutputError: it cannot be written; then nothing may be searched.
        """
        said = {name: value for name, value in about.items() if value not in (None, [])}
        line = json.dumps({"time": datetime.now(timezone.utc).isoformat(timespec="milliseconds"), **said}) + "\n"
        try:
            file = os.open(self.path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
            try:
                written = os.write(file, line.encode())
            finally:
                os.close(file)
        except OSError as error:
            raise OutputError(f"The log of searches cannot be written ({error.strerror or error}), so nothing was searched.") from error
        if written < len(line):
            raise OutputError("The log of searches cannot be written (the disk is full), so nothing was searched.")
