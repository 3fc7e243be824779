"""What several tests need: a server that misbehaves on purpose, and groups over a fake transport."""
