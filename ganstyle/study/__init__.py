"""What people think: a page that asks which of two pictures is better, the votes, and what can be said from them."""
