"""What do a few repeats of one figure say, and how is it written?"""
import math
import statistics
from dataclasses import dataclass

# Student's t, two-sided 95 %, by degrees of freedom. With 10 values and more the normal
# distribution is taken.
STUDENT_T = {1: 12.706, 2: 4.303, 3: 3.182, 4: 2.776, 5: 2.571, 6: 2.447, 7: 2.365, 8: 2.306}
NORMAL = statistics.NormalDist().inv_cdf(0.975)
NOTHING = "–"


@dataclass(frozen=True)
class Sample:
    """Of the values that were measured: None is left out, and is not 0."""
    values: tuple

    @classmethod
    def of(cls, values):
        return cls(tuple(float(value) for value in values if value is not None))

    @property
    def mean(self):
        return statistics.fmean(self.values) if self.values else None

    @property
    def deviation(self):
        return statistics.stdev(self.values) if len(self.values) > 1 else None

    @property
    def interval(self):
        """Half of the 95 % confidence interval of the mean; None for fewer than two values."""
        n = len(self.values)
        if n < 2:
            return None
        return STUDENT_T.get(n - 1, NORMAL) * self.deviation / math.sqrt(n)

    def text(self):
        """The mean, and behind ± half the interval with as many digits."""
        if not self.values:
            return NOTHING
        if self.interval is None or not any(self.values):
            return number(self.mean)
        decimals = decimals_of(max(abs(self.mean), self.interval))
        return f"{self.mean:,.{decimals}f} ± {self.interval:,.{decimals}f}"


def decimals_of(value):
    """So many that three digits show."""
    if value == 0:
        return 0
    return max(0, min(6, 2 - math.floor(math.log10(abs(value)))))


def number(value):
    """Three digits or more, thousands separated; a value that is not 0 is not written as 0."""
    if value is None:
        return NOTHING
    if 0 < abs(value) < 5e-7:
        return "<0.000001"
    return f"{value:,.{decimals_of(value)}f}"


def large(value):
    """A count: whole where that is exact, in powers of ten where nobody reads the digits."""
    if value is None:
        return NOTHING
    return f"{value:,.0f}" if abs(value) < 1e9 else f"{value / 1e9:,.1f}e9"


def percent(share):
    return NOTHING if share is None else f"{100 * share:.0f} %"


def size(amount):
    """Bytes."""
    if amount is None:
        return NOTHING
    for unit in ("B", "KiB", "MiB"):
        if abs(amount) < 1024:
            return f"{number(amount)} {unit}"
        amount /= 1024
    return f"{number(amount)} GiB"


def method(repeats):
    """How the intervals are made, for the reader."""
    if repeats < 2:
        return "one run each: no intervals"
    kind = ("Student's t" if repeats - 1 in STUDENT_T else "the normal distribution")
    return f"mean of {repeats} runs ± half of its 95 % interval ({kind})"
