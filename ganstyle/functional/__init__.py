"""Pure functions of tensors: losses, penalties, distances, pictures."""
