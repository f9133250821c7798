"""One feature: how it moved, when, and whether the model does worse for it."""

from __future__ import annotations

from app.ui.components.feature import page

page.show()
