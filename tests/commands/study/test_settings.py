"""What a study's configuration may say."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from vireid.commands.configs import packaged_configs
from vireid.commands.study.settings import Fidelity, StudySettings
from vireid.errors import SettingsError

LEAST: dict[str, Any] = {"data": ["data/synthetic.yaml"], "space": {"class_path": "x"}, "searches": {"bn": []}, "retrain": [{"model": {}}]}


def read(**changed: Any) -> StudySettings:
    return StudySettings.from_dict({**LEAST, **changed})


def test_defaults_and_plain_values_round_trip() -> None:
    settings = read(fidelity={"search": "bn"}, definitions={"anything": 1})
    assert (settings.genotypes, settings.random, settings.search_seeds, settings.retrain_seeds) == (["all_shared"], 10, (0, 1, 2), (0, 1))
    assert settings.fidelity == Fidelity("bn", 20)
    assert StudySettings.from_dict(settings.to_dict()) == settings


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"retrian": []}, r"unknown key `retrian`\. Did you mean `retrain`\?"),
        ({"data": "data/synthetic.yaml"}, "`data` of the study must be a list of configuration files and inline settings"),
        ({"searches": {"bn": [3]}}, r"`searches\.bn` of the study must be a list"),
        ({"searches": []}, "`searches` of the study must be a mapping"),
        ({"searches": {"a b": []}}, "Names of searches become folders: letters, digits and underscores only, got 'a b'"),
        ({"space": "BNSeparation"}, "`space` of the study must be a mapping"),
        ({"genotypes": ["all_shared", "all_shared"]}, "`genotypes` of the study must be a list of names of baselines, each once"),
        ({"reference": "stem"}, "`reference` of the study must be one of `genotypes`, got 'stem'"),
        ({"search_seeds": []}, "`search_seeds` of the study must be a list of at least one seed"),
        ({"retrain_seeds": [0, 0]}, "`retrain_seeds` of the study must be a list of at least one seed"),
        ({"retrain_seeds": 2}, "`retrain_seeds` of the study must be a list of at least one seed"),
        ({"random": -1}, "`random` of the study must be a whole number from 0, got -1"),
        ({"random": 10**9}, "the study asks for 2,000,000,0.. searches and trainings, and at most 10,000 are run: lower `random`"),
        ({"retrain_seeds": list(range(10_000))}, "searches and trainings, and at most 10,000 are run"),
        ({"template": "yes"}, "`template` of the study must be of type bool, got 'yes'"),
        ({"fidelity": "bn"}, "`fidelity` of the study must be a mapping"),
        ({"fidelity": {}}, "`fidelity` of the study lacks `search`"),
        ({"fidelity": {"search": "joint"}}, r"`fidelity\.search` of the study must be one of the searches \(bn\), got 'joint'"),
        ({"fidelity": {"search": "bn", "genotypes": 2}}, r"`fidelity\.genotypes` of the study must be a whole number of at least 3, got 2"),
    ],
)
def test_bad_values_are_named(changed: dict[str, Any], message: str) -> None:
    with pytest.raises(SettingsError, match=message):
        read(**changed)


def test_missing_keys_and_files_that_are_no_mapping(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="lacks `data`, `space`, `searches`, `retrain`"):
        StudySettings.from_dict({})
    with pytest.raises(SettingsError, match="must be a mapping with the keys data, space, searches, retrain, got list"):
        StudySettings.from_dict([])
    for text, message in (
        ("a: [", "cannot be read as YAML: expected the node content, but found '<stream end>', line 1, column 5"),
        ("? [a, b]\n: 1", "cannot be read as YAML: found unhashable key, line 1, column 3"),
        ("- " * 5000, "cannot be read as YAML: it is nested too deeply"),
        ("a: 2001-99-99", "holds a value that cannot be read: month must be in 1..12"),
        ("a: " + "9" * 5000, "holds a value that cannot be read: Exceeds the limit"),
        ("a: &a [*a]", "is too large: its values are nested more than 50 deep"),
        (" ", "must be a mapping with the keys data, space, searches, retrain, got NoneType"),
    ):
        (tmp_path / "bad.yaml").write_text(text)
        with pytest.raises(SettingsError, match=re.escape(message)):
            StudySettings.load(tmp_path / "bad.yaml")


def test_the_packaged_study_is_as_large_as_a_claim_needs() -> None:
    settings = StudySettings.load(packaged_configs() / "study" / "generated.yaml")
    assert set(settings.searches) == {"joint", "bn"}
    assert {"all_shared", "all_separate", "ibn_a"} <= set(settings.genotypes)
    assert settings.random >= 10
    assert len(settings.search_seeds) >= 3
    assert len(settings.retrain_seeds) >= 2
    assert settings.fidelity is not None
    assert settings.fidelity.genotypes >= 20
