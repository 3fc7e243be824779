"""The soak test: hours of work with faults, cancellations and kills, and a check of all that is left."""
