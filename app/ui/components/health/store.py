"""What the database takes of room, and how long things are kept."""

from __future__ import annotations

import streamlit as st

from app.services.read_models.upkeep import Store
from app.storage.sizes import DatabaseSize, TableSize
from app.ui import data
from app.ui.components import wording
from app.ui.components.html import Html, element, join, table, title

MOST_TABLES = 12


def show() -> None:
    """Size by table, schema, and how long things are kept."""
    found = data.health.store()
    st.html(join(element("p", headline(found), class_="wk-lead"), element("p", _facts(found), class_="wk-facts")))
    kept = table(("What", "For how long"), data.health.retention())
    st.html(join(title("Largest tables", _note(found.size)), element("div", _tables(found.size), class_="wk-upkeep")))
    st.html(join(title("What is kept, and for how long"), element("div", kept, class_="wk-upkeep")))


def headline(found: Store) -> str:
    """The size, and whether the schema fits."""
    fits = (
        "the schema is the one that this program needs" if found.schema == found.needed else "another schema is needed"
    )
    return f"The database takes {size(found.size.size_bytes)}; {fits}."


def _facts(found: Store) -> str:
    free = f" {size(found.size.free_bytes)} of it are free for new rows." if found.size.free_bytes else ""
    return f"{data.health.database_words()}; schema {found.schema}, program {data.health.PROGRAM}.{free}"


def _note(found: DatabaseSize) -> str:
    if found.dialect == "sqlite":
        return (
            "By the number of the last row of each, which is no count: deleted rows are in it. SQLite keeps no sizes."
        )
    return "With their indexes. Rows as the database last estimated them."


def _tables(found: DatabaseSize) -> Html:
    shown = [one for one in found.tables if one.size_bytes or one.rows]
    if not shown:
        return element("p", "All tables are empty.", class_="wk-quiet")
    sized = found.dialect != "sqlite"
    rows = [_row(one, sized=sized) for one in shown]
    head = ("Table", *(("Size",) if sized else ()), "Rows, about" if sized else "Last row")
    numbers = {1, 2} if sized else {1}
    rest = rows[MOST_TABLES:]
    folded = element(
        "details",
        element("summary", f"{wording.plural(len(rest), 'more table')}"),
        table(head, rest, numbers=numbers),
        class_="wk-fold",
    )
    return join(table(head, rows[:MOST_TABLES], numbers=numbers), folded if rest else None)


def _row(one: TableSize, *, sized: bool) -> list[str]:
    rows = "not known" if one.rows is None else wording.count(one.rows)
    return [one.name.replace("_", " "), *([size(one.size_bytes or 0)] if sized else []), rows]


def size(number: float) -> str:
    """Bytes in their largest unit."""
    for unit in ("bytes", "KiB", "MiB"):
        if number < 1024:
            return f"{number:.3g} {unit}" if unit != "bytes" else f"{number:.0f} bytes"
        number /= 1024
    return f"{number:.3g} GiB"
