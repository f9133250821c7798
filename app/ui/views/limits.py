"""The limits of a model: what holds, how it came about, and another one tried on the past before it is set."""

from __future__ import annotations

from app.ui.components.limits import page

page.show()
