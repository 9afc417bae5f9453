"""Between entities and rows."""
