"""How long a person waits for a page: seconds in a headless Chromium until what was asked for stands.

A page stands once its script has ended, nothing on it is left from before or still a placeholder, and every chart has
drawn its axes. That is looked at in every animation frame, so a figure is exact to a sixtieth of a second.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from playwright.sync_api import Browser, Page, sync_playwright

PATIENCE_MS = 120_000

STREAMLIT_STANDS = """() => {
    const app = document.querySelector('[data-testid=stApp]');
    if (!app || app.dataset.testScriptState !== 'notRunning') return false;
    const unfinished = '[data-stale=true], [data-testid=stSkeleton], [data-testid=stAppSkeleton]';
    if (document.querySelector(unfinished)) return false;
    const main = document.querySelector('[data-testid=stMain]');
    if (!main || !main.innerText.trim() && !main.querySelector('[data-testid=stPlotlyChart]')) return false;
    return [...document.querySelectorAll('[data-testid=stPlotlyChart]')].every(one => one.querySelector('.main-svg'));
}"""
"""What is true of a Streamlit page that stands."""


def charts_stand(charts: int) -> str:
    """What is true of a page of Evidently's UI with so many charts drawn, beside its logo."""
    return f"""() => {{
        const wide = one => one.getBoundingClientRect().width > 100;
        return [...document.querySelectorAll('svg, canvas')].filter(wide).length > {charts}
            && !document.querySelector('.MuiSkeleton-root, [role=progressbar]');
    }}"""


# A page says in an attribute that its script runs, but a quick run has ended before that is ever drawn. So the ends of
# runs are counted: of Streamlit's ForwardMsg (protobuf) that is the field 6, which such a message ends with, and its
# value 0 means that the run went to its end.
_COUNT_RUNS = """() => {
    window.__runs = 0;
    window.WebSocket = class extends WebSocket {
        constructor(...given) {
            super(...given);
            this.addEventListener('message', ({ data }) => {
                if (!(data instanceof ArrayBuffer) || data.byteLength > 200) return;
                const [field, value] = new Uint8Array(data).slice(-2);
                if (field === 6 << 3 && value === 0) window.__runs += 1;
            });
        }
    };
}"""

# Armed before the click: a page that has not noticed it yet still stands.
_ARM = """([stands, patience]) => {
    window.__stands = new Promise((resolve, reject) => {
        const test = eval(stands), armed = performance.now(), before = window.__runs;
        let began = null;
        const start = () => { began ??= performance.now(); };
        const once = { capture: true, once: true };
        for (const kind of ['pointerdown', 'keydown']) window.addEventListener(kind, start, once);
        const look = () => {
            const ran = began !== null && window.__runs > before;
            if (ran && test()) resolve((performance.now() - began) / 1000);
            else if (performance.now() - armed > patience)
                reject(new Error(ran ? 'the page ran and does not stand' : 'the page did not run'));
            else requestAnimationFrame(look);
        };
        look();
    });
}"""


@contextmanager
def browser() -> Iterator[Browser]:
    """A headless Chromium: the machine's own, else Playwright's. Raises its Error where there is none."""
    found = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    with sync_playwright() as playwright:
        arguments = ["--no-sandbox"] if os.geteuid() == 0 else []
        started = playwright.chromium.launch(executable_path=found, args=arguments)
        yield started
        started.close()


@contextmanager
def visitor(started: Browser) -> Iterator[Page]:
    """A page of somebody who was never here: no cache, no cookies."""
    context = started.new_context(viewport={"width": 1440, "height": 1000}, reduced_motion="reduce")
    context.set_default_timeout(PATIENCE_MS)
    context.add_init_script(f"({_COUNT_RUNS})()")
    yield context.new_page()
    context.close()


def first_paint(address: str, stands: str = STREAMLIT_STANDS) -> float:
    """Seconds from asking for the address in a browser that was just started until the page stands."""
    with browser() as started, visitor(started) as page:
        return open_page(page, address, stands)


def open_page(page: Page, address: str, stands: str = STREAMLIT_STANDS) -> float:
    """Seconds until the page of that address stands, by the browser's own clock."""
    page.goto(address, wait_until="commit")
    page.wait_for_function(stands, polling="raf", timeout=PATIENCE_MS)
    return float(page.evaluate("performance.now()")) / 1000


def after(page: Page, act: Callable[[], object]) -> float:
    """Seconds from the press that `act` makes until the page stands again, on a Streamlit page that stands.

    Raises Playwright's Error where it does not, or where nothing ran.
    """
    page.evaluate(_ARM, [STREAMLIT_STANDS, PATIENCE_MS])
    act()
    return float(page.evaluate("window.__stands"))
