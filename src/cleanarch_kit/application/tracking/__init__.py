"""What every unit of work shares: identity map, changes, savepoints, the order at the commit."""
