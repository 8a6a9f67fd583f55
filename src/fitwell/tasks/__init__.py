"""What an output means: how far it is from the target, and how it becomes a prediction."""
