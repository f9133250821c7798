"""One model: what is wrong, since when, why, what was done and what to do."""

from __future__ import annotations

from app.ui.components.model import page

page.show()
