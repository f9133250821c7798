"""One form for every kind of channel, drawn from the fields that the kind declares."""

from __future__ import annotations

from collections.abc import Mapping

import streamlit as st

from app.services.channels import DASHBOARD_PREFIX
from app.ui import data

_REFERENCE = f"{DASHBOARD_PREFIX}NAME"


def fields(kind: str, config: Mapping[str, object], key: str) -> dict[str, str]:
    """A text for each field, as it is or empty; a secret is the reference to it, never itself.

    `key` tells the form apart from the others of the page.
    """
    return {
        one.name: st.text_input(
            f"{one.name}{'' if one.default is not None else ' (needed)'}",
            value=str(config.get(one.name) or ""),
            help=_help(one),
            placeholder=_REFERENCE if one.secret else one.default or "",
            key=f"{key} {kind} {one.name} {sorted(config.items())}",
        ).strip()
        for one in data.channels.fields(kind)
    }


def _help(field: data.channels.Field) -> str:
    said = f"{field.help[:1].upper()}{field.help[1:]}."
    secret = (
        f" A secret: say where it stands, {_REFERENCE}. It is read when a message is sent, and never stored. Any other "
        "reference is given by `watchkeeper channel`; here it stays while what says where it is sent does not change."
    )
    return said + (secret if field.secret else "")
