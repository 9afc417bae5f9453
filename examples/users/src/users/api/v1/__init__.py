"""The first version of the interface. A later one stands beside it."""
