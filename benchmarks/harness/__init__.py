"""What every benchmark needs: a service, contenders in turn, ratios, tables."""
