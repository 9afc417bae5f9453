"""The rules of the domain, as the errors that break them."""
