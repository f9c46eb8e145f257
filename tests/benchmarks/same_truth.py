"""A server against itself: in how many campaigns do compare and explain tell of a difference?

Any row that compare shows counts, and any finding of explain's. Campaigns are made as in
explain_truth.py, of pairs of the plain server with itself; both tools judge the same ones.
"""
from collections import Counter

from planted import ONE_CPU, campaigns, findings, judged, pool
from shares import cell, verdict

MOST = 0.05


def told(command, document):
    """The names of what differs."""
    if command == "explain":
        return [finding["cause"] for finding in findings(document)]
    return [name for name, row in document["figures"].items() if row["standing"] == "shown"]


def measure(settings):
    plain = (ONE_CPU, ONE_CPU.plain)
    made, again = pool(settings, {"A": plain, "A again": plain},
                       settings.campaigns * settings.pairs, untraced=False)
    result = {"pairs": settings.pairs, "made_again": again}
    for command in ("compare", "explain"):
        answers = [judged(settings, command, campaign)
                   for campaign in campaigns(made["A"], made["A again"], settings.pairs)]
        differ = [told(command, document) for document, _ in answers if document]
        result[command] = {"campaigns": len(differ), "differ": sum(map(bool, differ)),
                           "what": dict(Counter(name for names in differ for name in names)),
                           "refused": dict(Counter(why for _, why in answers if why))}
    return result


def markdown(result, settings):
    yield "## A server against itself"
    yield (f"Campaigns of {result['pairs']} pairs of short runs of the same server, none shared. "
           f"{result['made_again']} runs were made again, as they were unfit.")
    yield ""
    yield f"| | tells of any difference | at most {MOST:.0%}? |"
    yield "|---|---:|---|"
    for command in ("compare", "explain"):
        row = result[command]
        out, of = row["differ"], row["campaigns"]
        yield f"| {command} | {cell(out, of)} | {verdict(out, of, most=MOST)} |"
    yield ""
    for command in ("compare", "explain"):
        for name, times in sorted(result[command]["what"].items(), key=lambda each: -each[1]):
            yield f"- {command}: {name} in {times}"
        for why, times in result[command]["refused"].items():
            yield f"- {command}: {times} campaigns without an answer: {why}"


def sound(result):
    return all(verdict(result[command]["differ"], result[command]["campaigns"], most=MOST) != "NO"
               for command in ("compare", "explain"))
