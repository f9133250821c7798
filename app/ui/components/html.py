"""HTML of pages: what `app.core.markup` makes, and what many pages have in common."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence

from app.core.markup import Html, element, join

__all__ = ["Html", "code_text", "element", "join", "markdown_text", "table", "title"]


def code_text(text: str) -> Html:
    """A text in which `commands in backticks` stand as code."""
    parts = text.split("`")
    if len(parts) % 2 == 0:  # an odd tick means no code
        return join(text)
    return join(*(element("code", part, class_="wk-code") if i % 2 else part for i, part in enumerate(parts)))


def title(text: str, note: str = "") -> Html:
    """The title of a section, with a line below it where there is more to say."""
    return join(element("h2", text, class_="wk-section"), element("p", note, class_="wk-question") if note else None)


def table(head: Sequence[str], rows: Iterable[Sequence[str]], *, numbers: Collection[int] = ()) -> Html:
    """A table that scrolls sideways where there is no room; the columns of `numbers` are aligned to the right."""

    def classes(column: int) -> str | None:
        return "wk-number" if column in numbers else None

    heads = [element("th", text, scope="col", class_=classes(i)) for i, text in enumerate(head)]
    body = [element("tr", *(element("td", text, class_=classes(i)) for i, text in enumerate(row))) for row in rows]
    filled = element("table", element("thead", element("tr", *heads)), element("tbody", *body), class_="wk-table")
    return element("div", filled, class_="wk-scroll", tabindex=0)


def markdown_text(text: str) -> str:
    """A text that Streamlit's Markdown shows as it is: no emphasis, link, emoji, icon, colour or formula."""
    # Emoji and icon names are looked for after Markdown's own escapes are gone, hence the joiner behind a colon.
    return "".join(f"\\{c}" if c in "\\`*_{}[]()<>#+-.!|~$&^=" else ":\u2060" if c == ":" else c for c in text)
