"""One alert: what, since when, how bad, why, what changed around then, what to do, who has it, who was told."""

from __future__ import annotations

from app.ui.components.alert import page

page.show()
