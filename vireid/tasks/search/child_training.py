"""Short trainings of children inside a search. They show how a child learns, and not only what it inherits."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import nn

from vireid.tasks.callbacks.recalibration import training_rows
from vireid.tasks.optimisation.schedules import WarmupCosine
from vireid.tasks.search.run import SearchRun


@contextmanager
def kept_state(network: nn.Module) -> Iterator[None]:
    """Afterwards, every parameter and buffer is as before, bit for bit, and no parameter has a gradient."""
    before = {name: value.detach().clone() for name, value in network.state_dict().items()}
    try:
        yield
    finally:
        network.load_state_dict(before)
        for parameter in network.parameters():
            parameter.grad = None


def train_child(run: SearchRun, steps: int) -> None:
    """Take weight steps, in place, on the child that the supernet runs now. The number of steps is 0 or more.

    Losses, optimiser, factors by part and clipping are those of the search; gradients are not accumulated. The learning rate rises over the
    first tenth of the steps and falls by half a cosine. Every child sees the same batches, in the training order from epoch 0 on, and its
    layers draw the same noise. Afterwards the random state is as before. With several processes, gradients are averaged.
    """
    trainer, network = run.trainer, run.network
    if not steps:
        return
    optimizer = run.optimizer.build(network.named_parts())
    rate = WarmupCosine(steps, steps // 10).scheduler(optimizer, steps)
    network.train()
    devices = [run.device] if run.device.type == "cuda" else []
    with torch.inference_mode(False), torch.enable_grad(), torch.random.fork_rng(devices):
        for batch in training_rows(trainer, steps):
            run.seed_step(batch)
            with trainer.precision_plugin.forward_context():
                loss, _ = run.loss(run.losses, batch)
            loss.backward()  # type: ignore[no-untyped-call]
            for parameter in network.parameters():
                if trainer.world_size > 1 and parameter.grad is not None:
                    torch.distributed.all_reduce(parameter.grad)
                    parameter.grad.div_(trainer.world_size)
            optimizer.step()
            optimizer.zero_grad(set_to_none=True)
            rate.step()
    network.eval()
