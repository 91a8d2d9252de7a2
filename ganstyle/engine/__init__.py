"""Training: the loop, its state on disk, and what is made of trained networks."""
