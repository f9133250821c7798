"""What to do about an alert of a check."""

from __future__ import annotations

from app.ui.components.alert import runbook

runbook.show()
