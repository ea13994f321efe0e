"""The draws of the published CGRNet sampler."""

from __future__ import annotations

import numpy as np

from tests.golden.cgrnet import golden
from vireid.data import CrossModalitySampler, draw_batch
from vireid.structures import Modality, Record

DATA = golden("cgrnet_sampler")


def test_draws_and_length() -> None:
    count, identities = int(DATA["num_pos"]), int(DATA["batch_ids"])
    pids = np.unique(DATA["color_labels"])
    visible, infrared = ([np.flatnonzero(DATA[name] == pid) for pid in pids] for name in ("color_labels", "thermal_labels"))
    rng = np.random.RandomState(int(DATA["numpy_seed"]))
    length = len(DATA["index_color"]) // (identities * count)
    drawn = [draw_batch(rng, visible, infrared, identities, count) for _ in range(length)]
    np.testing.assert_array_equal(np.concatenate([batch[1] for batch in drawn]), DATA["index_color"])
    np.testing.assert_array_equal(np.concatenate([batch[2] for batch in drawn]), DATA["index_thermal"])
    records = [Record("", int(p), 1, Modality.VISIBLE) for p in DATA["color_labels"]]
    records += [Record("", int(p), 1, Modality.INFRARED) for p in DATA["thermal_labels"]]
    sampler = CrossModalitySampler(records, identities, count)
    assert len(sampler) == length
    assert int(DATA["reported_len"]) == len(DATA["color_labels"]) < length * identities * count  # the published one is too short
