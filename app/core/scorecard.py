"""The ML Test Score of a model, from what was really measured of it.

Breck, Cai, Nielsen, Salib, Sculley: "The ML Test Score: A Rubric for ML Production Readiness and Technical Debt
Reduction", IEEE Big Data 2017. A test that was carried out by hand, with its result on record, counts half a point; one
that runs automatically, on a repeated basis, counts one. Section V (monitoring) has seven tests; of section III
(infrastructure) those are scored that a monitor's data can answer.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from app.core.model import Outcome

RECENT_WINDOWS = 30
"""A check that judged none of the last so many windows does not run any more."""


class Section(StrEnum):
    """Where in the paper a test stands."""

    MONITORING = "monitoring"
    INFRASTRUCTURE = "infrastructure"


class PaperSection(StrEnum):
    """All four sections of the paper."""

    DATA = "data"
    MODEL = "model"
    INFRASTRUCTURE = "infrastructure"
    MONITORING = "monitoring"


class Credit(StrEnum):
    """How far a test is carried out."""

    NOT_YET = "not yet"
    MANUAL = "manual"
    AUTOMATED = "automated"

    @property
    def points(self) -> float:
        """As the paper counts."""
        return {Credit.NOT_YET: 0.0, Credit.MANUAL: 0.5, Credit.AUTOMATED: 1.0}[self]


@dataclass(frozen=True, slots=True)
class CheckRecord:
    """What a check did so far: `windows` judged, from the one that starts at `first` to `last`.

    `breaches` of `judged` subjects in the last one. Where nothing was ever judged, `windows` is 0 and `reason` says why
    the newest window was not.
    """

    check: str
    windows: int = 0
    first: datetime | None = None
    last: datetime | None = None
    judged: int = 0
    breaches: int = 0
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Facts:
    """What is known of one version. `validated`: has it a reference of rows that it was not trained on, with labels?

    `trials` names the model's versions that stand in shadow or canary, `channels` those that are on.
    """

    now: datetime
    window: timedelta
    checks: Mapping[str, CheckRecord]
    installed: frozenset[str]
    channels: Sequence[str]
    validated: bool | None = None
    trials: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class Item:
    """One test of the paper. `outcome` is how it stands now: NOT_EVALUATED where that cannot be told."""

    section: Section
    number: int
    test: str
    credit: Credit
    outcome: Outcome
    evidence: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Scorecard:
    """All tests. `score` is the sum over the monitoring section, of at most 7."""

    items: tuple[Item, ...]

    @property
    def score(self) -> float:
        return self._points(Section.MONITORING)

    @property
    def infrastructure(self) -> float:
        """The sum over the infrastructure tests that can be answered here."""
        return self._points(Section.INFRASTRUCTURE)

    def _points(self, section: Section) -> float:
        return sum(item.credit.points for item in self.items if item.section is section)


@dataclass(frozen=True, slots=True)
class _ByChecks:
    """A test that checks carry out: any one of them that is evaluated does."""

    section: Section
    number: int
    test: str
    checks: tuple[str, ...]

    def score(self, facts: Facts) -> Item:
        earned = {check: _credit(facts, check) for check in self.checks}
        best = max(earned.values(), key=lambda credit: credit.points)
        told = [check for check in self.checks if earned[check] is not Credit.NOT_YET]
        said = told or [check for check in self.checks if check in facts.installed]
        evidence = [_evidence(facts, check) for check in said]
        if not evidence:
            evidence = [f"no check for it is there yet ({', '.join(self.checks)})"]
        if told and not facts.channels:
            evidence.append("nobody is told: add an alert channel, or switch one on")
        return Item(self.section, self.number, self.test, best, _standing(facts, told), tuple(evidence))


_M, _I = Section.MONITORING, Section.INFRASTRUCTURE
_TESTS = (
    _ByChecks(_M, 1, "Dependency changes result in notification", ("dependency_change",)),
    _ByChecks(_M, 2, "Data invariants hold in training and serving inputs", ("schema", "missing_values")),
    _ByChecks(
        _M, 3, "Training and serving features compute the same values", ("training_serving_skew", "feature_parity")
    ),
    _ByChecks(_M, 4, "Models are not too stale", ("staleness",)),
    _ByChecks(_M, 5, "The model is numerically stable", ("numerical_stability",)),
    _ByChecks(_M, 6, "No regression in latency or throughput, sudden or slow", ("latency", "throughput")),
    _ByChecks(
        _M,
        7,
        "No regression in prediction quality on served data",
        ("performance", "concept_drift", "estimated_performance"),
    ),
    _ByChecks(_I, 3, "The full pipeline is integration tested", ("probe",)),
    _ByChecks(_I, 7, "Serving models can be rolled back", ("rollback_ready",)),
)
BEYOND: Mapping[PaperSection, Sequence[tuple[int, str]]] = {
    PaperSection.DATA: (
        (1, "Feature expectations are captured in a schema"),
        (2, "All features are beneficial"),
        (3, "No feature's cost is too much"),
        (4, "Features adhere to meta-level requirements"),
        (5, "The data pipeline has appropriate privacy controls"),
        (6, "New features can be added quickly"),
        (7, "All input feature code is tested"),
    ),
    PaperSection.MODEL: (
        (1, "Every model specification is reviewed and checked in"),
        (2, "Offline metrics correlate with online impact"),
        (3, "All hyperparameters are tuned"),
        (4, "The impact of model staleness is known"),
        (5, "A simpler model is not better"),
        (6, "Model quality is sufficient on all important data slices"),
        (7, "The model is tested for considerations of inclusion"),
    ),
    PaperSection.INFRASTRUCTURE: (
        (1, "Training is reproducible"),
        (2, "Model specifications are unit tested"),
        (5, "The model can be debugged step by step on a single example"),
    ),
}
"""The tests of the paper that served data cannot answer: (number, test) by section."""

_VALIDATED = "Model quality is validated before serving"
_CANARY = "Models are tested via a canary process before serving"


def scorecard(facts: Facts) -> Scorecard:
    """The card of one version, by section and number."""
    items = [*(test.score(facts) for test in _TESTS), *_by_records(facts)]
    sections = list(Section)
    return Scorecard(tuple(sorted(items, key=lambda item: (sections.index(item.section), item.number))))


def _by_records(facts: Facts) -> Iterator[Item]:
    """Tests that what was registered answers: by hand at best, since nothing tells whether a pipeline repeats them."""
    said = {
        True: "the reference holds labelled rows that the model was not trained on",
        False: "the reference has no labels, or nobody said that its scores are out of sample",
        None: "no reference with a sample of its rows is stored",
    }
    done = bool(facts.validated)
    yield Item(_I, 4, _VALIDATED, _manual(done), _passed(done), (said[facts.validated],))
    names = ", ".join(facts.trials)
    canary = f"in shadow or canary: {names}" if names else "no version stands in shadow or canary"
    yield Item(_I, 6, _CANARY, _manual(bool(names)), _passed(bool(names)), (canary,))


def _manual(done: bool) -> Credit:
    return Credit.MANUAL if done else Credit.NOT_YET


def _passed(done: bool) -> Outcome:
    return Outcome.OK if done else Outcome.NOT_EVALUATED


def _credit(facts: Facts, check: str) -> Credit:
    """Automated: it judges windows up to now, and somebody is told. Manual: it did once, or nobody is told."""
    record = facts.checks.get(check)
    if record is None or record.last is None:
        return Credit.NOT_YET
    runs = record.last >= facts.now - (RECENT_WINDOWS + 1) * facts.window
    return Credit.AUTOMATED if runs and facts.channels else Credit.MANUAL


def _standing(facts: Facts, checks: Sequence[str]) -> Outcome:
    """A breach of any of the checks is one of the test."""
    if not checks:
        return Outcome.NOT_EVALUATED
    return Outcome.BREACH if any(facts.checks[check].breaches for check in checks) else Outcome.OK


def _evidence(facts: Facts, check: str) -> str:
    """What a check measured, and since when; or why it could not."""
    record = facts.checks.get(check)
    if record is None:
        return f"{check}: no window has been measured yet"
    if record.first is None or record.last is None:
        return f"{check}: cannot tell: {record.reason}"
    span = f"{record.windows} windows judged since {record.first:%Y-%m-%d}"
    now = f"{record.breaches} of {record.judged} in breach" if record.breaches else "within limits"
    return f"{check}: {span}; in the newest, of {record.last:%Y-%m-%d}, {now}"
