"""Alembic migrations. Versions import neither app nor collectors: a released one never changes its meaning."""
