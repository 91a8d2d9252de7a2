"""Styles: made from pictures, kept in files, blended, and applied to pictures of any size."""
