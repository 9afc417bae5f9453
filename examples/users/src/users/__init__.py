"""The users service: register, activate, give roles, list and search, over HTTP. A reference to copy from."""
