"""The channels, what needs a hand first; then a form for another one, and the routes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import streamlit as st

from app.core.delivery import Off
from app.services.channels import LONGEST_REASON, ChannelStatus, Revival, Switched
from app.ui import data
from app.ui.components import author, empty, wording
from app.ui.components.channels import form, routes, trial
from app.ui.components.html import Html, element, join

_SAID = "what became of a channel"
_OFF = (
    "Nothing is sent to it until somebody switches it on. What waits for it is taken back; what only it would hear of "
    "goes to the next route that fits, else to every channel that is on."
)
_ON = "It hears of what is told from now on; what fires still is told with its next repetition"


def show() -> None:
    """How each channel stands, and what can be done about it."""
    found, rules = data.channels.channels(), data.channels.routes()
    st.html(join(element("h1", "Channels", class_="wk-title"), element("p", _lead(found, rules), class_="wk-lead")))
    if _SAID in st.session_state:
        st.success(st.session_state.pop(_SAID))
    if not found:
        empty.no_channels()
    if _all_off(found):
        st.error("Nobody is told of alerts: every channel is off. Switch one on.")
    for channel in sorted(found, key=_pressing):
        _card(channel, rules)
    with st.expander("New channel", expanded=not found):
        _new()
    routes.section(rules)


def _all_off(found: Sequence[ChannelStatus]) -> bool:
    return bool(found) and all(one.off for one in found)


def _pressing(channel: ChannelStatus) -> tuple[bool, bool, bool, str]:
    """What needs a hand first."""
    return (not channel.backlog.dead, channel.off is None, not channel.backlog.pending, channel.name)


def _lead(found: Sequence[ChannelStatus], rules: Sequence[Mapping[str, Any]]) -> str:
    if not found:
        return "Nobody is told of alerts: there is no channel."
    off = sum(one.off is not None for one in found)
    dead, missing = sum(one.backlog.dead for one in found), sum(bool(rule["missing"]) for rule in rules)
    said = [
        f"{wording.plural(len(found), 'channel')}",
        f"{off} off" if off else "",
        f"{wording.plural(dead, 'message')} given up" if dead else "nothing was given up",
        f"{wording.plural(missing, 'route')} to a channel that is not there" if missing else "",
    ]
    return "; ".join(part for part in said if part) + "."


def _card(channel: ChannelStatus, rules: Sequence[Mapping[str, Any]]) -> None:
    name = channel.name
    with st.container(border=True, key=f"card-channel-{name}", gap="small"):
        st.html(
            join(
                element("h2", name, class_="wk-section wk-first"),
                _state(channel),
                element("p", _off(channel.off) if channel.off else _hears(name, rules), class_="wk-what"),
                element("p", _settings(channel), class_="wk-facts"),
                _error(channel),
            )
        )
        with st.container(horizontal=True, key=f"buttons of {name}"):
            tested = st.button("Send a test", key=f"test {name}", help=f"Send a real test message through {name}")
            _switch(channel)
            if (
                channel.backlog.dead
                and not channel.off
                and st.button(f"Send {channel.backlog.dead} given up again", key=f"retry {name}")
            ):
                done = data.channels.retry(name)
                _done(*(("", f"{name}: {done.words}") if isinstance(done, Revival) else (done, "")))
            with st.popover("Change", key=f"change {name}"):
                _change(channel)
            with st.popover("Remove", key=f"remove {name}"):
                _remove(channel, rules)
        trial.section(name, tested=tested)


def _state(channel: ChannelStatus) -> Html:
    backlog = channel.backlog
    if channel.off:
        mark, word, colours = "◌", "Off", "cannot_tell"
    elif backlog.dead:
        mark, word, colours = "◆", "Messages given up", "breach"
    elif backlog.pending and backlog.last_error:
        mark, word, colours = "◌", "Tries again", "cannot_tell"
    elif backlog.last_delivered_at:
        mark, word, colours = "●", "Delivers", "ok"
    else:
        mark, word, colours = "▫", "Nothing sent yet", "no_data"
    last = f"last delivered {wording.moment(backlog.last_delivered_at)}" if backlog.last_delivered_at else ""
    facts = [channel.kind, last, f"{backlog.pending} waiting" if backlog.pending else ""]
    facts += [f"{backlog.dead} given up" if backlog.dead else ""]
    pill = element("span", element("span", mark, aria_hidden="true"), word, class_=f"wk-state wk-state-{colours}")
    return element("div", pill, *(element("span", fact) for fact in facts if fact), class_="wk-statusline")


def _hears(name: str, rules: Sequence[Mapping[str, Any]]) -> str:
    """What reaches the channel, by the routes."""
    mine = [rule for rule in rules if name in (*rule["channels"], *rule["escalate_to"])]
    if not rules:
        return "Hears of every alert."
    if not mine:
        return "No route names it: it hears of what no route takes."
    heard = [routes.takes(rule, name) for rule in mine]
    if not any(rule["takes"] == "everything" for rule in rules):
        heard.append("what no route takes")
    return f"Hears of {'; '.join(heard)}."


def _off(off: Off) -> str:
    """Since when, by whom, and what becomes of messages meanwhile."""
    return f"Nothing is sent: switched {off.words}. What is told meanwhile never arrives here."


def _switch(channel: ChannelStatus) -> None:
    """The way to switch it off, with who and why, or on again."""
    name = channel.name
    if channel.off:
        if st.button("Switch on", key=f"on {name}", type="primary", help=_ON):
            _told(name, "on", data.channels.switch_on(name))
        return
    with st.popover("Switch off", key=f"off {name}"), st.form(f"switch {name} off", border=False):
        st.html(element("p", _OFF))
        who = author.ask()
        why = st.text_input("Why", max_chars=LONGEST_REASON)
        if st.form_submit_button(f"Switch {name} off"):
            _told(name, "off", data.channels.switch_off(name, who, why) if who else "Nothing is done: give your name.")


def _told(name: str, state: str, done: Switched | str) -> None:
    if isinstance(done, str):
        _done(done, "")
        return
    waited = wording.plural(done.taken_back, "message that waited for it was", "messages that waited for it were")
    taken = f" {waited} taken back." if done.taken_back else ""
    _done("", f"{name} is {state}.{taken}")


def _settings(channel: ChannelStatus) -> str:
    given = [f"{field} {value}" for field, value in channel.config.items() if value not in ("", None)]
    return ", ".join(given)


def _error(channel: ChannelStatus) -> Html | None:
    backlog = channel.backlog
    if not backlog.last_error:
        return None
    pressing = backlog.dead or backlog.pending
    return element("p", f"✕ Last error: {backlog.last_error}", class_="wk-failed" if pressing else "wk-facts")


def _new() -> None:
    with st.container(horizontal=True, vertical_alignment="bottom"):
        name = st.text_input("Name", placeholder="ops", width=240, max_chars=100)
        kind = st.selectbox("Kind", data.channels.kinds(), width=240)
    with st.form(f"new channel {kind}", border=False):
        given = form.fields(kind, {}, "new")
        if st.form_submit_button("Add", type="primary"):
            config = {field: text for field, text in given.items() if text}
            said = f"{name} is there. Send a test to see whether it arrives."
            _done(data.channels.add(name.strip(), kind, config), said)


def _change(channel: ChannelStatus) -> None:
    with st.form(f"set {channel.name}", border=False):
        given = form.fields(channel.kind, channel.config, channel.name)
        if st.form_submit_button("Save"):
            empty_ = [field for field, text in given.items() if not text]
            config = {field: text for field, text in given.items() if text}
            said = f"{channel.name} is changed; what waits for it goes the new way."
            _done(data.channels.change(channel.name, config, empty_), said)


def _remove(channel: ChannelStatus, rules: Sequence[Mapping[str, Any]]) -> None:
    waits = wording.plural(channel.backlog.pending, "message")
    st.html(element("p", f"It is told of nothing more, and {waits} that wait for it are dropped."))
    named = [str(rule["position"]) for rule in rules if channel.name in (*rule["channels"], *rule["escalate_to"])]
    if named:
        st.html(element("p", f"Routes that name it: {', '.join(named)}.", class_="wk-failed"))
    if st.button(f"Remove {channel.name}", key=f"remove it {channel.name}"):
        _done(data.channels.remove(channel.name), f"{channel.name} is removed.")


def _done(problem: str, said: str) -> None:
    if problem:
        st.error(problem)
    else:
        st.session_state[_SAID] = said
        st.rerun()
