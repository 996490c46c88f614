"""Generated protobuf classes. `generate.py` makes them; nothing here is edited by hand."""
