"""The pure heart: values, profiles, checks and decisions. No I/O, no clock, no environment, no logging."""
