"""Features and galleries of the SYSU-MM01 protocol goldens, from the formulas in tests/golden/README-evaluation.md."""

from functools import cache
from pathlib import Path

import numpy as np

FOLDER = Path(__file__).parent.parent / "golden" / "sysu-protocol"
P = 67108859
SETS = {"wide": (16, 131073, (5, 2, 5)), "ties": (10, 3, (1, 0, 1))}
CAMERAS = {"all": (1, 2, 4, 5), "indoor": (1, 2)}


def mix(x):
    return (x * x + 12345) % P


def H(a, b, c, d):
    x = (7919 * a + 104729 * b + 1299709 * c + 15485863 * d + 32452843) % P
    return mix(mix(mix(mix(x))))


def features(name, camids, pids, numbers):
    """``(N, D)`` float64, integers below 2^53."""
    dimensions, L, weights = SETS[name]
    cam, pid, number = (np.asarray(x, dtype=np.int64)[:, None] for x in (camids, pids, numbers))
    d = np.arange(1, dimensions + 1)
    parts = (H(0, pid, 0, d), H(cam, 0, 0, d), H(cam, pid, number, d))
    return sum(w * (part % L - (L - 1) // 2) for w, part in zip(weights, parts, strict=True)).astype(np.float64)


@cache
def splits():
    with np.load(FOLDER / "sysu-splits.npz") as file:
        return dict(file)


@cache
def permutations(camera):
    """``{pid: (10, n) image numbers from 1}`` of the test identities in one camera."""
    flat, found, start = splits()[f"perm_cam{camera}"].astype(np.int64), {}, 0
    for pid in splits()["test_id"].tolist():
        n = int(splits()["counts"][camera - 1, pid])
        if n:
            found[pid] = flat[start : start + 10 * n].reshape(10, n)
            start += 10 * n
    assert start == len(flat)
    return found


def columns(rows):
    return tuple(np.array(column, dtype=np.int64) for column in zip(*rows, strict=True))


def query():
    """(camids, pids, numbers) of all infrared test images, camera by camera."""
    return columns([(c, pid, i) for c in (3, 6) for pid, table in permutations(c).items() for i in range(1, table.shape[1] + 1)])


def gallery(mode, shots, trial):
    """(camids, pids, numbers) in the official order: camera, identity, permutation."""
    return columns([(c, pid, i) for c in CAMERAS[mode] for pid, table in permutations(c).items() for i in table[trial, :shots]])


def squared_distances(a, b):
    """Exact for integer features below 2^53."""
    return (a**2).sum(1)[:, None] + (b**2).sum(1) - 2 * a @ b.T
