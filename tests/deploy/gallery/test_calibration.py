"""Thresholds of a gallery: what they are, when they are refused, and how often they let a stranger pass."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from tests.deploy.gallery.stand_in import Projection, image, unit_rows
from vireid import Gallery
from vireid.deploy import Calibration, Probes, Where
from vireid.errors import GalleryError, SettingsError
from vireid.structures import Modality

D = 64
GAP = unit_rows(2, D, seed=99)


def rows_of(people: range, each: int, modality: Modality, seed: int = 0) -> NDArray[np.float32]:
    """Embeddings of people: those of one modality lie on one side, as those of a network do."""
    centres = np.stack([unit_rows(1, D, 1000 + person)[0] for person in people])
    noise = np.random.default_rng([seed, people.start, int(modality)]).standard_normal((len(people), each, D)) / 12
    rows = (centres[:, None] * 0.8 + noise + 0.8 * GAP[int(modality)]).reshape(-1, D)
    return np.asarray(rows / np.linalg.norm(rows, axis=1, keepdims=True), np.float32)


def names_of(people: range, each: int) -> list[str]:
    return [f"p{person}" for person in people for _ in range(each)]


def filled(path: Path, people: range, each: int = 10, modalities: tuple[Modality, ...] = tuple(Modality)) -> Gallery:
    gallery = Gallery(path)
    for modality in modalities:
        gallery.add_embeddings(rows_of(people, each, modality), modality, names_of(people, each), model="m")
    return gallery


def false_alarms(gallery: Gallery, query: Modality, people: range, target: float, within: Where, each: int = 10) -> float:
    """Share of searches of people who are not in the gallery in which somebody is accepted."""
    answers = [gallery.search_embedding(row, query, 1, within, target) for row in rows_of(people, each, query, seed=5)]
    return float(np.mean([answer.unknown is False for answer in answers]))


def test_a_threshold_is_that_of_searches_without_the_own_person(tmp_path: Path) -> None:
    """By loops over two modalities, images and people."""
    people, each = range(60), 6
    with filled(tmp_path / "g", people, each) as gallery:
        found = gallery.calibrate([0.1]).pairs
        names = np.array(names_of(people, each))
        sides = {modality: rows_of(people, each, modality) for modality in Modality}
        for query in Modality:
            tops: dict[Modality, NDArray[np.float32]] = {}
            for inside in Modality:
                cosines = sides[query] @ sides[inside].T
                tops[inside] = np.array([cosines[i][names != names[i]].max() for i in range(len(names))])
                pair = found[f"{query.name.lower()}-{inside.name.lower()}"]
                assert (pair.mean, pair.deviation) == (
                    pytest.approx(tops[inside].mean(), rel=1e-5),
                    pytest.approx(tops[inside].std(), rel=1e-4),
                )
                point = pair.points[0]
                assert point.threshold is not None
                assert point.threshold.value == pytest.approx(np.sort(tops[inside])[-1 - 36], abs=1e-6)
                assert (pair.size, pair.searches, pair.people, point.threshold.size) == (59, 360, 60, 59)
                np.fill_diagonal(cosines, -1) if query is inside else None
                mates = np.array([cosines[i][names == names[i]].max() for i in range(len(names))])
                assert point.fnir == pytest.approx(np.mean((mates <= tops[inside]) | (mates <= point.threshold.value)), abs=0.006)
            normed = [(tops[m] - found[f"{query.name.lower()}-{m.name.lower()}"].mean) for m in Modality]
            normed = [top / found[f"{query.name.lower()}-{m.name.lower()}"].deviation for m, top in zip(Modality, normed, strict=True)]
            both = found[f"{query.name.lower()}-both"].points[0].threshold
            assert both is not None
            assert both.value == pytest.approx(np.sort(np.maximum(*normed))[-1 - 36], abs=1e-4)


def test_strangers_pass_as_often_as_was_asked_for(tmp_path: Path) -> None:
    """The gallery calibrates itself, and others are searched: in one modality in both directions, and in both."""
    with filled(tmp_path / "g", range(300), 6) as gallery:
        calibration = gallery.calibrate([0.1])
        for query, within in ((Modality.INFRARED, Modality.VISIBLE), (Modality.VISIBLE, Modality.INFRARED), (Modality.INFRARED, None)):
            achieved = false_alarms(gallery, query, range(300, 700), 0.1, Where(modality=within), each=4)
            name = f"{query.name.lower()}-{'both' if within is None else within.name.lower()}"
            threshold = calibration.pairs[name].at(0.1)
            assert 0.07 < threshold.low < 0.1 < threshold.high < 0.13
            assert 0.07 <= achieved <= 0.13  # within 30 %


def test_a_mixed_gallery_is_ranked_by_calibrated_score(tmp_path: Path) -> None:
    people = range(60)
    with filled(tmp_path / "g", people, 6) as gallery:
        queries, names = rows_of(people, 1, Modality.INFRARED, seed=8), names_of(people, 1)
        gallery.remove(Where(people=[f"p{n}" for n in people if n % 2], modality="infrared"))
        with pytest.raises(GalleryError, match=r"are searched together, .* are not calibrated: .*Search one modality .*gallery calibrate"):
            gallery.search_embedding(queries[0], "infrared")
        gallery.calibrate([0.1])
        correct: dict[str, list[bool]] = {"calibrated": [], "cosine": []}
        for query, name in zip(queries[1::2], names[1::2], strict=True):  # their only images are visible
            found = gallery.search_embedding(query, "infrared", k=500).candidates
            values = [candidate.calibrated or 0.0 for candidate in found]
            assert values == sorted(values, reverse=True)
            correct["calibrated"].append(found[0].entry.person == name)
            correct["cosine"].append(max(found, key=lambda candidate: candidate.score).entry.person == name)
        assert np.mean(correct["cosine"]) < 0.2  # infrared strangers are nearer
        assert np.mean(correct["calibrated"]) > 0.6


def test_a_search_says_who_is_accepted(tmp_path: Path) -> None:
    people = range(60)
    with filled(tmp_path / "g", people, 6, (Modality.VISIBLE,)) as gallery:
        threshold = gallery.calibrate([0.1]).pairs["visible-visible"].at(0.1)
        known = gallery.search_embedding(rows_of(people, 1, Modality.VISIBLE, seed=3)[4], "visible", target=0.1, by_person=True)
        assert [candidate.accepted for candidate in known.candidates] == [c.score > threshold.value for c in known.candidates]
        assert (known.unknown, known.candidates[0].entry.person, known.threshold) == (False, "p4", threshold)
        stranger = gallery.search_embedding(-GAP[0], "visible", target=0.1)
        assert stranger.unknown is True
        assert gallery.search_embedding(GAP[0], "visible").unknown is None


def test_too_little_is_refused_and_the_rest_is_given(tmp_path: Path) -> None:
    with filled(tmp_path / "g", range(60), 6, (Modality.VISIBLE,)) as gallery:
        first, second = gallery.calibrate().pairs["visible-visible"].points
        assert (first.target, second.target) == (0.1, 0.01)
        assert first.threshold is not None
        assert (second.threshold, second.fnir) == (None, None)
        assert "needs at least 3000 searches" in second.refused
        row = rows_of(range(1), 1, Modality.VISIBLE)[0]
        with pytest.raises(SettingsError, match="needs at least 3000 searches"):
            gallery.search_embedding(row, "visible", target=0.01)
        with pytest.raises(SettingsError, match=r"No threshold was calibrated for .* of 0\.2 \(calibrated: 0\.1, 0\.01\)"):
            gallery.search_embedding(row, "visible", target=0.2)
        with pytest.raises(SettingsError, match="this pair of modalities is not calibrated"):
            gallery.search_embedding(row, "infrared", target=0.1)
        for targets in ([], [0], [1.5]):
            with pytest.raises(SettingsError, match="`targets` must be rates between 0 and 1"):
                gallery.calibrate(targets)


def test_a_gallery_of_too_few_people_is_refused(tmp_path: Path) -> None:
    with filled(tmp_path / "g", range(2), 3, (Modality.VISIBLE,)) as gallery:
        gallery.add_embeddings(unit_rows(40, D), "visible", model="m")  # nobody knows who they are
        with pytest.raises(SettingsError, match="Nothing can be calibrated: of 6 images of known people, no 30"):
            gallery.calibrate()
        assert gallery.calibration.pairs == {}


def test_a_gallery_that_has_grown_is_told_of(tmp_path: Path) -> None:
    with filled(tmp_path / "g", range(60), 6, (Modality.VISIBLE,)) as gallery:
        gallery.calibrate([0.1])
        query = rows_of(range(1), 1, Modality.VISIBLE)[0]
        gallery.add_embeddings(unit_rows(6, D), "visible", [f"new {n}" for n in range(6)], model="m")
        assert gallery.search_embedding(query, "visible", target=0.1).remarks == ()
        gallery.add_embeddings(unit_rows(1, D), "visible", "one more", model="m")
        (remark,) = gallery.search_embedding(query, "visible", target=0.1).remarks
        assert remark.startswith("The threshold was calibrated with 60 people in the gallery, which has 67 now.")
        gallery.calibrate([0.1])
        assert gallery.search_embedding(query, "visible", target=0.1).remarks == ()


def test_more_images_than_are_searched_are_drawn(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("vireid.deploy.gallery.gallery.MOST_PROBES", 330)
    with filled(tmp_path / "g", range(60), 6, (Modality.VISIBLE,)) as gallery:
        found = [gallery.calibrate([0.1], seed=seed).pairs["visible-visible"] for seed in (0, 0, 1)]
        assert found[0] == found[1] != found[2]
        assert found[0].searches == 330


def test_probes_calibrate_a_modality_that_the_gallery_lacks(tmp_path: Path) -> None:
    embedder = Projection()
    with Gallery(tmp_path / "g", embedder) as gallery:
        gallery.add([image(person, shot) for person in range(40) for shot in range(2)], "visible", names_of(range(40), 2))
        queries = [image(person, shot, grey=True) for person in range(20, 60) for shot in range(9)]
        calibration = gallery.calibrate([0.3], [Probes(queries, "infrared", names_of(range(20, 60), 9))])
        pair = calibration.pairs["infrared-visible"]
        assert (pair.searches, pair.people, pair.size) == (360, 40, round((39 + 40) / 2))
        assert "visible-infrared" not in calibration.pairs
        assert len(gallery) == 80  # probes are not added
        assert gallery.search(image(3, 9, grey=True), "infrared", target=0.3).threshold == pair.at(0.3)
        with pytest.raises(SettingsError, match="`people` must name the person on each of the 360 probes, got 1"):
            gallery.calibrate([0.3], [Probes(queries, "infrared", ["a"])])


def test_what_the_gallery_lacks_is_taken_from_the_card_of_the_model(tmp_path: Path) -> None:
    with filled(tmp_path / "a", range(60), 6) as gallery:
        card = gallery.calibrate([0.1])
    embedder = Projection(calibration=json.loads(json.dumps(card.to_dict())))
    with Gallery(tmp_path / "b", embedder) as gallery:
        assert gallery.calibration == card
        gallery.add([image(person, shot) for person in range(60) for shot in range(5)], "visible", names_of(range(60), 5))
        own = gallery.calibrate([0.1])
        assert set(own.pairs) == {"visible-visible"}
        assert gallery.calibration.pairs == {**card.pairs, **own.pairs}
    with Gallery.open(tmp_path / "b") as gallery:
        assert gallery.calibration == own


def test_a_new_model_drops_the_thresholds(tmp_path: Path) -> None:
    with Gallery(tmp_path / "g", Projection(), keep_images=True) as gallery:
        gallery.add([image(person, shot) for person in range(50) for shot in range(2)], "visible", names_of(range(50), 2))
        assert gallery.calibrate([0.5]).pairs
        gallery.reembed(Projection("second"))
        assert gallery.calibration.pairs == {}


def test_several_images_are_told_of(tmp_path: Path) -> None:
    with Gallery(tmp_path / "g", Projection()) as gallery:
        gallery.add([image(person, shot) for person in range(50) for shot in range(2)], "visible", names_of(range(50), 2))
        gallery.calibrate([0.5])
        (remark,) = gallery.search([image(1, 3), image(1, 4)], "visible", target=0.5).remarks
        assert remark == "The threshold is that of searches by one image, and 2 images were searched as one."


@pytest.mark.parametrize(
    "content", [[], {"visible-visible": {}}, {"a": {"points": [], "mean": 0, "deviation": 0, "searches": 1, "people": 1, "size": 1}}]
)
def test_a_damaged_calibration(content: Any) -> None:
    with pytest.raises(GalleryError, match=r"The calibration is damaged .* Calibrate again"):
        Calibration.from_dict(content)
