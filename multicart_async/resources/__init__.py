"""The groups of the client, one module for each noun of the service. The package itself exports nothing."""

__all__: list[str] = []
