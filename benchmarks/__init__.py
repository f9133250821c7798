"""What we claim, measured side by side with what a user would take instead. `make bench` runs all of it."""
