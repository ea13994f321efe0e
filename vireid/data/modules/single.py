"""Base of the data modules whose images are all visible."""

from __future__ import annotations

import logging
from abc import abstractmethod
from collections.abc import Iterable, Mapping, Sequence

from vireid.data.datasets.evaluations import assemble
from vireid.data.datasets.published import RELEASES, differences, nearly_complete
from vireid.data.modules.base import ReIDDataModule
from vireid.structures import Evaluation, Record

log = logging.getLogger(__name__)


class SingleModalityDataModule(ReIDDataModule):
    """People seen by visible cameras only: batches of P x K visible images, one protocol, rule ``market``.

    Held-out identities are validated by ``<dataset>/heldout/query-to-gallery``: the first image of each identity and camera, in the
    order of paths, searches among all others; as in the test, the same identity in the same camera does not count.
    """

    single_modality = True
    _checked_counts = False

    @abstractmethod
    def _splits(self) -> Mapping[str, Sequence[Record]]:
        """Images of the splits that the release gives numbers for."""

    def setup(self, stage: str) -> None:  # noqa: ARG002 - the same for all stages
        """Log one warning if the tree is nearly, but not quite, the release."""
        if self._checked_counts:
            return
        self._checked_counts = True
        name, splits = self.dataset_name, self._splits()
        found = differences(name, splits) if nearly_complete(name, splits) else []
        if found:
            log.warning("This copy differs from %s as released: %s.", RELEASES[name].name, "; ".join(found))

    def _heldout_evaluation(self, records: tuple[Record, ...]) -> Evaluation:
        return assemble("market", {f"{self.dataset_name}/heldout/query-to-gallery": [first_and_others(records)]})


def first_and_others(records: Iterable[Record]) -> tuple[list[Record], list[Record]]:
    """The first image, by path, of each identity and camera, and all others.

    Example:
        >>> from vireid.structures import Modality
        >>> images = [Record(path, 1, camera, Modality.VISIBLE) for path, camera in (("b", 1), ("a", 1), ("c", 2))]
        >>> [[record.path for record in part] for part in first_and_others(images)]
        [['a', 'c'], ['b']]
    """
    query: dict[tuple[int, int], Record] = {}
    others = []
    for record in sorted(records, key=lambda record: (record.pid, record.camid, record.path)):
        if query.setdefault((record.pid, record.camid), record) is not record:
            others.append(record)
    return list(query.values()), others
