"""The frozen answer of a search: which candidate each choice takes, and where the answer comes from."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from vireid import files
from vireid.errors import GenotypeError, MissingFileError
from vireid.files import write_text_atomically
from vireid.settings.bounds import check_bounds
from vireid.structures.resnet_sites import cmnas_order, resnet_name

FORMAT = "vireid.genotype"
VERSION = 1
CMNAS_CODES = {"0": "separate_bn", "1": "shared_bn"}


@dataclass(frozen=True)
class Genotype:
    """``{choice name: candidate id}`` with the space it belongs to and its provenance.

    This class checks only the format. ``space.validate`` checks that choices and candidates exist.

    Attributes:
        space: ``{"class_path": "vireid.search.BNSeparation", "init_args": {...}}``.
        choices: candidate id of every choice, in the order of the space's sites.
        provenance: version, data, seed, epoch, probabilities; free but plain values.

    Example:
        >>> genotype = Genotype({"class_path": "vireid.search.BNSeparation", "init_args": {}}, {"bn1": "shared_bn"})
        >>> Genotype.from_dict(genotype.to_dict()) == genotype
        True
    """

    space: Mapping[str, Any]
    choices: Mapping[str, str]
    provenance: Mapping[str, Any] = field(default_factory=dict, compare=False)

    def to_dict(self) -> dict[str, Any]:
        """Plain values, ready for JSON."""
        return {
            "format": FORMAT,
            "version": VERSION,
            "space": dict(self.space),
            "choices": dict(self.choices),
            "provenance": dict(self.provenance),
        }

    @classmethod
    def from_dict(cls, content: Any, source: str = "genotype") -> Genotype:
        """Genotype from plain values.

        Args:
            content: what :meth:`to_dict` gave.
            source: name for error messages.

        Raises:
            GenotypeError: format or version is another one, or types are wrong. The message lists every wrong type.
        """
        try:
            check_bounds(content)
        except ValueError as error:
            raise GenotypeError(f"{source} is not a valid genotype: its {error}.") from error
        if not isinstance(content, Mapping) or content.get("format") != FORMAT:
            raise GenotypeError(f'{source} is not a genotype: expected a JSON object with "format": "{FORMAT}".')
        version = content.get("version")
        if version != VERSION:
            newer = isinstance(version, int) and version > VERSION
            hint = "it was written by a newer vireid: upgrade the package" if newer else f"expected version {VERSION}"
            raise GenotypeError(f"{source} has genotype version {version!r}; {hint}.")
        problems = _type_problems(content)
        if problems:
            raise GenotypeError(f"{source} is not a valid genotype: {'; '.join(problems)}.")
        return cls(dict(content["space"]), dict(content["choices"]), dict(content.get("provenance", {})))

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> Genotype:
        """Read a genotype file; nothing in it is executed.

        Raises:
            MissingFileError: no such file.
            GenotypeError: it is not JSON, or :meth:`from_dict` refuses it.
        """
        return cls.from_dict(read_json(path), source=repr(os.fspath(path)))

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the file atomically: nobody ever reads half a file, and an old file stays until the new one is complete.

        Raises:
            OutputError: the file cannot be written; an old file is intact.
        """
        write_text_atomically(Path(path), json.dumps(self.to_dict(), indent=1) + "\n")

    @classmethod
    def from_cmnas_cfg(cls, path: str | os.PathLike[str], backbone: str = "resnet50") -> Genotype:
        """Genotype of ``BNSeparation`` from a CM-NAS one-line list (0 = separate, 1 = shared; first line only).

        Any white space separates the values. They are in the order of construction, see
        ``cmnas_order``.

        Raises:
            MissingFileError: no such file.
            GenotypeError: the number of values is wrong, or a value is neither 0 nor 1.
            SettingsError: unknown backbone.
        """
        sites = cmnas_order(backbone)
        lines = read_text(path).splitlines()
        codes = lines[0].split() if lines else []
        wrong = sorted({code for code in codes if code not in CMNAS_CODES})
        if wrong:
            raise GenotypeError(f"{os.fspath(path)!r} may hold only 0 (separate) and 1 (shared), found {', '.join(wrong[:5])}.")
        if len(codes) != len(sites):
            raise GenotypeError(f"{os.fspath(path)!r} holds {len(codes)} values, but {backbone} has {len(sites)} sites.")
        choices = {site: CMNAS_CODES[code] for site, code in zip(sites, codes, strict=True)}
        space = {"class_path": "vireid.search.BNSeparation", "init_args": {"backbone": backbone}}
        return cls(space, choices, {"imported": "CM-NAS list"})

    def to_cmnas_cfg(self, path: str | os.PathLike[str]) -> None:
        """Write the CM-NAS one-line list.

        Raises:
            GenotypeError: the backbone is not a ResNet, or a choice is neither separate nor shared.
        """
        codes = {candidate: code for code, candidate in CMNAS_CODES.items()}
        try:
            line = " ".join(codes[self.choices[site]] for site in cmnas_order(resnet_name(self.space.get("init_args", {}))))
        except (KeyError, ValueError) as error:
            raise GenotypeError(f"A CM-NAS list holds only separate_bn and shared_bn for every site of a ResNet: {error}.") from error
        write_text_atomically(Path(path), line + "\n")

    def diff(self, other: Genotype) -> dict[str, tuple[str | None, str | None]]:
        """Choices that differ: ``{name: (mine, theirs)}``, ``None`` where one side lacks the choice."""
        names = [*self.choices, *(name for name in other.choices if name not in self.choices)]
        pairs = {name: (self.choices.get(name), other.choices.get(name)) for name in names}
        return {name: pair for name, pair in pairs.items() if pair[0] != pair[1]}


def read_text(path: str | os.PathLike[str]) -> str:
    """Content of a genotype file.

    Raises:
        MissingFileError: no such file.
        GenotypeError: it cannot be read, or is not text.
    """
    try:
        return files.read_text(path)
    except FileNotFoundError:
        raise MissingFileError(f"There is no genotype file {os.fspath(path)!r}.") from None
    except (OSError, UnicodeDecodeError) as error:
        raise GenotypeError(f"The genotype file {os.fspath(path)!r} cannot be read: {error}.") from error


def read_json(path: str | os.PathLike[str]) -> Any:
    """Content of a genotype file in JSON.

    Raises:
        MissingFileError: no such file.
        GenotypeError: it cannot be read, or is not JSON.
    """
    try:
        return json.loads(read_text(path))
    except (ValueError, RecursionError) as error:
        raise GenotypeError(f"{os.fspath(path)!r} is not a JSON file: {error}.") from error


def _type_problems(content: Mapping[str, Any]) -> list[str]:
    problems = []
    space, choices = content.get("space"), content.get("choices")
    if not (isinstance(space, Mapping) and isinstance(space.get("class_path"), str) and isinstance(space.get("init_args", {}), Mapping)):
        problems.append('"space" must be an object with "class_path" (text) and "init_args" (object)')
    if not (isinstance(choices, Mapping) and choices and all(isinstance(k, str) and isinstance(v, str) for k, v in choices.items())):
        problems.append('"choices" must be a non-empty object of texts')
    if not isinstance(content.get("provenance", {}), Mapping):
        problems.append('"provenance" must be an object')
    return problems
