"""Whole requests, end to end: meshio, the clients it serves, and the sidecars it replaces. See `__main__`."""
