"""Single predictions: found by what is known of them, and one in full."""

from __future__ import annotations

from app.ui.components.explorer import page

page.show()
