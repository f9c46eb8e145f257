"""Of so many trials so many came out: what share of all would?"""
import math
import statistics

Z = statistics.NormalDist().inv_cdf(0.975)


def interval(out, of):
    """95 % interval of the share (Wilson, JASA 22, 1927): holds near 0 and 1 and for few trials,
    where the share plus and minus its standard error does not. Of none: all that is possible."""
    if of == 0:
        return 0.0, 1.0
    share, weight = out / of, Z * Z / of
    middle = share + weight / 2
    width = Z * math.sqrt(share * (1 - share) / of + weight / of / 4)
    return (max(0.0, (middle - width) / (1 + weight)), min(1.0, (middle + width) / (1 + weight)))


def cell(out, of):
    """"19 of 20: 95 % (76 to 99)"."""
    if of == 0:
        return "none"
    low, high = interval(out, of)
    return f"{out} of {of}: {100 * out / of:.0f} % ({100 * low:.0f} to {100 * high:.0f})"


def verdict(out, of, least=None, most=None):
    """Is the share that was asked for reached? "not shown" where the trials are too few to tell."""
    low, high = interval(out, of)
    if least is not None:
        return "yes" if low >= least else "NO" if high < least else f"{least:.0%}: not decided"
    return "yes" if high <= most else "NO" if low > most else f"{most:.0%}: not decided"
