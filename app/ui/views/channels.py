"""The channels that alerts go to: how they stand, a test of each, their settings, and the routes to them."""

from __future__ import annotations

from app.ui.components.channels import page

page.show()
