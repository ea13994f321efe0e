"""The formula helpers against the README's check values and stored inputs."""

from pathlib import Path

import numpy as np
import pytest
import torch

from tests.golden.formula import checksum, fill_entry, fill_state, images, parse_shapes, rowstats, uniform, values

GOLDEN = Path(__file__).parent / "golden"
MASK = 2**64 - 1


def scalar_uniform(name: str, i: int, S: int) -> float:
    """The README's formula with Python integers, one value at a time."""
    import zlib

    z = ((zlib.crc32(name.encode()) << 32) + S * 0x9E3779B97F4A7C15 + i + 0x9E3779B97F4A7C15) & MASK
    z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & MASK
    z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & MASK
    return ((z ^ (z >> 31)) >> 11) * 2.0**-53


@pytest.mark.parametrize(
    ("S", "expected"),
    [
        (1, [0.7084928267149881, 0.8505607088561011, 0.21272626849841414]),
        (20101, [0.11603116145357295, 0.2427033354217608, 0.2150807578492322]),
    ],
)
def test_check_values(S, expected):
    assert uniform("classifier.weight", 3, S).tolist() == expected


def test_uniform_equals_the_scalar_formula():
    assert uniform("a/é", 50, 7).tolist() == [scalar_uniform("a/é", i, 7) for i in range(50)]


def test_values_reproduce_the_stored_inputs_of_the_loss_file():
    z = np.load(GOLDEN / "cmnas_losses.npz")
    S = int(z["S"])
    identity = torch.stack([values(f"loss/id/{p}", (24,), S) for p in z["pid"]])
    for name, shift in (("gv", 0.10), ("gt", -0.10), ("fv", 0.05), ("ft", -0.05)):
        np.testing.assert_allclose(identity + 0.9 * values(f"loss/{name}", (16, 24), S) + shift, z[name], rtol=0, atol=1e-15)
    np.testing.assert_array_equal(3 * values("loss/logits", (32, 6), S), z["logits"])


def test_entries_follow_the_table():
    S = 5

    def v(name, *shape):
        return values(name, shape, S)

    shapes = parse_shapes(
        [
            "conv.weight",
            "fc.weight",
            "bn.weight",
            "bnneck.weight",
            "bn.bias",
            "bnneck.bias",
            "bn.running_mean",
            "bn.running_var",
            "bn.num_batches_tracked",
        ],
        ["2x3x1x1", "2x12", "4", "4", "4", "4", "4", "4", ""],
    )
    state = fill_state(shapes, S, gamma=0.5)
    expected = {
        "conv.weight": v("conv.weight", 2, 3, 1, 1) * 2**0.5,
        "fc.weight": v("fc.weight", 2, 12) * 0.5,
        "bn.weight": 0.5 * (1 + 0.2 * v("bn.weight", 4)),
        "bnneck.weight": 1 + 0.2 * v("bnneck.weight", 4),
        "bn.bias": 0.1 * v("bn.bias", 4),
        "bnneck.bias": torch.zeros(4, dtype=torch.float64),
        "bn.running_mean": 0.1 * v("bn.running_mean", 4),
        "bn.running_var": 1 + 0.5 * v("bn.running_var", 4),
        "bn.num_batches_tracked": torch.tensor(0),
    }
    assert list(state) == list(expected)
    for name, value in expected.items():
        torch.testing.assert_close(state[name], value, rtol=1e-15, atol=0)


def test_unknown_entry_is_refused():
    with pytest.raises(ValueError, match=r"no formula for the entry 'pool\.p'"):
        fill_entry("pool.p", (1,), 1)


def test_images_share_their_identity_part():
    x = images("t", [3, 3, 1], 0.3, 9, size=(3, 4, 2))
    noise = 0.8 * values("img/t", (3, 3, 4, 2), 9)
    torch.testing.assert_close(x[0] - noise[0], x[1] - noise[1], rtol=0, atol=1e-15)
    torch.testing.assert_close(x[2], 1.2 * values("id/1", (3, 4, 2), 9) + noise[2] + 0.3, rtol=0, atol=1e-15)


def test_checksum_and_rowstats_by_hand():
    a = torch.tensor([[3.0, -4.0]], dtype=torch.float64)
    torch.testing.assert_close(checksum(a), torch.tensor([-1.0, 7.0, 3 - 4 * np.cos(1.0)], dtype=torch.float64))
    assert rowstats(a).tolist() == [[-1.0, 7.0, 5.0]]
