"""The versions of a model: which is live, which were, and going back."""

from __future__ import annotations

from app.ui.components.versions import page

page.show()
