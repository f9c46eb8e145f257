"""Of two programs that were measured in turn, round by round: does one cost more than the other?"""
import math
import statistics


def difference(ours, theirs):
    """Of each round's pair: the median of (ours - theirs), and its confidence interval of at least
    95 % by the sign test (order statistics; no assumption on how the noise is distributed). With
    less than 6 rounds there is none of that confidence: then it is all that was seen."""
    values = sorted(a - b for a, b in zip(ours, theirs))
    n = len(values)
    out, tail = 0, 0.0
    while out < n // 2:
        tail += math.comb(n, out) / 2**n
        if 2 * tail > 0.05:
            break
        out += 1
    out = max(out, 1)
    return {"median": statistics.median(values), "low": values[out - 1], "high": values[n - out]}


def not_above(least):
    """A verdict on such a difference."""
    if least["median"] <= 0:
        return "yes"
    return "NO" if least["low"] > 0 else "yes, within the noise"
