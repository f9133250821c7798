"""Every alert, the worst first."""

from __future__ import annotations

from app.ui.components import alert_list

alert_list.show()
