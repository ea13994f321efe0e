"""How a task is evaluated: retrieval of people, or the accuracy of classes."""
