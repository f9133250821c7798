"""Watchkeeper: keeps watch over machine-learning models after deployment."""
