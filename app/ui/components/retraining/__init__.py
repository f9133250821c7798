"""The page of retraining."""
