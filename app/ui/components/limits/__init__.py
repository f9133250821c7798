"""The page of limits: those that hold, and another one tried on the past before it is set."""
