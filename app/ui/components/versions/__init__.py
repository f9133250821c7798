"""The page of versions."""
