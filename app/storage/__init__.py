"""The database: tables, engine and small query modules that return core values."""
