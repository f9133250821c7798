"""The page of the scorecard."""
