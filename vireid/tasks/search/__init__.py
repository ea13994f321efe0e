"""The search task: steps, schedules, derivation of the answer, course and outcome."""
