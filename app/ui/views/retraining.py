"""Requests for retraining: what waits for somebody, and what became of the others."""

from __future__ import annotations

from app.ui.components.retraining import page

page.show()
