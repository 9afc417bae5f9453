"""What stands beside the handlers: the service that callers see, and what follows from events."""
