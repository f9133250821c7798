"""Colours of the dashboard, light and dark: breach is orange, healthy is blue; colour-blind eyes tell them apart."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import streamlit as st


@dataclass(frozen=True, slots=True)
class Palette:
    """One theme's colours, as CSS hexadecimal."""

    background: str
    surface: str
    text: str
    muted: str
    border: str
    accent: str
    breach: str
    breach_surface: str
    ok: str
    unknown: str
    band: str
    reference: str
    scale: tuple[str, str, str, str]
    """Of the heat map: far from the limit, near it, just beyond it, far beyond it."""


LIGHT = Palette(
    background="#fcfbf8",
    surface="#f4f2ec",
    text="#22303a",
    muted="#5c6a75",
    border="#e2ded4",
    accent="#1d6a78",
    breach="#b5401a",
    breach_surface="#fbeee8",
    ok="#23669f",
    unknown="#5f6872",
    band="#d9e7ea",
    reference="#b9b3a4",
    scale=("#eef1ee", "#cfdde0", "#f0a783", "#a83410"),
)
DARK = Palette(
    background="#12181d",
    surface="#1a2229",
    text="#e5e9ec",
    muted="#9ba8b3",
    border="#2c3740",
    accent="#6bb9c4",
    breach="#ff9166",
    breach_surface="#35211a",
    ok="#74b6ee",
    unknown="#97a2ad",
    band="#22404a",
    reference="#5d6670",
    scale=("#1c252c", "#2c4450", "#b8603c", "#ffb38f"),
)

RADIUS = "0.6rem"


def current() -> Palette:
    """The palette of the theme that this browser shows."""
    return DARK if st.context.theme.type == "dark" else LIGHT


def options() -> Mapping[str, Any]:
    """Both themes as Streamlit options."""
    shared = {"theme.baseRadius": RADIUS, "theme.paddingTop": "1.5rem", "theme.paddingBottom": "4rem"}
    return {**shared, **_options("light", LIGHT), **_options("dark", DARK)}


def _options(name: str, palette: Palette) -> dict[str, Any]:
    colours = {
        "primaryColor": palette.accent,
        "backgroundColor": palette.background,
        "secondaryBackgroundColor": palette.surface,
        "textColor": palette.text,
        "linkColor": palette.accent,
        "borderColor": palette.border,
        "chartCategoricalColors": [palette.accent, palette.breach, palette.ok, palette.unknown],
    }
    return {f"theme.{name}.{key}": value for key, value in colours.items()}


def css_variables() -> str:
    """Both palettes as custom properties of the page, `--wk-<name>`: the browser takes those of the theme it shows."""
    light, dark = asdict(LIGHT), asdict(DARK)
    plain = [name for name, value in light.items() if isinstance(value, str)]
    both = (f"--wk-{name.replace('_', '-')}:light-dark({light[name]},{dark[name]});" for name in plain)
    return ":root{" + "".join(both) + "}"
