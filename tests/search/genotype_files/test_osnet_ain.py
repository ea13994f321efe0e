"""The six-name list of OSNet-AIN."""

from __future__ import annotations

from pathlib import Path

import pytest

from vireid import Genotype
from vireid.errors import GenotypeError, MissingFileError
from vireid.search import OSNetAIN, load_osnet_list, save_osnet_list, space_of

PUBLISHED = "OSBlockINv1 OSBlockINv1 OSBlock OSBlockINv1 OSBlockINv1 OSBlock\n"


def test_the_published_list_is_the_published_point(tmp_path: Path) -> None:
    (tmp_path / "ain.txt").write_text(PUBLISHED)
    genotype = load_osnet_list(tmp_path / "ain.txt", width="x0_5")
    space = space_of(genotype)
    space.validate(genotype)
    assert genotype.choices == OSNetAIN("x0_5").baseline("osnet_ain").choices
    save_osnet_list(genotype, tmp_path / "again.txt")
    assert (tmp_path / "again.txt").read_text() == PUBLISHED
    (tmp_path / "library.txt").write_text(PUBLISHED.replace("INv1", "INin").replace(" ", ",\n"))
    assert load_osnet_list(tmp_path / "library.txt").choices == genotype.choices


def test_every_placement_survives(tmp_path: Path) -> None:
    space = OSNetAIN()
    point = space.decode([0, 1, 2, 3, 2, 1])
    save_osnet_list(point, tmp_path / "list.txt")
    assert (tmp_path / "list.txt").read_text().split() == [
        "OSBlock",
        "OSBlockINv1",
        "OSBlockINv2",
        "OSBlockINv3",
        "OSBlockINv2",
        "OSBlockINv1",
    ]
    assert load_osnet_list(tmp_path / "list.txt").choices == point.choices


def test_lists_that_are_none(tmp_path: Path) -> None:
    with pytest.raises(MissingFileError, match="no genotype file"):
        load_osnet_list(tmp_path / "none.txt")
    (tmp_path / "other.txt").write_text(PUBLISHED.replace("INv1", "INv4"))
    with pytest.raises(GenotypeError, match=r"may hold only OSBlock, .*found OSBlockINv4"):
        load_osnet_list(tmp_path / "other.txt")
    (tmp_path / "short.txt").write_text("OSBlock OSBlock")
    with pytest.raises(GenotypeError, match="holds 2 names, but an OSNet has 6 blocks"):
        load_osnet_list(tmp_path / "short.txt")
    with pytest.raises(GenotypeError, match=r"needs a placement for each of conv2\.0, .*but 'conv2.0' has none"):
        save_osnet_list(Genotype({}, {"bn1": "in"}), tmp_path / "out.txt")
