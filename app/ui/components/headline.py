"""What is going on, in one or two sentences."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from app.core.judgement import BEYOND_ONCE
from app.core.model import Outcome
from app.services.read_models.fleet import ModelCard
from app.services.read_models.labels import LabelWindow
from app.services.read_models.model_view import Judged, ModelView
from app.services.read_models.series import Series
from app.services.read_models.standings import RECENT_WINDOWS, CheckStanding, Standing
from app.ui.components import wording

_FEATURES = {
    "training_serving_skew": "have looked different from training",
    "data_drift": "have looked different from the recent windows",
    "missing_values": "have had more missing values than usual",
    "schema": "have broken the schema",
    "feature_parity": "have differed from the offline pipeline",
}
MOST_CLAUSES = 4
"""Things that are wrong which the headline names, what matters most first; the others are counted."""
_ALONE = "Beyond the limit in this window alone: a breach takes two of the last three."
_MEASURES = ("accuracy", "auc", "f1", "precision", "recall", "rmse", "mae")


def fleet(cards: Sequence[ModelCard]) -> str:
    """All models at once."""
    worst = sum(card.standing is Standing.BREACH for card in cards)
    untold = sum(card.standing in {Standing.CANNOT_TELL, Standing.NO_DATA} for card in cards)
    said = "No model is out of its normal range."
    if worst and len(cards) == 1:
        said = "The model needs a look."
    elif worst:
        said = f"{worst} of {wording.plural(len(cards), 'model')} {'needs' if worst == 1 else 'need'} a look."
    if untold and len(cards) == 1:
        return "Nothing can be told about the model yet."
    return said + (f" Nothing can be told yet about {untold} of them." if untold else "")


def model(view: ModelView) -> str:
    """How the model stands, what changed and since when."""
    if view.standing is Standing.NO_DATA:
        return "No predictions have been counted yet."
    if view.standing is Standing.CANNOT_TELL:
        reasons = [view.untold[check] for check in sorted(view.untold, key=_telling)]
        reason = next(iter(reasons), "no window has been judged yet")
        return f"Cannot tell yet: {reason}."
    clauses = list(_clauses(view))
    said = [_sentence(clause) for clause in clauses[:MOST_CLAUSES]] or ["Nothing is out of its normal range."]
    more = len(clauses) - MOST_CLAUSES
    if more > 0:
        said.append(f"{wording.plural(more, 'more check is', 'more checks are')} in breach.")
    silent = sum(check.standing is Standing.CANNOT_TELL and check.check != "staleness" for check in view.checks)
    if silent:
        said.append(f"{wording.plural(silent, 'check')} cannot tell yet.")
    return " ".join(said)


def labels(windows: Sequence[LabelWindow]) -> str:
    """How complete the labels of the newest windows are; "" without any window."""
    newest = windows[-RECENT_WINDOWS:]
    predictions = sum(window.predictions for window in newest)
    if not predictions:
        return ""
    span = f"the last {wording.plural(len(newest), 'window')}" if len(newest) > 1 else "the only window"
    share = sum(window.labelled for window in newest) / predictions
    if not share:
        return f"No label of {span} has come."
    waiting = sum(not window.final for window in newest)
    more = f", and {waiting} of them may still get more" if waiting else ""
    return f"Labels of {span} are {wording.whole_share(share)} complete{more}."


def check(standing: CheckStanding, *, features: bool) -> str:
    """What one check found, as the title of its charts."""
    title = wording.check_title(standing.check)
    if standing.window_start is None:
        return f"{title}: cannot tell yet"
    if not standing.breaches:
        return f"{title}: within limits"
    since = f" since {wording.start_of_window(standing.since)}" if standing.since else ""
    if not features:
        return f"{title}: out of its normal range{since}"
    return f"{title}: {standing.breaches} of {wording.plural(standing.judged, 'feature')} out of range{since}"


def series(found: Series) -> str:
    """Where one series stands now, against what is normal for it."""
    name = wording.subject_title(found.check, found.subject)
    known = np.flatnonzero(np.isfinite(found.values))
    if not known.size:
        return f"{name}: no value in this range"
    newest = known[-1]
    said = f"{name}: {wording.number(found.check, found.subject, float(found.values[newest]))}"
    if np.isfinite(found.limits[newest]) and not wording.is_yes_or_no(found.subject):
        said += f", limit {wording.number(found.check, found.subject, float(found.limits[newest]))}"
    return f"{said}, {wording.outcome_text(found.outcomes[newest])}"


def remark(found: Series) -> str:
    """Why the newest value has no verdict, or is no breach though out of range; "" where the title says all."""
    known = np.flatnonzero(np.isfinite(found.values))
    if not known.size:
        return ""
    newest = int(known[-1])
    if found.outcomes[newest] is Outcome.NOT_EVALUATED:
        reason = found.reasons[newest].rstrip(".")
        return f"{reason[:1].upper()}{reason[1:]}." if reason else ""
    return _ALONE if found.outcomes[newest] is Outcome.OK and found.reasons[newest] == BEYOND_ONCE else ""


def _telling(check: str) -> tuple[bool, str]:
    """Order of the checks whose reason speaks for the model; an age without a limit is only for information."""
    return check in {"staleness", "correction_rate"}, check


def _sentence(clause: str) -> str:
    return clause[:1].upper() + clause[1:] + "."


def _clauses(view: ModelView) -> Iterator[str]:
    """One clause per thing that is wrong, what matters most first."""
    by_check: dict[str, list[Judged]] = {}
    for judged in view.breaches:
        by_check.setdefault(judged.check, []).append(judged)
    for check_name in ("performance", "estimated_performance"):
        if check_name in by_check:
            yield _quality(check_name, by_check.pop(check_name))
    if "concept_drift" in by_check:
        yield f"the same inputs have meant something else{_since(by_check.pop('concept_drift'))}"
    for check_name, what in _FEATURES.items():
        if check_name in by_check:
            found = by_check.pop(check_name)
            yield f"{wording.plural(len(found), 'feature')} {_agree(what, len(found))}{_since(found)}"
    if "multivariate_drift" in by_check:
        yield f"the features have not gone together as they did{_since(by_check.pop('multivariate_drift'))}"
    for check_name, found in sorted(by_check.items(), key=lambda item: wording.check_order(item[0])):
        yield _moved(check_name, found[0])


def _agree(verb_phrase: str, n: int) -> str:
    """The phrase, which begins with `have`, for one subject or several."""
    return verb_phrase if n != 1 else "has" + verb_phrase.removeprefix("have")


def _quality(check_name: str, found: Sequence[Judged]) -> str:
    known = {judged.subject: judged for judged in found}
    judged = next((known[name] for name in _MEASURES if name in known), found[0])
    said = _moved(check_name, judged)
    return f"estimated {said}" if check_name == "estimated_performance" else said


def _moved(check_name: str, judged: Judged) -> str:
    """`accuracy fell from 0.86 to 0.69 since 3 Jul 2026`."""
    title = wording.subject_title(check_name, judged.subject)
    subject = title if title.isupper() or title[:2].isupper() else title[:1].lower() + title[1:]
    if check_name == "prediction_drift":
        subject = f"the drift of {subject}"
    value = wording.number(check_name, judged.subject, judged.value)
    since = _since([judged])
    if wording.is_yes_or_no(judged.subject):
        return f"{subject}{since}"
    if judged.normal is None or judged.value is None:
        limit = wording.number(check_name, judged.subject, judged.limit)
        return f"{subject} is {value}, beyond the limit of {limit}{since}"
    verb = "fell" if judged.value < judged.normal else "rose"
    return f"{subject} {verb} from {wording.number(check_name, judged.subject, judged.normal)} to {value}{since}"


def _since(found: Sequence[Judged]) -> str:
    return f" since {wording.start_of_window(min(judged.since for judged in found))}"
