"""Commands: what changes something. A message and its handler stand in one file."""
