"""The page of channels: who is told, whether it arrives, and the routes that lead there."""
