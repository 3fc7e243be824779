"""The jobs: what is asked, of whom, and what the target is."""
