"""What is looked for as a file."""

from __future__ import annotations

import tempfile
from pathlib import Path

import streamlit as st

from app.core.errors import WatchkeeperError
from app.services.explorer import Search
from app.services.prediction_files import MOST_BYTES, MOST_ROWS, file_name
from app.services.training_files import Format
from app.ui import data
from app.ui.components import wording
from app.ui.components.html import element

_MEDIA = {Format.CSV: "text/csv", Format.PARQUET: "application/vnd.apache.parquet"}
_READY = "explorer file"
_Ready = tuple[tuple[Search, Format], bytes, str]


def show(search: Search) -> None:
    """A button that writes the file, and then one that hands it over."""
    ready: _Ready | None = st.session_state.get(_READY)
    if ready and ready[0][0] != search:
        del st.session_state[_READY]  # it is large, and is offered no more
    with st.popover("Download", icon=":material/download:"):
        st.html(
            element(
                "p",
                f"All that fits the filters, the newest {wording.count(MOST_ROWS)} rows and about "
                f"{MOST_BYTES // 1_000_000} MB at most. In CSV, texts that a spreadsheet would take "
                "for formulas get an apostrophe in front.",
                class_="wk-explorer-note",
            )
        )
        format_ = Format(st.segmented_control("Format", [one.value for one in Format], default="csv", required=True))
        if st.button("Write the file"):
            st.session_state.pop(_READY, None)
            _write(search, format_)
        ready = st.session_state.get(_READY)
        if ready and ready[0] == (search, format_):
            _, content, words = ready
            st.html(element("p", words, role="status"))
            name = file_name(search, format_)
            st.download_button("Save the file", content, name, _MEDIA[format_], on_click="ignore", type="primary")


def _write(search: Search, format_: Format) -> None:
    place = st.empty()
    with place.container():
        bar = st.progress(0.0, "Writing…")
        st.button("Cancel", key="cancel the file")  # any press ends this run at its next step, and the file with it

    def report(rows: int) -> None:
        bar.progress(min(rows / MOST_ROWS, 1.0), f"{wording.count(rows)} rows")

    with tempfile.TemporaryDirectory(prefix="watchkeeper-") as folder:
        path = Path(folder) / "rows"
        try:
            written = data.explorer.write_file(search, path, format_, report)
        except WatchkeeperError as error:
            place.empty()
            st.html(element("p", f"No file: {error}", class_="wk-explorer-problem", role="alert"))
            return
        content = path.read_bytes()
    place.empty()
    rest = "" if written.complete else "; there are more than those"
    st.session_state[_READY] = ((search, format_), content, f"{wording.plural(written.rows, 'row')}{rest}.")
