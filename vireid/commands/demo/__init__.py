"""The demonstration. The command is in :mod:`vireid.commands.demo.command`."""
