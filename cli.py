"""Runs vireid from a source tree: ``python cli.py demo`` is ``vireid demo``."""

from vireid.cli import main

if __name__ == "__main__":
    main()
