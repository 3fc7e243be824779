"""The calls of the service, one module per noun."""
