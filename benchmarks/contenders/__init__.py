"""Who takes part: this library and its rivals, each doing one job in a process of its own."""
