"""Predictions to be labelled: one by one or as a table, and what was decided."""

from __future__ import annotations

from app.ui.components.review import page

page.show()
