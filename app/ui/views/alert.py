"""One alert: what, since when, how bad, why, what changed around then, what to do, who has it, who was told."""

from __future__ import annotations

from app.ui.components import alert_page

alert_page.show()
