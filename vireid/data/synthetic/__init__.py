"""People drawn by a program, written as visible-infrared data sets lie on disk: to try, teach and test without a licensed data set."""

from vireid.data.synthetic.difficulty import Difficulty
from vireid.data.synthetic.writer import GENERATOR_VERSION, write_dataset

__all__ = ["GENERATOR_VERSION", "Difficulty", "write_dataset"]
