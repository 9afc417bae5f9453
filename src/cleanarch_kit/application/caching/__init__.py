"""What stands behind `Cache` and `cached`: keys, policies, flights, faults."""
