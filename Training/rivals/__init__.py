"""Architectures that might have shipped, to be trained side by side with the one that does."""
