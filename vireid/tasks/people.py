"""People whom a training saw. A test that meets them again says so."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from vireid.errors import CheckpointError

KEY = "people"  # in the settings of a checkpoint


@dataclass(frozen=True)
class SeenPeople:
    """Identities of a data module.

    Attributes:
        origin: what data modules of the same people share, see :meth:`vireid.data.ReIDDataModule.origin`.
        pids: identities.

    Example:
        >>> SeenPeople({"dataset": "regdb"}, frozenset({3, 1})).plain()
        {'origin': {'dataset': 'regdb'}, 'pids': [1, 3]}
    """

    origin: Mapping[str, Any]
    pids: frozenset[int]

    @classmethod
    def of_training(cls, datamodule: Any) -> SeenPeople | None:
        """Those of the training images; ``None`` for data of no people."""
        if not hasattr(datamodule, "training_pids"):
            return None
        return cls(datamodule.origin(), frozenset(datamodule.training_pids()))

    @classmethod
    def read(cls, content: Any) -> SeenPeople | None:
        """From plain values; ``None`` from ``None``.

        Raises:
            CheckpointError: other values.
        """
        if content is None:
            return None
        pids = content.get("pids") if isinstance(content, dict) else None
        if not (isinstance(pids, list) and all(isinstance(pid, int) for pid in pids) and isinstance(content.get("origin"), dict)):
            raise CheckpointError("The checkpoint is damaged: the people of its training must be numbers of identities, and their origin.")
        return cls(content["origin"], frozenset(pids))

    def plain(self) -> dict[str, Any]:
        """Plain values for a checkpoint."""
        return {"origin": dict(self.origin), "pids": sorted(self.pids)}

    def are_tested(self, datamodule: Any) -> bool:
        """Whether some of them are among the people of a test."""
        return (
            hasattr(datamodule, "training_pids") and datamodule.origin() == self.origin and not self.pids.isdisjoint(datamodule.test_pids())
        )
