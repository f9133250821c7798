"""Requests for retraining: what waits for somebody, and what became of the others."""

from __future__ import annotations

from app.ui.components import retraining_page

retraining_page.show()
