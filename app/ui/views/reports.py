"""Reports on demand, as Evidently draws them."""

from __future__ import annotations

from app.ui.components.report import page

page.show()
