"""The parser knows every public class, however little was imported before."""

from __future__ import annotations

import importlib
import inspect
import pkgutil
import subprocess
import sys

import pytest
import yaml
from pytorch_lightning import Callback

import vireid
from vireid.commands.class_arguments import ROOMS
from vireid.data import BatchDataModule
from vireid.losses import Loss
from vireid.models import Head
from vireid.search import Derivation, SearchSpace
from vireid.settings import Recorded, class_path
from vireid.tasks import OptimizerSettings, ReIDModule, Strategy

COMMANDS = (
    ["fit", "--help"],
    ["fit", "--model.help=vireid.SearchModule"],
    ["fit", "--model=RetrainModule", "--model.head=StripeHead", "--data=SYSUDataModule", "--data.root=.", "--print_config"],
)
PROGRAM = """
import sys
from vireid.cli import main
for words in {commands}:
    try:
        main(words)
    except SystemExit as end:
        assert not end.code, end.code
    sys.stdout.write("=====")
"""


@pytest.fixture(scope="module")
def printed() -> list[str]:
    """What the commands print in a fresh process."""
    code = PROGRAM.format(commands=COMMANDS)
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split("=====")


def public_classes(base: type) -> set[str]:
    """Paths of the classes of all rooms that may stand for a base."""
    modules = [importlib.import_module(f"vireid.{room}") for room in ROOMS]
    found = [getattr(module, name) for module in modules for name in module.__all__]
    return {class_path(cls) for cls in found if isinstance(cls, type) and issubclass(cls, base) and not inspect.isabstract(cls)}


PLACES = (
    (0, {ReIDModule: 3, BatchDataModule: 10, Callback: 4}),
    (1, {SearchSpace: 5, Loss: 16, OptimizerSettings: 4, Strategy: 4, Derivation: 6, Head: 7}),
)


@pytest.mark.parametrize(("command", "base", "count"), [(command, *place) for command, bases in PLACES for place in bases.items()])
def test_help_lists_every_public_class_that_may_stand_in_a_place(command: int, base: type, count: int, printed: list[str]) -> None:
    lists = ["".join(text.split()) for text in printed[command].split("known subclasses:")[1:]]
    wanted = public_classes(base)
    assert len(wanted) >= count
    assert any(all(path in text for path in wanted) for text in lists)


def test_a_class_may_be_given_by_its_name_alone(printed: list[str]) -> None:
    config = yaml.safe_load(printed[2])
    assert config["model"]["class_path"] == "vireid.RetrainModule"
    assert config["model"]["init_args"]["head"]["class_path"] == "vireid.models.StripeHead"
    assert config["data"]["class_path"] == "vireid.SYSUDataModule"


def test_every_room_with_classes_that_an_option_may_name_is_loaded() -> None:
    modules = [importlib.import_module(f"vireid.{module.name}") for module in pkgutil.iter_modules(vireid.__path__) if module.ispkg]
    names = [(module, name) for module in modules for name in getattr(module, "__all__", ()) if name != "Recorded"]
    found = [(module, getattr(module, name)) for module, name in names]
    rooms = {module.__name__ for module, cls in found if isinstance(cls, type) and issubclass(cls, Recorded)}
    assert rooms == {f"vireid.{room}" for room in ROOMS}
