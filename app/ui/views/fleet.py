"""Every model on one page, the worst first."""

from __future__ import annotations

from app.ui.components.fleet import page

page.show()
