"""What happened to a model."""

from __future__ import annotations

from app.ui.components.history import page

page.show()
