"""Reports on demand, as Evidently draws them."""

from __future__ import annotations

from app.ui.components import report_page

report_page.show()
