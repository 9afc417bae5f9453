"""What happened to a user."""
