"""How much better one is than another, from who was preferred to whom: Bradley-Terry scores and their intervals."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
RESAMPLES = 2000
PRIOR = 0.5  # wins each way between every two methods, only where the votes alone have no finite answer
_MOST_STEPS = 200
_TOLERANCE = 1e-10


@dataclass(frozen=True)
class Scores:
    """Bradley-Terry scores of M methods; all logarithms are natural.

    Attributes:
        score: float (M,), log strengths with mean 0; the odds of i against j are exp(score i - score j).
        half_width: float (M,), of the 95 % interval of a score; NaN where there is none.
        difference_half_width: float (M, M), of the interval of score i - score j.
        regularised: the votes alone have no finite answer, so a prior was added.
        connected: every two methods were compared, at least by way of others.
    """

    score: Array
    half_width: Array
    difference_half_width: Array
    regularised: bool
    connected: bool

    def chance(self, one: int, other: int) -> tuple[float, float, float]:
        """Return the chance that `one` is preferred to `other`, with its 95 % interval."""
        difference, half = self.score[one] - self.score[other], self.difference_half_width[one, other]
        middle, low, high = (1 / (1 + np.exp(-value)) for value in (difference, difference - half, difference + half))
        return float(middle), float(low), float(high)

    def differ(self, one: int, other: int) -> bool:
        """Whether the interval of the difference leaves out 0."""
        return bool(abs(self.score[one] - self.score[other]) > self.difference_half_width[one, other])


def bradley_terry(wins: Array) -> tuple[Array, NDArray[np.bool_]]:
    """Return the scores of greatest likelihood.

    Args:
        wins: float (..., M, M); entry i, j is how often i was preferred to j. A tie is half a win for each.

    Returns:
        Scores float (..., M) with mean 0, and for each table whether `PRIOR` was added: the likelihood has a finite
        maximum only if from each method a chain of wins leads to every other one (Ford 1957). With two methods the
        prior is Jeffreys' of a proportion, and the score the log odds with half a win added on each side.

    Source: Bradley and Terry 1952; Newton's method with steps of at most 1, which for logistic losses never overshoots
        (their third derivative is bounded by the second, Bach 2010).
    """
    wins, needs = regularised(wins)
    games = wins + np.swapaxes(wins, -1, -2)
    won = wins.sum(-1)
    scores = np.zeros(won.shape)
    for _ in range(_MOST_STEPS):
        gradient = won - (games * _chances(scores)).sum(-1)
        step = np.linalg.solve(_grounded(_information(games, scores)), gradient[..., None])[..., 0]
        scores += step / np.maximum(1.0, np.abs(step).max(-1, keepdims=True))
        if np.abs(step).max(initial=0.0) < _TOLERANCE:
            break
    return scores - scores.mean(-1, keepdims=True), needs


def regularised(wins: Array) -> tuple[Array, NDArray[np.bool_]]:
    """Return float (..., M, M) tables whose likelihood has a finite maximum, and which of them needed the prior."""
    wins = np.asarray(wins, dtype=np.float64) * (1 - np.eye(np.shape(wins)[-1]))
    needs = ~_all_reach_all(wins > 0)
    prior = PRIOR * (1 - np.eye(wins.shape[-1]))
    return wins + needs[..., None, None] * prior, needs


def _all_reach_all(edges: NDArray[np.bool_]) -> NDArray[np.bool_]:
    reach = edges | np.eye(edges.shape[-1], dtype=bool)
    for _ in range(max(1, edges.shape[-1].bit_length())):
        reach = (reach.astype(np.float32) @ reach.astype(np.float32)) > 0
    return np.asarray(reach.all((-1, -2)))


def _chances(scores: Array) -> Array:
    return 1 / (1 + np.exp(scores[..., None, :] - scores[..., :, None]))


def _information(games: Array, scores: Array) -> Array:
    """Return the Fisher information of the scores, float (..., M, M); its rows sum to 0."""
    chances = _chances(scores)
    weights = games * chances * (1 - chances)
    return np.eye(weights.shape[-1]) * weights.sum(-1)[..., None] - weights


def _grounded(information: Array) -> Array:
    # Scores are only known up to a constant; this fixes their sum.
    return information + 1 / information.shape[-1]


def scores_with_intervals(tables: Array, generator: np.random.Generator, *, resamples: int = RESAMPLES) -> Scores:
    """Return the scores of several raters' votes, with intervals that speak of other people like these.

    Raters are drawn with replacement and the scores computed anew; the interval is the score plus and minus Student's
    quantile times the standard deviation of that, times sqrt(R / (R - 1)): percentiles are too narrow for the few
    raters of a study. It is never narrower than if all votes were independent, which matters where all agree.

    Args:
        tables: float (R, M, M), the wins among one rater's votes.
        generator: draws the raters.
        resamples: how often.

    Note:
        Pictures are taken as they are: the intervals say nothing about other pictures.
    """
    count, methods = len(tables), tables.shape[-1]
    total = tables.sum(0)
    score, needs = bradley_terry(total)
    connected = bool(_all_reach_all((total + total.T) > 0))
    half = np.full((methods, methods), np.nan)
    own = np.full(methods, np.nan)
    if count > 1:
        weights = generator.multinomial(count, np.full(count, 1 / count), size=resamples)
        drawn, _ = bradley_terry(np.einsum("br,rij->bij", weights, tables))
        scale = student_quantile(count - 1) * np.sqrt(count / (count - 1))
        alone = _alone(total)
        own = np.maximum(scale * drawn.std(0, ddof=1), 1.96 * np.sqrt(np.diag(alone)))
        apart = (drawn[:, :, None] - drawn[:, None, :]).std(0, ddof=1)
        variance = np.diag(alone)[:, None] + np.diag(alone)[None, :] - 2 * alone
        half = np.maximum(scale * apart, 1.96 * np.sqrt(np.maximum(variance, 0)))
    return Scores(score, own, half, bool(needs), connected)


def _alone(total: Array) -> Array:
    """Return the covariance of the scores if all votes were independent, float (M, M)."""
    wins, _ = regularised(total)
    score, _ = bradley_terry(total)
    information = _information(wins + wins.T, score)
    return np.asarray(np.linalg.inv(_grounded(information)) - 1 / len(score), dtype=np.float64)


def student_quantile(degrees: int) -> float:
    """Return the 97.5 % quantile of Student's t distribution."""
    from scipy.stats import t  # slow to import; only results need it

    return float(t.ppf(0.975, degrees))


def wilson_interval(successes: float, count: int) -> tuple[float, float]:
    """Return the 95 % interval of a proportion.

    Args:
        successes: at most `count`; halves are fine.
        count: at least 1.

    Source: Wilson 1927.
    """
    z = 1.959964
    share = successes / count
    centre = (share + z * z / (2 * count)) / (1 + z * z / count)
    half = z * np.sqrt(share * (1 - share) / count + z * z / (4 * count * count)) / (1 + z * z / count)
    return max(0.0, float(centre - half)), min(1.0, float(centre + half))
