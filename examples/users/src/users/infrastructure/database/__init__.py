"""Users in a SQL database."""
