"""A sweep: trainings with other values of some options, and one table. The command is in :mod:`vireid.commands.sweep.command`."""
