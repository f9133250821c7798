"""The report as a page of its own: what it rests on is said at its top, and it can reach nothing."""

from __future__ import annotations

import re
from html import escape

POLICY = (
    "default-src 'none'; script-src 'unsafe-inline' 'unsafe-eval'; style-src 'unsafe-inline'; img-src data: blob:; "
    "font-src data:; worker-src blob:; base-uri 'none'; form-action 'none'"
)
"""Everything that the page needs is in it. Names from outside stand in it too: they cannot call home."""

_STYLE = "font:15px/1.5 system-ui,sans-serif;padding:14px 24px;background:#f2f4f7;color:#1c2733"


def finished(html: str, *, title: str, notes: list[str]) -> str:
    """Evidently's page with our title, our notes at its top, and the policy that keeps it to itself."""
    head = f'<meta http-equiv="Content-Security-Policy" content="{escape(POLICY)}"><title>{escape(title)}</title>'
    said = "".join(f"<div>{escape(note)}</div>" for note in notes)
    banner = f'<div id="watchkeeper" style="{_STYLE}"><strong>{escape(title)}</strong>{said}</div>'
    page, heads = re.subn(r"<head>", lambda found: found[0] + head, html, count=1)
    page, bodies = re.subn(r"<body[^>]*>", lambda found: found[0] + banner, page, count=1)
    if not (heads and bodies):
        raise ValueError("the report has no <head> or no <body>: is this a release of Evidently that we know?")
    return page
