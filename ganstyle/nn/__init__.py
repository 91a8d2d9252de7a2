"""Modules and blocks that architectures share."""
