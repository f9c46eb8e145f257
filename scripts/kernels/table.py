"""The results of several kernels as Markdown, and into docs/kernels.md."""
import judge

SYMBOLS = {judge.WORKS: "yes", judge.LACKING: "no", judge.FAILED: "**failed**",
           judge.NOT_RUN: "not run"}
# Kernels people run that Debian does not have.
UNTESTED = {"5.15": "in no Debian suite", "6.6": "in no Debian suite"}
BEGIN, END = "<!-- made by scripts/kernel-matrix --write -->", "<!-- end of what it made -->"
NOT_RUN = judge.NOT_RUN


def row(*cells):
    return "| " + " | ".join(str(cell).replace("|", "\\|").replace("\n", " ") for cell in cells) + " |"


def tests_of(result):
    ran = result["tests"]
    if ran is None:
        return "not run"
    return f"{ran['passed']} passed, {len(ran['failed'])} failed, {len(ran['skipped'])} skipped"


def minor(release):
    return judge.shown(judge.version_of(release))


def kernels_table(results):
    yield row("kernel", "features", "kernel tests", "tried", "trace-run")
    yield row(*["---"] * 5)
    lines = {}
    for result in results:
        words = [word for word, _ in result["features"].values()]
        parts = [f"{words.count(word)} {said}" for word, said in (
            (judge.WORKS, "work"), (judge.LACKING, "lacking"), (judge.FAILED, "failed"),
            (NOT_RUN, "not run")) if word in words]
        version = judge.version_of(result["release"])
        lines[version] = row(result["release"], ", ".join(parts), tests_of(result),
                             result["date"], result["source"])
    for name, why in UNTESTED.items():
        if judge.version_of(name) not in lines:
            lines[judge.version_of(name)] = row(name, f"untested: {why}", "untested", "", "")
    yield from (lines[version] for version in sorted(lines))


def features_table(results):
    """A row per feature, a column per kernel, and the reasons below."""
    reasons = []

    def cell(word, reason):
        if not reason:
            return SYMBOLS[word]
        if reason not in reasons:
            reasons.append(reason)
        return f"{SYMBOLS[word]} ({reasons.index(reason) + 1})"

    names = list(dict.fromkeys(name for result in results for name in result["features"]))
    yield row("feature", *(minor(result["release"]) for result in results))
    yield row("---", *["---"] * len(results))
    for name in names:
        yield row(f"`{name}`" if name.startswith("--") else name, *(
            cell(*result["features"].get(name, (NOT_RUN, ""))) for result in results))
    if reasons:
        yield ""
        yield from (f"{number}. {reason}" for number, reason in enumerate(reasons, 1))


def remarks(results):
    """What is limited where, and what has failed beside the features."""
    where = {}

    def note(text, result):
        where.setdefault(" ".join(text.split()), []).append(minor(result["release"]))

    for result in results:
        ran = result["tests"] or {"failed": [], "skipped": [], "again": []}
        for limit in result["limits"]:
            note(f"limited: {limit}", result)
        skips = {}
        for _, reason in ran["skipped"]:
            skips[reason] = skips.get(reason, 0) + 1
        for reason, count in skips.items():
            note(f"{count} tests skipped: {reason}", result)
        if ran["again"]:
            note(f"passed at the second or third try: {', '.join(ran['again'])}", result)
        for test in ran["failed"]:
            note(f"failed test: {test}", result)
        for problem in result["problems"]:
            note(f"problem: {problem}", result)
    for text, names in where.items():
        yield f"- {', '.join(names)}: {text}"


def markdown(results):
    results = sorted(results, key=lambda result: judge.version_of(result["release"]))
    yield from kernels_table(results)
    yield ""
    yield from features_table(results)
    listed = list(remarks(results))
    if listed:
        yield ""
        yield from listed


def write(path, results):
    """Between the two marks; all else stays."""
    text = path.read_text()
    before, rest = text.split(BEGIN)
    _, after = rest.split(END)
    path.write_text(before + BEGIN + "\n" + "\n".join(markdown(results)) + "\n" + END + after)
