"""How well models are watched: the ML Test Score, test by test, with its evidence."""

from __future__ import annotations

from app.ui.components.scorecard import page

page.show()
