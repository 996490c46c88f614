"""Real programs of others that meshio is held against, each started on free ports and ended with its fixture."""
