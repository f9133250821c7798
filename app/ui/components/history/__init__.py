"""What happened to a model, as lanes on one time axis and as a list."""
