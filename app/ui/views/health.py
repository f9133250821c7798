"""This installation itself: its health, its jobs, what waits, its keys and its settings."""

from __future__ import annotations

from app.ui.components.health import page

page.show()
