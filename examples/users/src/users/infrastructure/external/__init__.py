"""Services outside: mail."""
