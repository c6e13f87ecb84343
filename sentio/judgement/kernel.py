"""The judge's arithmetic, series by series and sample by sample.

What is expected of a sample (`ahead`) is said before it is looked at. Then come how strange it is (`strangeness`), how
rare that is (`rarity`), what of it is usual on this series (`hours`, `habits`), the score (`score`) and what of it is
published (`brief`). At last it is learned from (`correction`, `band`, `shifts`).
"""

from __future__ import annotations

import numpy as np

from sentio.compiled import kernel, part
from sentio.judgement.ahead import foretell, is_doubted, look_ahead
from sentio.judgement.band import learn_band, learn_figures
from sentio.judgement.brief import published
from sentio.judgement.budget import STRONG
from sentio.judgement.correction import learn_errors
from sentio.judgement.evident import Watch, evident
from sentio.judgement.habits import learn_hour
from sentio.judgement.hours import turn_hour
from sentio.judgement.lags import SETTLED, learn_spacing, put_error
from sentio.judgement.rarity import learn_rarity, pvalue
from sentio.judgement.score import scored
from sentio.judgement.shifts import FAR, follow_shift, reanchor, restart, was_in_motion
from sentio.judgement.strangeness import is_small, nearer, novel, off_yesterday, strangeness
from sentio.judgement.terms import Ahead, Terms, Verdict
from sentio.judgement.track import Track
from sentio.judgement.units import A_DAY, LEAST, SOUND, STILL_FAR
from sentio.types import Bools, Floats, Ints

_YOUNG = 2.0
"""Days of a series until which a model does not know the day, so that yesterday is asked, too."""


@kernel
def run(
    times: Ints, step: int, values: Floats, yhat: Floats, half: Floats, before: Floats, left_out: Bools, watch: Watch,
    terms: Terms, track: Track, out: Verdict,
) -> None:  # fmt: skip
    """Judge ``values [S, m]`` at ``times [m]``, ``step`` ns apart, and remember them in ``track``.

    ``yhat``, ``half`` ``[S, m]``: the model's forecast, and the distance of its 99 % band. ``before [S]``: what the
    model expects of `Track.at`; NaN where it is the same model as then. ``left_out [S, m]``: not to be judged.
    """
    for s in range(len(values)):
        if track.step[s] != step:
            restart(track, s, step)
        if np.isfinite(before[s]) and track.seen[s] > 0:
            reanchor(track, s, track.expected[s] - before[s])
            track.expected[s] = before[s]
        for j in range(len(times)):
            t, model, skip = times[j], yhat[s, j], left_out[s, j]
            if np.isfinite(model):
                _sample(track, s, j, t, step, values[s, j], model, half[s, j], skip, watch, terms, out)
            else:
                out.score[s, j], _ = evident(watch, s, j, t, step, np.nan, np.nan, np.nan, skip, terms)


@part
def _sample(
    track: Track, s: int, j: int, t: int, step: int, value: float, model: float, half: float, left_out: bool,
    watch: Watch, terms: Terms, out: Verdict,
) -> None:  # fmt: skip
    ahead = look_ahead(track, s, t, step, model, half, terms)
    foretell(track, s, j, ahead, out)
    least, still = evident(watch, s, j, t, step, ahead.expected, out.base[s, j], ahead.far_scale, left_out, terms)
    out.score[s, j] = least
    if not left_out and np.isfinite(value):
        untold = max(watch.budget.untold[s, STRONG] - 1, 0)
        _judge(track, s, j, t, step, value, still, untold, ahead, terms, out)


@part
def _judge(
    track: Track, s: int, j: int, t: int, step: int, value: float, still: int, untold: int, ahead: Ahead, terms: Terms,
    out: Verdict,
) -> None:  # fmt: skip
    error = value - ahead.model
    z_near = (value - (ahead.naive if is_doubted(track, s, ahead) else ahead.expected)) / ahead.near_scale
    z_far = (error - ahead.base) / ahead.far_scale
    if track.age[s] < _YOUNG * A_DAY:
        off = off_yesterday(track, s, ahead.day, value)
        z_near = nearer(z_near, off / ahead.near_scale)
        z_far = nearer(z_far, off / ahead.far_scale)
    alike = SETTLED if ahead.lags.steps == 1 else 0
    whole = min(track.since[s], alike) + 1
    if abs(z_far) < STILL_FAR:
        # What is as expected right after an anomaly is not strange for what came before it. Nor is what moves again
        # where it was for having been expected to go on standing still.
        if untold < SETTLED:
            z_near = nearer(z_near, abs(z_far))
        if abs(z_near) < STILL_FAR:
            whole = min(whole, track.quiet[s] + 1, untold + 1)
    distance, z_new = novel(track, s, value, ahead.sigma, whole)
    small = is_small(value - ahead.expected, value - out.base[s, j], ahead.expected, terms)
    strange = LEAST if small else strangeness(z_near, z_far, z_new, terms)
    side = 0 if z_far > 0 else 1
    turn_hour(track, s, t, step)
    flagged = False
    if track.seen[s] >= SOUND:
        score, over = scored(track, s, step, side, strange, z_far, abs(error - ahead.base), terms)
        out.score[s, j] = np.fmax(out.score[s, j], published(track, s, t, step, side, score, over, terms))
        out.pvalue[s, j] = pvalue(track, s, strange)
        flagged = score > 1
    inside = out.lower[s, j] <= value <= out.upper[s, j]
    learn_figures(track, s, step, value, ahead, inside)
    off = error - ahead.base
    void = not flagged and abs(off) <= FAR * ahead.far_scale and was_in_motion(track, s, step, still)
    if not void:
        learn_band(track, s, step, value, ahead, flagged, terms)
        learn_rarity(track, s, step, side, strange, distance, flagged)
    track.quiet[s] = 0 if flagged else track.quiet[s] + 1
    learn_hour(track, s, step, strange, z_far, abs(error - ahead.base))
    follow_shift(track, s, step, off, abs(error - track.errors[s, 0]), ahead.far_scale, terms)
    if not (flagged or void):
        # What is anomalous says nothing of what is usual; if it lasts, it is the new normal all the same.
        learn_errors(track, s, step, error, ahead, terms)
        track.today[s, 0] += np.float32(value)
        track.today[s, 1] += np.float32(1)
    _move_on(track, s, t, step, error, ahead)
    track.seen[s] += 0 if void else 1


@part
def _move_on(track: Track, s: int, t: int, step: int, error: float, ahead: Ahead) -> None:
    learn_spacing(track, s, t, step)
    put_error(track, s, error, ahead.lags, step)
    track.at[s] = t
    track.expected[s] = ahead.model
    track.age[s] += step
