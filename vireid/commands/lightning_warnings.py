"""Messages of Lightning that do not apply here."""

from __future__ import annotations

import logging
import warnings

from vireid.printable import visible


def quiet_lightning() -> None:
    """Silence advice of Lightning that does not apply here, one message at a time."""
    for message, reason in IGNORED.items():
        assert reason
        warnings.filterwarnings("ignore", message=message)
    for name in ("utilities.rank_zero", "trainer.connectors.checkpoint_connector"):
        logging.getLogger(f"pytorch_lightning.{name}").addFilter(_says_something)


def _says_something(record: logging.LogRecord) -> bool:
    """Whether a message is no advice. What it says of paths becomes visible, whatever they hold."""
    text = record.getMessage()
    record.msg, record.args = visible(text), ()
    return not any(advice in text for advice in ADVICE)


ADVICE = ("💡", "`weights_only` was not set", "TPU available")  # advertisement; decided by our checkpoint reader; of no interest

IGNORED = {
    ".*does not have many workers.*": "images may be cached, and the number of workers is an argument of the data",
    ".*The number of training batches.*smaller than the logging interval.*": "epoch means are logged",
    ".*You're resuming from a checkpoint that ended before the epoch ended.*": "our sampler starts where the checkpoint ended",
    ".*dataloader is not resumable.*": "our sampler is",
    ".*Checkpoint directory.*exists and is not empty.*": "a resumed run",
    ".*Total length of .* across ranks is zero.*": "no validation was asked for",
    ".*`srun` command is available on your system but is not used.*": "one process needs no srun, nor does a job of an engine",
    ".*predict returned None.*": "embeddings.npz is written instead",
    ".*isinstance.treespec, LeafSpec.*": "torch deprecation inside Lightning",
}
