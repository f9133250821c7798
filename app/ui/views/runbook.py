"""What to do about an alert of a check."""

from __future__ import annotations

from app.ui.components import runbook_page

runbook_page.show()
