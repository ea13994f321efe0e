"""Exceptions that say what was wrong, what was expected and how to fix it.

All derive from a built-in exception, so ``except ValueError`` and ``except FileNotFoundError`` work as a caller expects.
The command line turns each of them into a message and exit code 2 (bad usage or input), without a traceback.
"""

from __future__ import annotations


class VireidError(Exception):
    """Base of the errors that a user can mend.

    Attributes:
        exit_code: exit code of a command that ends with this error.
    """

    exit_code = 2


class DatasetError(VireidError, ValueError):
    """A dataset folder is not what its layout promises."""


class DatasetNotFoundError(VireidError, FileNotFoundError):
    """A dataset folder, list or image is absent."""


class BadImageError(VireidError, ValueError):
    """An image cannot be opened or decoded; the message names the file."""


class GenotypeError(VireidError, ValueError):
    """A genotype file is damaged, of another version, or does not fit its space."""


class CheckpointError(VireidError, ValueError):
    """A checkpoint is damaged, not ours, or asks for code that may not be imported."""


class FolderError(VireidError, ValueError):
    """The folder of a deployed network is damaged, of another version, or not ours."""


class ResultsError(VireidError, ValueError):
    """A file of results is damaged or not ours, or results cannot be compared."""


class MissingFileError(VireidError, FileNotFoundError):
    """A file that the user named does not exist."""


class SettingsError(VireidError, ValueError):
    """An argument has a value that is not allowed, or arguments do not fit together."""


class DivergedError(VireidError, ArithmeticError):
    """A training diverged: it reached numbers that are not finite."""

    exit_code = 1


class OutputError(VireidError, OSError):
    """Results cannot be written, or would overwrite what is there."""


class GalleryError(VireidError, ValueError):
    """A gallery is damaged, of another version, or does not fit the model or what is asked of it."""


class UnreachableError(GalleryError):
    """The server of a gallery does not answer, or refuses. What it acknowledged is kept."""
