"""Built-in metrics components."""
