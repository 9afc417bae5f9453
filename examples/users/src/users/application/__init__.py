"""What the service does: commands, queries, and the ports through which they reach the world."""
