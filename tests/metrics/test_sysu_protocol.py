"""The whole SYSU-MM01 protocol, ten trials of each setting, against the official code under Octave."""

import numpy as np
import pytest

from tests.metrics.sysu_protocol import CAMERAS, FOLDER, SETS, H, features, gallery, query, squared_distances
from vireid.metrics import evaluate


@pytest.fixture(scope="module", params=SETS)
def feature_set(request):
    camids, pids, numbers = query()
    with np.load(FOLDER / f"octave-{request.param}.npz") as file:
        return request.param, features(request.param, camids, pids, numbers), dict(file)


def test_formula_has_the_check_values(feature_set):
    name, rows, _ = feature_set
    assert (H(3, 6, 1, 1), H(0, 6, 0, 1), H(3, 0, 0, 1)) == (21867878, 44964617, 54872900)
    assert rows.sum() == {"wide": 2379239823, "ties": 437}[name]
    assert rows[0, :4].tolist() == {"wide": [-35970, -213917, -545062, 206425], "ties": [2, -1, -1, 2]}[name]


@pytest.mark.parametrize("shots", [1, 10])
@pytest.mark.parametrize("mode", CAMERAS)
def test_trials(feature_set, mode, shots):
    name, rows, expected = feature_set
    key = f"{mode}_{shots}shot"
    q_cams, q_pids, _ = query()
    for trial in range(10) if shots == 1 else (9,):  # all ten trials of ten shots: test_all_trials_with_ten_shots
        check_trial(name, rows, expected, key, (q_cams, q_pids), gallery(mode, shots, trial), trial)


@pytest.mark.slow
@pytest.mark.parametrize("mode", CAMERAS)
def test_all_trials_with_ten_shots(feature_set, mode):
    name, rows, expected = feature_set
    q_cams, q_pids, _ = query()
    for trial in range(10):
        check_trial(name, rows, expected, f"{mode}_10shot", (q_cams, q_pids), gallery(mode, 10, trial), trial)


def check_trial(name, rows, expected, key, queries, drawn, trial):
    q_cams, q_pids = queries
    g_cams, g_pids, numbers = drawn
    distances = squared_distances(rows, features(name, g_cams, g_pids, numbers))
    curve = expected[f"{key}_cmc"][trial]
    scores = evaluate(distances, q_pids, g_pids, q_cams, g_cams, rule="sysu", topk=range(1, len(curve) + 1))
    assert scores["num_valid"] == (3803 if key.startswith("all") else 2208)
    np.testing.assert_allclose(scores["cmc"], curve, rtol=0, atol=1e-12)
    assert scores["mAP"] == pytest.approx(expected[f"{key}_map"][trial], abs=1e-12)
    assert scores["mINP"] == pytest.approx(expected[f"{key}_minp"][trial], abs=1e-12)
