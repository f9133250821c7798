"""The page where predictions are labelled."""
