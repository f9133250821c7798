"""Every alert, the worst first."""

from __future__ import annotations

from app.ui.components.alert import listing

listing.show()
