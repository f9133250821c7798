"""Training sets that were made, with their manifests to take along."""

from __future__ import annotations

from shlex import quote

import msgspec
import streamlit as st

from app.core.training_set import Manifest
from app.ui import data
from app.ui.components import choice, scope, wording
from app.ui.components.html import Html, element, join, table, title

MOST = 50
SHORT = 12


def show() -> None:
    """The model's training sets, and one of them in full."""
    model = scope.model()
    if model is None:
        return
    found = data.retraining.training_sets(model)
    if not found:
        st.text("No training set of this model has been made yet. To make one of the predictions that have labels:")
        st.code(
            f"watchkeeper export training-set --model {quote(model)} --since 2026-09-01 --output train.parquet",
            language="bash",
        )
        return
    st.html(join(title("Training sets", _note(found)), _table(found[:MOST])))
    by_hash = {one.content_sha256: one for one in found[:MOST]}
    names = list(by_hash)
    st.html(title("Manifest", "What a set holds, and how to get the very same rows again."))
    chosen = choice.select(
        "set", "Training set", names, names[0], words=lambda name: name[:SHORT], key=f"set of {model}"
    )
    _manifest(by_hash[chosen])


def _note(found: list[Manifest]) -> str:
    return f"The newest {MOST} of {len(found)}." if len(found) > MOST else "Labelled predictions with weights."


def _table(found: list[Manifest]) -> Html:
    rows = [
        (
            element("code", one.content_sha256[:SHORT], title=one.content_sha256),
            wording.moment(one.created_at),
            f"{wording.start_of_window(one.since)} to {wording.start_of_window(one.until)}",
            ", ".join(one.versions),
            wording.count(one.rows),
            ", ".join(f"{name.replace('_', ' ')} {wording.count(rows)}" for name, rows in one.rows_by_source.items()),
        )
        for one in found
    ]
    return table(("Set", "Made", "Events", "Versions", "Rows", "Labels from"), rows, numbers={4})


def _manifest(one: Manifest) -> None:
    left_out = ", ".join(
        f"{name.replace('_', ' ')} {wording.count(rows)}" for name, rows in one.left_out.items() if rows
    )
    facts = (
        ("Rows", f"{wording.count(one.rows)}, which stand for {wording.count(one.weight)} predictions"),
        ("Oldest row", wording.moment(one.oldest_row)),
        ("Newest row", wording.moment(one.newest_row)),
        ("Left out", left_out or "nothing"),
        ("Columns", wording.plural(len(one.columns), "column")),
        ("As of", one.as_of),
        ("Content (SHA-256)", one.content_sha256),
    )
    listed = [element("div", element("dt", name), element("dd", value)) for name, value in facts]
    st.html(element("dl", *listed, class_="wk-record"))
    st.download_button(
        "Download the manifest (JSON)",
        msgspec.json.format(msgspec.json.encode(one)),
        f"training-set-{one.content_sha256[:SHORT]}.json",
        "application/json",
        on_click="ignore",
    )
    version = f" --version {quote(one.version)}" if one.version else ""
    st.text("The very same rows again:")
    st.code(
        f"watchkeeper export training-set --model {quote(one.model)}{version} \\\n"
        f"    --since {one.since.isoformat()} --until {one.until.isoformat()} \\\n"
        f"    --as-of {quote(one.as_of)} --output again.parquet",
        language="bash",
    )
