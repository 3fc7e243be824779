"""Where endpoints live: one module for each noun of the service, none imports another."""
