"""Events on their way from the outbox to whoever waits for them."""
