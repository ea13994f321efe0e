"""What may befall a run: kills, stops, full disks and more. ``python -m tests.faults`` tries all of it on the real commands."""
