"""The page of single predictions: looking for them, and looking at one."""
