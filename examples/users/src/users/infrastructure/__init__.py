"""The adapters: how the ports of the application are filled."""
