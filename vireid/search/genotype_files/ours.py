"""``genotype.json``, as a search writes it."""

from __future__ import annotations

from vireid.search.genotype_files.base import Format
from vireid.structures import Genotype

OURS = Format("vireid", ".json", lambda _: True, lambda path, _: Genotype.load(path), Genotype.save, tells_space=True)
