"""A study: searches against baselines and random networks at one budget. The command is in :mod:`vireid.commands.study.command`."""
