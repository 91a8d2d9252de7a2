"""ganstyle: learn, store and apply image styles with GANs. Importing it imports no torch."""

__version__ = "0.1.0"
