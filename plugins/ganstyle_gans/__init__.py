"""Built-in gans components."""
