"""Turns checkpoints of published projects into ours. The command is in :mod:`vireid.commands.convert.command`."""
