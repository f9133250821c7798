"""The pages of alerts and what to do about them."""
