"""The path operations, one module per resource."""
