"""Weights to start from, trained on generated people. The command is in :mod:`vireid.commands.pretrain.command`."""
