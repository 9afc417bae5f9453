"""Connections, transactions and the errors of drivers."""
