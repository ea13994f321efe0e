"""Lightning's Trainer, whose numbers of batches stay whole."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import pytorch_lightning as pl

from vireid.commands.number_formats import check_precision, use_tf32


class Trainer(pl.Trainer):
    """Lightning's Trainer, for which ``1`` is one batch and ``1.0`` all of them, whatever was imported before.

    Lightning declares these types as ``typing.Union[int, float]``. Python keeps such a union in the order in which a package first
    wrote it. If ``float`` comes first there, a parser reads 1 as 1.0, and one batch silently becomes the whole epoch.

    Args:
        limit_train_batches: training batches of an epoch: a whole number of them, or a fraction, 0.0 to 1.0. Null for all.
        limit_val_batches: batches of a validation: a whole number of them, or a fraction, 0.0 to 1.0. Null for all.
        limit_test_batches: batches of a test: a whole number of them, or a fraction, 0.0 to 1.0. Null for all.
        limit_predict_batches: batches of a prediction: a whole number of them, or a fraction, 0.0 to 1.0. Null for all.
        overfit_batches: batches of the same images, with the same augmentation, that every epoch trains on, to see a network overfit: a
            whole number of them, or a fraction. Validation has all its images, as ``limit_val_batches`` says.
        val_check_interval: training batches between validations within an epoch: a whole number of them, or a fraction of the epoch, 0.0 to
            1.0; or a time. Null for one validation at the end of an epoch.
        benchmark: whether cuDNN tries its kernels on every new shape, and keeps the fastest, on a GPU. It chooses by time, so that a run
            which goes on equals an uninterrupted one only up to the last digits. Null lets Lightning decide.
        tf32: whether a GPU rounds the factors of float32 products and convolutions to TF32, with 10 bits behind the point. Such products
            are several times as fast. A run that goes on with another value has other digits. Null is torch's own choice: convolutions
            only.
        lightning: other arguments of Lightning's Trainer.

    Attributes:
        run_settings: what checkpoints say of the Trainer, as plain values by argument; a run that goes on is compared with it.

    Raises:
        SettingsError: half precision (``16-mixed``) on a CPU, for which Lightning would silently take another.
    """

    run_settings: Mapping[str, Any] | None = None

    def __init__(
        self,
        *,
        limit_train_batches: int | float | None = None,
        limit_val_batches: int | float | None = None,
        limit_test_batches: int | float | None = None,
        limit_predict_batches: int | float | None = None,
        overfit_batches: int | float = 0.0,
        val_check_interval: int | float | str | timedelta | dict[str, int] | None = None,
        benchmark: bool | None = None,
        tf32: bool | None = None,
        **lightning: Any,
    ) -> None:
        super().__init__(
            limit_train_batches=limit_train_batches,
            limit_val_batches=limit_val_batches,
            limit_test_batches=limit_test_batches,
            limit_predict_batches=limit_predict_batches,
            overfit_batches=overfit_batches,
            val_check_interval=val_check_interval,
            benchmark=benchmark,
            **lightning,
        )
        device = self.strategy.root_device
        check_precision(lightning.get("precision"), device)
        use_tf32(tf32, device)
        if benchmark and device.type != "cuda":
            warnings.warn(f"`trainer.benchmark` has no effect on {device.type}: it is about kernels of cuDNN, on a GPU.", stacklevel=1)
        if overfit_batches:  # Lightning would cut validation too, and a gallery of a few batches says nothing
            self.limit_val_batches = 1.0 if limit_val_batches is None else limit_val_batches
