"""One model: what is wrong, since when, why, what was done and what to do."""

from __future__ import annotations

from app.ui.components import model_page

model_page.show()
