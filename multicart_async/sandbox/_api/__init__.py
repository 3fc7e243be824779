"""What the service does, one module per noun."""
