"""Which version of a model to serve: asked for in the background, known at once."""

import threading
import time
import weakref
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Self
from urllib.parse import quote

import httpx
import msgspec

from collectors.client.complaints import Complaints
from collectors.client.delivery import RetryDelay, full_jitter
from collectors.client.endpoint import THREAD_NAME
from collectors.client.environment import after_fork, find_endpoint

_LEAST_PAUSE = 1.0
"""Seconds between two questions whose answer is no news: whatever answers at once does not make the thread spin."""

_OK, _NOT_MODIFIED, _CONFLICT = 200, 304, 409

Answer = Callable[[str, list[dict[str, Any]]], Iterable[Mapping[str, object]]]
"""What a version says of requests: its name and their features in, one mapping for each of them out."""


class _Drill(msgspec.Struct):
    """A trial of going back to a version."""

    id: int
    version: str


class _Live(msgspec.Struct):
    """The part of the answer that matters here."""

    version: str | None
    drill: _Drill | None = None


class _Row(msgspec.Struct):
    """A request that the version answered once."""

    id: str
    features: dict[str, Any]


class _Task(msgspec.Struct):
    """What a drill asks for."""

    rows: list[_Row]


class LiveVersion:
    """Knows the name of a model's live version, and learns of a change within about a second.

    Make one per process and model, after the client's manner: it waits for changes in a background thread, never raises
    for the collector's faults, keeps the last known name while the collector is away, and works after a fork.

        live = LiveVersion("fraud", initial="3", on_change=load)
        model = models[live.version]
    """

    def __init__(
        self,
        model: str,
        url: str | None = None,
        key: str | None = None,
        *,
        initial: str | None = None,
        on_change: Callable[[str], object] | None = None,
        on_drill: Answer | None = None,
        wait: int = 30,
        request_timeout: float = 10.0,
        retry_delay: RetryDelay = full_jitter,
    ) -> None:
        """Begin to ask.

        initial          what `version` is until the collector has said it
        on_change        called in the background thread with each new name; what it raises is told to the log
        on_drill         called there in a drill with a version's name and logged features, to load that version beside
                         the live one; returns for each of them {"score": ...}, {"prediction": ...} or both
        wait             seconds for which the collector may keep a question, from 1 to 60
        request_timeout  seconds for connecting, and for the answer beyond `wait`
        retry_delay      seconds to wait after so many failed attempts, the first being 1
        url and key are those of `Client`. Raises ValueError for a setting that could not work.
        """
        if not 1 <= wait <= 60:
            raise ValueError(f"wait: {wait!r}; allowed are 1 to 60 seconds")
        if not request_timeout > 0:
            raise ValueError(f"request_timeout: {request_timeout!r}; allowed is a number above 0")
        self._endpoint = find_endpoint(url, key, request_timeout)
        self._path = f"/v1/models/{quote(model, safe='')}/live"
        self._timeout = httpx.Timeout(request_timeout, read=wait + request_timeout)
        self._wait, self._on_change, self._on_drill, self._retry_delay = wait, on_change, on_drill, retry_delay
        self._version, self._etag, self._drilled = initial, "", 0
        self._closed = False
        self._start_afresh()
        after_fork(weakref.WeakMethod(self._start_afresh))
        self._ensure_running()

    @property
    def version(self) -> str | None:
        """The live version as it was last known; `initial` before that. Returns at once."""
        self._ensure_running()
        return self._version

    @property
    def last_error(self) -> str:
        """The newest thing that went wrong, even if a later attempt mended it; empty if nothing did."""
        return self._complaints.last

    def ready(self, timeout: float = 5.0) -> bool:
        """Wait until the collector has said which version is live; False when it has not within timeout seconds."""
        self._ensure_running()
        return self._known.wait(timeout)

    def close(self) -> None:
        """Ask no more. `version` stays what it is."""
        self._closed = True
        self._stopped.set()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"LiveVersion({self._path!r}, {self._endpoint.url!r})"

    def _start_afresh(self) -> None:
        """New locks and no thread, also in the copy that a fork makes; what is known stays known."""
        self._complaints = Complaints(self._endpoint.key)
        self._starting = threading.Lock()
        self._known, self._stopped = threading.Event(), threading.Event()
        self._thread: threading.Thread | None = None
        if self._etag:
            self._known.set()
        if self._closed:
            self._stopped.set()

    def _ensure_running(self) -> None:
        if self._closed or (self._thread is not None and self._thread.is_alive()):
            return
        with self._starting:
            if self._thread is not None and self._thread.is_alive():
                return
            thread = threading.Thread(target=self._run, args=(self._stopped,), name=THREAD_NAME, daemon=True)
            try:
                thread.start()
            except RuntimeError as error:  # no more threads allowed, or the interpreter is going down
                self._complaints.say("thread", f"the asking thread cannot start: {error}")
                return
            self._thread = thread

    def _run(self, stopped: threading.Event) -> None:
        failures = 0
        with self._endpoint.connect() as http:
            while not stopped.is_set():
                asked = time.monotonic()
                trouble = self._ask(http)
                failures = failures + 1 if trouble else 0
                if trouble:
                    self._complaints.say(trouble, f"{trouble}; the version stays {self._version}")
                pause = self._retry_delay(failures) if trouble else _LEAST_PAUSE - (time.monotonic() - asked)
                stopped.wait(max(0.0, pause))

    def _ask(self, http: httpx.Client) -> str:
        """Ask once; what went wrong, or empty."""
        headers = {"If-None-Match": self._etag} if self._etag else {}
        try:
            answer = http.get(self._path, params={"wait": self._wait}, headers=headers, timeout=self._timeout)
        except httpx.RequestError as error:
            return f"no answer from {self._endpoint.url}: {type(error).__name__}"
        if answer.status_code == _NOT_MODIFIED:
            return ""
        if answer.status_code != _OK:
            return f"the collector answered {answer.status_code} to {self._path}"
        try:
            live = msgspec.json.decode(answer.content, type=_Live)
        except msgspec.MsgspecError:
            return f"{self._endpoint.url} answered without a live version; is this the collector's address?"
        self._learn(live, answer.headers.get("etag", ""))
        if live.drill is not None and self._on_drill is not None and live.drill.id != self._drilled:
            self._drilled = live.drill.id
            self._take_part(http, live.drill, self._on_drill)
        return ""

    def _learn(self, live: _Live, etag: str) -> None:
        """Take what was said. Where no version is live, the last known one is still the best to serve."""
        if live.version is None:
            self._complaints.say("none", f"the collector says that no version is live; it stays {self._version}")
        elif live.version != self._version:
            self._version = live.version
            self._tell(live.version)
        self._etag = etag
        self._known.set()

    def _take_part(self, http: httpx.Client, drill: _Drill, answer: Answer) -> None:
        """Fetch the rows, have the version answer them, and send that; of several processes the first one counts."""
        path = f"/v1/drills/{drill.id}"
        try:
            task = http.get(path)
            if task.status_code != _OK:
                return  # over already
            rows = msgspec.json.decode(task.content, type=_Task).rows
            said = answer(drill.version, [row.features for row in rows])
            answers = [{**one, "id": row.id} for row, one in zip(rows, said, strict=True)]
            body = msgspec.json.encode({"version": drill.version, "answers": answers})
            ended = http.post(path, content=body, headers={"Content-Type": "application/json"})
        except Exception as error:  # noqa: BLE001  the network's or the host's fault, in our thread: it must not end it
            trouble = f"{type(error).__name__}: {error}"
            self._complaints.say("drill", f"drill {drill.id} of version {drill.version}: {trouble}")
            return
        if ended.status_code not in (_OK, _CONFLICT):
            self._complaints.say("drill", f"drill {drill.id}: the collector answered {ended.status_code}")

    def _tell(self, version: str) -> None:
        if self._on_change is None:
            return
        try:
            self._on_change(version)
        except Exception as error:  # noqa: BLE001  the host's fault, in our thread: it must not end it
            self._complaints.say("on_change", f"on_change({version!r}) raised {type(error).__name__}: {error}")
