"""API keys: made here and shown once, and taken out of use."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import streamlit as st

from app.core.errors import WatchkeeperError
from app.services.key_uses import WRITTEN_EVERY, last_use
from app.services.keys import MAX_AGE_SECONDS, NAME_LENGTH, Scope
from app.storage.api_keys import ApiKey
from app.ui import data
from app.ui.components import wording
from app.ui.components.html import Html, code_text, element, join, markdown_text, table, title

_GOOD_FOR = {
    Scope.INGEST: "send predictions and corrections",
    Scope.TRAIN: "fetch training sets, register versions, report on retraining",
    Scope.ADMIN: "everything",
}
_SAID, _CHOSEN = "keys_said", "key_to_revoke"
_NEW, _MADE = "key_that_was_made", "keys_made"


def show() -> None:
    """The keys, with the ways to make one and to revoke one."""
    if said := st.session_state.pop(_SAID, ""):
        st.html(element("p", said, class_="wk-lead", role="status"))
    with st.container(horizontal=True, key="key-actions"):
        # One that was made closes the form by its new name: it would lie over the secret, which is shown once.
        with st.popover(
            "Make a key", type="primary", icon=":material/key:", key=f"make key {st.session_state.get(_MADE, 0)}"
        ):
            _make()
        good = [key for key in data.keys.known() if key.revoked_at is None]
        with st.popover("Revoke a key", disabled=not good):
            _revoke(good)
    if made := st.session_state.pop(_NEW, ""):
        st.html(element("p", "The new key. It is shown this once; your next click takes it away.", class_="wk-lead"))
        st.code(made, language=None)
        st.html(element("p", code_text("Send it as `Authorization: Bearer KEY`."), class_="wk-facts"))
    st.html(join(title("Keys", _asked_for()), _table(data.keys.known())))


def _asked_for() -> str:
    if data.connection.settings().asks_for_keys:
        return (
            "The collector takes requests with a good key only. Of each it writes the last use down every "
            f"{WRITTEN_EVERY // timedelta(minutes=1)} minutes."
        )
    return (
        "None is asked for while the collector listens on this machine alone (WATCHKEEPER_REQUIRE_KEYS), and then no "
        "use of one is written down."
    )


def _make() -> None:
    """The form; the page shows the secret of what it made when it is drawn next."""
    with st.form("make-key", border=False, clear_on_submit=True):
        name = st.text_input("Who uses it", placeholder="payments-service", max_chars=NAME_LENGTH)
        scope = st.selectbox("Good for", [one.value for one in Scope], format_func=_good_for)
        if not st.form_submit_button("Make it"):
            return
    try:
        st.session_state[_NEW] = data.keys.create(name.strip(), scope).secret
    except WatchkeeperError as error:
        st.error(markdown_text(str(error)))
        return
    st.session_state[_MADE] = st.session_state.get(_MADE, 0) + 1
    st.rerun()


def _good_for(scope: str) -> str:
    return f"{scope}: {_GOOD_FOR[Scope(scope)]}"


def _revoke(good: list[ApiKey]) -> None:
    known = {key.id: key for key in good}
    # Ids, not places: the list may have changed between the tick and the press.
    chosen = st.selectbox(
        "Key", list(known), index=None, placeholder="Which", format_func=lambda one: _named(known[one]), key=_CHOSEN
    )
    chosen = chosen if chosen in known else None
    with st.form("revoke-key", border=False):
        what = "The key" if chosen is None else _named(known[chosen])
        said = f"I am sure: {what} is refused from then on, and it cannot be taken back."
        sure = st.checkbox(markdown_text(said), key=f"{_CHOSEN}:{chosen}", disabled=chosen is None)
        if not st.form_submit_button("Revoke it"):
            return
        if chosen is None:
            st.error("Nothing is changed: choose a key.")
        elif not sure:
            st.error("Nothing is changed: say that you are sure.")
        else:
            _do(known[chosen])


def _named(key: ApiKey) -> str:
    return f"No. {key.id}, {key.name} ({key.scope}, {key.hint}…)"


def _do(key: ApiKey) -> None:
    try:
        data.keys.revoke(key.id)
    except WatchkeeperError as error:
        st.error(markdown_text(str(error)))
        return
    st.session_state[_SAID] = (
        f"Key {key.id} ({key.name}) is revoked; collectors refuse it within {MAX_AGE_SECONDS:g} seconds."
    )
    st.rerun()


def _table(keys: list[ApiKey]) -> Html:
    if not keys:
        return element("p", "There is no key yet.", class_="wk-quiet")
    now = datetime.now(UTC)
    rows = [
        (
            element(
                "span", f"○ revoked {wording.day(key.revoked_at)}" if key.revoked_at else "● good", class_="wk-fixed"
            ),
            str(key.id),
            key.name,
            key.scope,
            f"{key.hint}…",
            wording.moment(key.created_at),
            last_use(key, now),
        )
        for key in reversed(keys)
    ]
    return table(("Stands", "No.", "Who uses it", "Good for", "Begins with", "Made", "Used last"), rows)
