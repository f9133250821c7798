"""Markup from Python, where every text is escaped unless it was made here."""

from __future__ import annotations

from html import escape

_VOID = frozenset({"img", "meta"})


class Html(str):
    """Markup that was made by `element`; any other text is escaped when it becomes part of one."""

    __slots__ = ()


def element(tag: str, *children: str | None, **attributes: str | float | None) -> Html:
    """An element with its children; None is left out. `class_` is the class, `aria_label` becomes `aria-label`."""
    named = {name.rstrip("_").replace("_", "-"): value for name, value in attributes.items() if value is not None}
    text = "".join(f' {name}="{escape(str(value), quote=True)}"' for name, value in named.items())
    return Html(f"<{tag}{text}>" if tag in _VOID else f"<{tag}{text}>{join(*children)}</{tag}>")


def join(*children: str | None) -> Html:
    """Children one after the other."""
    return Html("".join(child if isinstance(child, Html) else escape(child) for child in children if child is not None))
