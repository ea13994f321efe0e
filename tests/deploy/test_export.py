"""A folder gives what the network gave, by programs without torch."""

from __future__ import annotations

import dataclasses
import json
import shutil
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from PIL import Image

from tests.commands.runs import run
from tests.deploy.conftest import Folder
from tests.deploy.trained import photograph
from vireid import Embedder, RegDBDataModule
from vireid.deploy import OnnxEmbedder, verify
from vireid.deploy.folder import write_card
from vireid.deploy.tested import rows_in, rows_of_test
from vireid.errors import FolderError, MissingFileError, ResultsError, SettingsError
from vireid.metrics.functional import evaluate
from vireid.structures import Modality

NAMES = ["shared", "trained", "joint"]


def graph(path: Path) -> Any:
    return onnx.load(path).graph


def images(folder: Path) -> list[Any]:
    """Files and arrays of many sizes, among them black and constant ones."""
    files = [photograph(folder / f"{seed}.png", seed, grey=True, size=(20 + 7 * seed, 50 + 9 * seed)) for seed in range(5)]
    return [*files, np.zeros((48, 24), np.uint8), np.full((90, 50), 127, np.uint8), np.full((3, 2, 3), 255, np.uint8)]


@pytest.mark.parametrize("name", NAMES)
def test_parity_from_files(name: str, exported: Folder, tmp_path: Path) -> None:
    folder = exported(name)
    network, runtime = Embedder.load(folder.with_suffix(".ckpt")), OnnxEmbedder(folder, threads=1)
    assert network.card.digest == runtime.card.digest
    found = images(tmp_path)
    for modality in Modality:
        expected = network.embed(found, modality)
        assert np.abs(expected[0] - expected[-1]).max() > 1e-3
        for size in (1, 2, 7, 33):
            runtime.batch_size = size
            rows = runtime.embed(found * 5, modality)
            assert np.abs(rows - np.tile(expected, (5, 1))).max() <= 1e-5
        boxes = [(2, 3, 15, 40), (-3, 0, 9, 99)]
        np.testing.assert_allclose(runtime.embed(found[0], modality, boxes), network.embed(found[0], modality, boxes), atol=1e-5)


@pytest.mark.parametrize("name", NAMES)
def test_a_folder_rebuilds_the_network(name: str, exported: Folder, tmp_path: Path) -> None:
    folder = exported(name)
    first, again = Embedder.load(folder.with_suffix(".ckpt")), Embedder.from_pretrained(folder)
    assert first.card.digest == again.card.digest
    assert (again.card.weights, again.card.feature, again.card.flip) == (first.card.weights, first.card.feature, first.card.flip)
    found = images(tmp_path)
    for modality in Modality:
        np.testing.assert_array_equal(first.embed(found, modality), again.embed(found, modality))


def test_one_file_for_equal_graphs_and_two_for_others(exported: Folder) -> None:
    assert {path.name for path in exported("shared").glob("*.onnx")} == {"shared.onnx"}
    for name in ("trained", "joint"):
        assert {path.name for path in exported(name).glob("*.onnx")} == {"visible.onnx", "infrared.onnx"}
        assert (exported(name) / "visible.onnx").read_bytes() != (exported(name) / "infrared.onnx").read_bytes()


@pytest.mark.parametrize("name", NAMES)
def test_no_norm_stands_behind_a_convolution(name: str, exported: Folder) -> None:
    for path in exported(name).glob("*.onnx"):
        nodes = graph(path).node
        makers = {output: node for node in nodes for output in node.output}
        for node in nodes:
            source = makers.get(node.input[0]) if node.op_type == "BatchNormalization" else None
            while source is not None and source.op_type in ("Slice", "Identity", "Cast"):
                source = makers.get(source.input[0])
            assert source is None or source.op_type != "Conv"
        assert Counter(node.op_type for node in nodes)["Conv"] == 12


def test_a_separated_child_has_the_operators_and_shapes_of_the_shared_one(exported: Folder) -> None:
    def structure(path: Path) -> list[Any]:
        found = graph(path)
        shapes = {value.name: tuple(value.dims) for value in found.initializer}
        return [(node.op_type, [shapes.get(name) for name in node.input]) for node in found.node]

    shared = structure(exported("shared") / "shared.onnx")
    for modality in ("visible", "infrared"):
        assert structure(exported("trained") / f"{modality}.onnx") == shared


def test_small_constants_stay_in_the_graph(exported: Folder) -> None:
    """The exporter's optimiser would drop the 1e-12 of GeM, and make a channel that is 0 everywhere another number."""
    found = graph(exported("joint") / "visible.onnx")
    values = [onnx.numpy_helper.to_array(value) for value in found.initializer]
    values += [onnx.numpy_helper.to_array(part.t) for node in found.node for part in node.attribute if part.name == "value"]
    scalars = [float(value.reshape(-1)[0]) for value in values if value.size == 1 and value.dtype == np.float32]
    assert np.isclose(scalars, 1e-12, rtol=1e-6, atol=0).any()
    epsilons = {part.f for node in found.node for part in node.attribute if part.name == "epsilon"}
    assert np.isclose(list(epsilons), 1e-5).all()


def test_other_statistics_are_one_product_and_one_sum_at_the_input(exported: Folder) -> None:
    for modality in ("visible", "infrared"):
        kinds = [node.op_type for node in graph(exported("joint") / f"{modality}.onnx").node if node.op_type != "Constant"]
        assert kinds[:3] == ["Mul", "Add", "Conv"]
    assert "Mul" not in {node.op_type for node in graph(exported("shared") / "shared.onnx").node}


@pytest.mark.parametrize("name", NAMES)
def test_files_are_what_others_read(name: str, exported: Folder) -> None:
    for path in exported(name).glob("*.onnx"):
        model = onnx.load(path)
        onnx.checker.check_model(model, full_check=True)
        assert (model.ir_version, [entry.version for entry in model.opset_import]) == (10, [20])
        size = {"joint": (48, 24), "shared": (48, 24), "trained": (32, 16)}[name]
        (taken,), (given,) = model.graph.input, model.graph.output
        assert [dim.dim_param or dim.dim_value for dim in taken.type.tensor_type.shape.dim] == ["batch", 3, *size]
        assert [dim.dim_param or dim.dim_value for dim in given.type.tensor_type.shape.dim] == ["batch", 64]
        assert b"site-packages" not in path.read_bytes()
        assert str(Path.cwd()).encode() not in path.read_bytes()
        sidecar = json.loads(path.with_name(f"{path.name}.metadata.json").read_text())
        assert (sidecar["img_size"], sidecar["input_name"], sidecar["dynamic_batch"]) == (list(size), "images", True)
        assert "osnet" not in sidecar["model_name"]


def test_the_card_tells_what_the_network_is(exported: Folder, tested: Path) -> None:
    card = json.loads((exported("trained") / "card.json").read_text())
    assert (card["weights"], card["feature"], card["flip"], card["comparison"]) == ("average", "embeddings", "none", "cosine")
    assert card["calibration"] is None
    (folder,) = tested.glob("test-*")
    assert card["results"] == [
        {key: row[key] for key in card["results"][0]} for row in json.loads((folder / "metrics.json").read_text())["results"]
    ]
    assert all(row["images_sha256"] for row in card["results"])
    assert max(card["parity"]["largest_difference"].values()) <= card["parity"]["tolerance"] == 1e-5
    assert max(card["parity"]["rounding"].values()) < 2e-6
    part = card["modalities"]["infrared"]
    assert (part["file"], part["resize"]) == ("infrared.onnx", {"height": 32, "width": 16, "filter": "lanczos"})
    assert part["sha256"] == card["files"]["infrared.onnx"]
    assert set(card["files"]) == {path.name for path in exported("trained").iterdir()} - {"card.json", "README.md"}
    assert card["provenance"]["training_data"] == "vireid.RegDBDataModule"
    assert str(tested) not in (exported("trained") / "card.json").read_text()
    joint = json.loads((exported("joint") / "card.json").read_text())
    assert (joint["weights"], joint["feature"], joint["flip"]) == ("average", "features", "mean")
    assert joint["modalities"]["visible"]["mean"] == [0.485, 0.456, 0.406]
    assert joint["modalities"]["visible"]["network_mean"] == [0.4, 0.5, 0.6]


def test_rows_of_the_test_are_found_beside_the_checkpoint(tested: Path, tmp_path: Path) -> None:
    run = Path(shutil.copytree(tested, tmp_path / "run", copy_function=shutil.copy2))
    checkpoint = run / "checkpoints" / "last.ckpt"
    rows = rows_of_test(checkpoint, "embeddings")
    assert [row["protocol"] for row in rows] == ["regdb/visible-to-infrared/trial-1", "regdb/infrared-to-visible/trial-1"]
    assert rows_in(run, "embeddings") == rows
    assert rows_of_test(checkpoint, "features") == ()
    with pytest.raises(ResultsError, match="is no test that compared features"):
        rows_in(run, "features")
    other = Path(shutil.copy2(checkpoint, checkpoint.with_name("best.ckpt")))
    assert rows_of_test(other, "embeddings") == ()
    checkpoint.touch()  # a training that went on after the test
    assert rows_of_test(checkpoint, "embeddings") == ()


def test_protocols_give_the_same_rows(exported: Folder, regdb_root: Path) -> None:
    """Scores of the test, but for candidates whose similarities are nearer than 1e-5: torch does not order them like itself either."""
    evaluation = RegDBDataModule(regdb_root).evaluation("test")
    pids = np.array([record.pid for record in evaluation.records])
    split = [[record.path for record in evaluation.records if record.modality is modality] for modality in Modality]
    network, runtime = Embedder.load(exported("trained")), OnnxEmbedder(exported("trained"))
    tables = [
        np.concatenate([some.embed(paths, modality) for paths, modality in zip(split, Modality, strict=True)])
        for some in (network, runtime)
    ]
    rows = {row["protocol"]: row for row in runtime.card.results}
    for setting in evaluation.settings:
        (trial,) = setting.trials
        query, gallery = pids[trial.query], pids[trial.gallery]
        first, second = (-table[trial.query] @ table[trial.gallery].T for table in tables)
        genuine = 1e-5 * (query[:, None] == gallery)
        low, found, high = (evaluate(distances, query, gallery, rule="regdb") for distances in (first + genuine, second, first - genuine))
        for name in ("mAP", "mINP"):
            assert low[name] <= found[name] <= high[name] < low[name] + 2e-3
        assert low["mAP"] <= rows[setting.protocol]["mean"]["mAP"] <= high["mAP"]
        assert found["cmc"][0] == pytest.approx(rows[setting.protocol]["mean"]["rank1"], abs=1.01 / len(query))


def test_the_same_are_nearest(exported: Folder, tmp_path: Path) -> None:
    folder = exported("joint")
    network, runtime = Embedder.load(folder.with_suffix(".ckpt")), OnnxEmbedder(folder)
    paths = [photograph(tmp_path / f"{seed}.png", seed, grey=True) for seed in range(40)]
    products = []
    for embedder in (network, runtime):
        products.append(embedder.embed(paths[:10], "infrared") @ embedder.embed(paths[10:], "visible").T)
    first, second = (np.argsort(-scores, axis=1)[:, :10] for scores in products)
    for scores, mine, others in zip(products[0], first, second, strict=True):
        for candidate in set(mine) ^ set(others):
            assert abs(scores[candidate] - scores[mine[-1]]) < 1e-5


@pytest.mark.parametrize("name", ["shared", "joint"])
def test_the_program_of_the_readme_needs_neither_vireid_nor_torch(name: str, exported: Folder, tmp_path: Path) -> None:
    folder = exported(name)
    (block,) = (folder / "README.md").read_text().split("```python\n")[1:]
    (tmp_path / "rank.py").write_text(block.split("```")[0].replace('Path(".")', f"Path({str(folder)!r})"))
    for package in ("numpy", "numpy.libs", "PIL", "pillow.libs", "onnxruntime"):
        for entry in map(Path, sys.path):
            if (entry / package).exists():
                (tmp_path / "packages").mkdir(exist_ok=True)
                (tmp_path / "packages" / package).symlink_to(entry / package)
                break
    query, *gallery = [photograph(tmp_path / f"{seed}.jpg", seed, grey=not seed) for seed in range(4)]
    bare = {"PYTHONPATH": str(tmp_path / "packages")}
    assert subprocess.run([sys.executable, "-S", "-c", "import torch"], env=bare, capture_output=True).returncode != 0
    words = [sys.executable, "-S", str(tmp_path / "rank.py"), str(query), *map(str, gallery)]
    lines = subprocess.run(words, env=bare, capture_output=True, text=True, check=True).stdout.splitlines()
    network = Embedder.load(folder)
    scores = network.embed(gallery, "visible") @ network.embed(query, "infrared")[0]
    found = {line.split()[1]: float(line.split()[0]) for line in lines}
    assert list(found) == [str(gallery[row]) for row in np.argsort(-scores)]
    np.testing.assert_allclose([found[str(path)] for path in gallery], scores, atol=1e-4)  # of four decimals


# --- verification ---------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", NAMES)
def test_a_folder_proves_itself(name: str, exported: Folder, capsys: pytest.CaptureFixture[str]) -> None:
    outcome = run(capsys, "export", "verify", exported(name))
    assert outcome.code == 0
    assert "is what was exported" in outcome.out
    assert max(verify(exported(name)).differences.values()) <= 1e-5


def test_verification_and_embedding_load_no_torch(exported: Folder, tmp_path: Path) -> None:
    image = photograph(tmp_path / "a.png")
    lines = [
        "import sys",
        "from vireid.cli import main",
        f"main(['export', 'verify', {str(exported('joint'))!r}])",
        "from vireid.deploy import OnnxEmbedder",
        f"assert OnnxEmbedder({str(exported('joint'))!r}, threads=1).embed({str(image)!r}, 'visible').shape == (1, 64)",
        "assert 'torch' not in sys.modules",
    ]
    subprocess.run([sys.executable, "-c", "\n".join(lines)], check=True)


@pytest.fixture
def copy(exported: Folder, tmp_path: Path) -> Path:
    return Path(shutil.copytree(exported("trained"), tmp_path / "copy"))


def flip_byte(path: Path, position: int) -> None:
    content = bytearray(path.read_bytes())
    content[position] ^= 1
    path.write_bytes(content)


@pytest.mark.parametrize("name", ["visible.onnx", "infrared.onnx", "weights.safetensors", "genotype.json", "probe.npz"])
def test_a_changed_byte_of_a_file_is_named(name: str, copy: Path) -> None:
    flip_byte(copy / name, (copy / name).stat().st_size // 2)
    with pytest.raises(FolderError, match=rf"{name}: its bytes are not those that were exported"):
        verify(copy)
    if name.endswith(".onnx"):
        with pytest.raises(FolderError, match=name):
            OnnxEmbedder(copy)
    if name == "weights.safetensors":
        with pytest.raises(FolderError, match=name):
            Embedder.load(copy)


@pytest.mark.parametrize("position", [0, 1, 100, 1500, -1, -2])
def test_a_changed_byte_of_the_card_is_named(position: int, copy: Path) -> None:
    flip_byte(copy / "card.json", position)
    for read in (verify, OnnxEmbedder, Embedder.load):
        with pytest.raises(FolderError, match=r"card.json' (was changed after it was written|is damaged|is not the card)"):
            read(copy)


def test_swapped_files_are_named(copy: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (copy / "visible.onnx").rename(copy / "other.onnx")
    (copy / "infrared.onnx").rename(copy / "visible.onnx")
    (copy / "other.onnx").rename(copy / "infrared.onnx")
    outcome = run(capsys, "export", "verify", copy)
    assert outcome.code == 2
    assert "visible.onnx: it is the file infrared.onnx" in outcome.err
    assert "infrared.onnx: it is the file visible.onnx" in outcome.err


def test_swapped_graphs_of_a_card_that_was_written_again_are_found_by_their_embeddings(copy: Path) -> None:
    card = OnnxEmbedder(copy).card
    graphs = {Modality.VISIBLE: "infrared.onnx", Modality.INFRARED: "visible.onnx"}
    write_card(copy, dataclasses.replace(card, graphs=graphs))
    with pytest.raises(FolderError, match=r"infrared.onnx: visible embeddings differ by .* from those of the network"):
        verify(copy)


def test_missing_files_and_folders(copy: Path, tmp_path: Path) -> None:
    (copy / "infrared.onnx").unlink()
    with pytest.raises(FolderError, match=r"infrared.onnx: the file is missing"):
        verify(copy)
    for read in (verify, OnnxEmbedder, Embedder.load):
        (tmp_path / "empty").mkdir(exist_ok=True)
        with pytest.raises(MissingFileError, match="a folder of a deployed network holds one"):
            read(tmp_path / "empty")


def test_cards_of_other_versions_and_programs(copy: Path) -> None:
    content = json.loads((copy / "card.json").read_text())
    for change, match in [
        ({"version": 2}, "has version 2; it was written by a newer vireid: upgrade the package"),
        ({"version": "old"}, "has version 'old'; expected version 1"),
        ({"format": "another"}, "is not the card of a deployed network"),
    ]:
        (copy / "card.json").write_text(json.dumps({**content, **change}))
        with pytest.raises(FolderError, match=match):
            verify(copy)


def test_settings_of_the_runtime(exported: Folder) -> None:
    with pytest.raises(SettingsError, match="`threads` must be at least 0, got -1"):
        OnnxEmbedder(exported("shared"), threads=-1)
    with pytest.raises(SettingsError, match=r"has no provider 'Absent'; it has .*CPUExecutionProvider"):
        OnnxEmbedder(exported("shared"), providers=["Absent"])


def test_a_coloured_infrared_image_warns_here_too(exported: Folder, tmp_path: Path) -> None:
    with pytest.warns(UserWarning, match="1 of 1 infrared images are in colour"):
        OnnxEmbedder.load(exported("shared")).embed(Image.open(photograph(tmp_path / "a.png")), "infrared")
