"""Alerts: scores to levels, by conditions that are kept in mind from sample to sample. Pure, as all that thinks."""

from sentio.alerting.away import away, back
from sentio.alerting.expression import parse
from sentio.alerting.leaving import gone_since, parted, remembering
from sentio.alerting.machine import GONE, REMOVED, Alerting, ends, not_after, standing
from sentio.alerting.memory import told
from sentio.alerting.outcome import Change, Outcome, Recents, Say, events
from sentio.alerting.rules import Flapping, Rule, Rules
from sentio.alerting.tokens import ExpressionError

__all__ = [
    "GONE",
    "REMOVED",
    "Alerting",
    "Change",
    "ExpressionError",
    "Flapping",
    "Outcome",
    "Recents",
    "Rule",
    "Rules",
    "Say",
    "away",
    "back",
    "ends",
    "events",
    "gone_since",
    "not_after",
    "parse",
    "parted",
    "remembering",
    "standing",
    "told",
]
