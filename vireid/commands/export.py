"""``vireid export``: a trained network as a folder that runs without torch, and its proof."""

from __future__ import annotations

from pathlib import Path

from jsonargparse import auto_cli

from vireid.commands.command_line import with_flag
from vireid.commands.parser import ShortErrors
from vireid.errors import OutputError, SettingsError
from vireid.printable import printable
from vireid.structures import Modality
from vireid.terminal import say


def main(words: list[str]) -> int:
    """Run ``vireid export CKPT --output FOLDER`` or ``vireid export verify FOLDER``; ``words[0]`` is ``export``."""
    if words[1:2] == ["verify"]:
        return int(auto_cli(verify, args=words[2:], prog="vireid export verify", as_positional=True, parser_class=ShortErrors))
    parser = ShortErrors(
        prog="vireid export",
        description="Write a trained network as a folder that runs without torch: a graph for each modality, weights, and their proof.",
        epilog="vireid export verify FOLDER checks a folder again; it needs no torch.",
    )
    parser.add_argument("checkpoint", type=str, help="checkpoint of a training, or a folder that Embedder.save_pretrained wrote")
    parser.add_function_arguments(export, skip={"checkpoint"})
    given = with_flag(with_flag(words[1:], "--fp16"), "--openvino")
    return export(**vars(parser.parse_args(given)))


def export(
    checkpoint: str,
    output: str,
    results: str | None = None,
    height: int | None = None,
    width: int | None = None,
    allow: str | None = None,
    fp16: bool = False,
    int8_visible: str | None = None,
    int8_infrared: str | None = None,
    openvino: bool = False,
    calibration: str | None = None,
) -> int:
    """Write a trained network as a folder.

    Args:
        checkpoint: checkpoint of a training, or a folder that Embedder.save_pretrained wrote.
        output: folder to write; it must not exist.
        results: test whose rows the card tells, a folder or a metrics.json; default: the newest test beside the checkpoint.
        height: height of the network's images, in pixels, for a checkpoint that holds no data settings.
        width: width of the network's images, in pixels, for a checkpoint that holds no data settings.
        allow: classes of your own that the checkpoint may import, with commas between.
        fp16: whether to write graphs in half precision too, into fp16/.
        int8_visible: folder of visible images, of which up to 256 calibrate graphs of eight bits, which are written into int8/ too.
        int8_infrared: folder of infrared images for the same; both are needed.
        openvino: whether to write OpenVINO's form of the graphs too, into openvino/.
        calibration: gallery of this network, whose thresholds the card tells, for galleries that cannot be calibrated themselves.
    """
    if Path(output).exists():
        raise OutputError(f"{output!r} exists, and nothing is overwritten. Name another folder.")
    if (int8_visible is None) != (int8_infrared is None):
        raise SettingsError("Graphs of eight bits need images of both modalities: give `--int8_visible` and `--int8_infrared`.")
    from vireid.deploy.image_lists import image_files
    from vireid.deploy.onnx_graph import check_packages
    from vireid.deploy.reduced import check_openvino
    from vireid.deploy.variants import Variants

    check_packages()
    if openvino:
        check_openvino()
    int8 = None if int8_visible is None or int8_infrared is None else {Modality.VISIBLE: int8_visible, Modality.INFRARED: int8_infrared}
    for folder in (int8 or {}).values():
        image_files([folder])  # refused before long work
    from vireid.deploy.export import export_network

    allowed = tuple(filter(None, (allow or "").split(",")))
    card = export_network(checkpoint, output, results, height, width, allowed, Variants(fp16, int8, openvino), calibration)
    for modality, name in card.graphs.items():
        difference = (card.parity or {})["largest_difference"][modality.name.lower()]
        say(f"{modality.name.lower()}: {name}, at most {difference:.1g} from the network in torch")
    for kind in ("fp16", "int8", "openvino"):
        if kind in (card.parity or {}):
            say(f"{kind}: at most {max((card.parity or {})[kind].values()):.1g} from the network in torch")
    if not card.results:
        say("The card tells no result: no test of this checkpoint was found. Name one with --results.")
    say(f"Wrote {printable(output)}. Check it anywhere with: vireid export verify {printable(output)}")
    return 0


def verify(folder: str) -> int:
    """Check a folder from its files: digests, and embeddings that every graph computes again. It needs no torch.

    Args:
        folder: a folder that vireid export wrote.
    """
    from vireid.deploy import verify as verify_folder  # loads pillow

    found = verify_folder(folder)
    for modality, difference in found.differences.items():
        name = found.card.graphs[modality]
        say(f"{modality.name.lower()}: {name}, at most {difference:.1g} from the network in torch")
    say(f"{printable(folder)} is what was exported: {len(found.card.files)} files, model {found.card.digest[:12]}.")
    return 0
