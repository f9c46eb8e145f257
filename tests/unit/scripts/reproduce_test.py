"""scripts/reproduce: its statistics, its tables from recorded reports, and how it runs its rows.
Needs neither privilege nor load: what it starts is a script that plays trace-run."""
import contextlib
import io
import json
import signal
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path
from unittest import mock

ROOT = Path(__file__).resolve().parents[3]
sys.path.insert(0, str(ROOT / "scripts/reproduce.d"))
import main  # noqa: E402
import rows  # noqa: E402
import runs  # noqa: E402
import samples  # noqa: E402
from samples import Sample  # noqa: E402


def recorded(name, **changes):
    """A report of tests/golden, as report_of() keeps it, with values changed by path."""
    report = json.loads((ROOT / f"tests/golden/{name}.json").read_text())
    for key in runs.LEFT_OUT:
        report.pop(key)
    for path, value in changes.items():
        *parents, last = path.split("__")
        place = report
        for parent in parents:
            place = place[parent]
        place[last] = value
    return report


def settings_of(*words):
    with mock.patch.object(sys, "argv", ["reproduce", *words]):
        return main.parse()


def cases_of(*words):
    settings = settings_of(*words)
    return main.choose(settings, main.TABLES[settings.table].cases(settings)), \
        main.about_of(settings)


def tables(made, about):
    return list(main.TABLES[about["table"]].markdown(made, about, main.PUBLISHED))


def line_of(lines, start):
    found = [line for line in lines if line.startswith(f"| {start} ")]
    assert len(found) == 1, (start, found)
    return [cell.strip() for cell in found[0].strip("|").split(" | ")]


class Samples(unittest.TestCase):
    def test_interval_is_students_below_ten_values(self):
        three = Sample.of([1, 2, 3])
        self.assertEqual(three.mean, 2)
        self.assertEqual(three.deviation, 1)
        self.assertAlmostEqual(three.interval, 4.303 / 3 ** 0.5)  # t(2), 97.5 %
        self.assertAlmostEqual(Sample.of([1, 3]).interval, 12.706)
        nine, ten = Sample.of(range(9)), Sample.of(range(10))
        self.assertAlmostEqual(nine.interval, 2.306 * nine.deviation / 3)
        self.assertAlmostEqual(ten.interval, 1.959964 * ten.deviation / 10 ** 0.5, 5)
        self.assertIn("Student", samples.method(9))
        self.assertIn("normal", samples.method(10))
        self.assertIn("no intervals", samples.method(1))

    def test_one_value_has_no_interval_and_none_no_mean(self):
        self.assertIsNone(Sample.of([5]).interval)
        self.assertEqual(Sample.of([5]).text(), "5.00")
        self.assertIsNone(Sample.of([]).mean)
        self.assertEqual(Sample.of([None]).text(), samples.NOTHING)

    def test_unmeasured_is_not_zero(self):
        self.assertEqual(Sample.of([None, 4, None, 6]).values, (4, 6))

    def test_numbers_are_written_with_three_digits(self):
        for value, text in ((0, "0"), (0.0123, "0.0123"), (1, "1.00"), (12.34, "12.3"),
                            (1234.5, "1,234"), (1e-9, "<0.000001"), (None, samples.NOTHING),
                            (-0.5, "-0.500")):
            self.assertEqual(samples.number(value), text)
        self.assertEqual(Sample.of([100, 101]).text(), "100 ± 6")
        self.assertEqual(samples.large(88.0e9), "88.0e9")
        self.assertEqual(samples.large(38660), "38,660")
        self.assertEqual(samples.size(12_925), "12.6 KiB")
        self.assertEqual(samples.size(-2048), "-2.00 KiB")


class Echo(unittest.TestCase):
    def setUp(self):
        self.made, self.about = cases_of("echo", "--connections", "20", "--rows",
                                         "epoll_echo,python/thread,single_echo,python/asyncio_*")
        self.case = next(case for case in self.made if case.row == "epoll_echo")

    def test_our_figures_stand_beside_the_published(self):
        for per_second in (100_000, 110_000, 120_000):
            self.case.runs.append(
                recorded("epoll_echo", throughput__messages_per_second=per_second))
        line = line_of(tables(self.made, self.about), "epoll_echo")
        self.assertEqual(line[1:4], ["cpp_epoll", "440", "110 ± 25"])
        self.assertEqual(line[5], "28.4, 1.6")
        # 8.398 s and 1.105 s in 10 s, as they would be in the published 20 s.
        self.assertEqual(line[6:8], ["16.8 ± 0.0", "2.21 ± 0.00"])
        self.assertEqual(line[8:10], ["95 %", "88 %"])

    def test_what_is_wrong_with_a_row_stands_in_it(self):
        self.case.runs = [recorded("epoll_echo"), {"failure": "no | such\nserver"},
                          recorded("damaged")]
        lines = tables(self.made, self.about)
        line = line_of(lines, "epoll_echo")
        for said in ("1 of 3 runs failed: no \\| such server", "1,207 EVENTS LOST (in 1 of 3 runs)",
                     "12 connections broke (in 1 of 3 runs)", "connections had no answer"):
            self.assertIn(said, line[-1])
        text = "\n".join(lines)
        self.assertIn("1 runs failed", text)
        self.assertIn("The tracer lost 1,207 events", text)

    def test_a_row_of_failures_has_no_figures(self):
        self.case.runs = [{"failure": "it crashed"}] * 3
        line = line_of(tables(self.made, self.about), "epoll_echo")
        self.assertEqual(line[3], samples.NOTHING)
        self.assertEqual(line[-1], "3 of 3 runs failed: it crashed")

    def test_rows_that_cannot_run_are_named(self):
        with mock.patch("importlib.util.find_spec", return_value=None):
            made, about = cases_of("echo", "--connections", "20", "--rows",
                                   "python/uvloop_*,single_echo")
        text = "\n".join(tables(made, about))
        self.assertIn("python/uvloop_sock at 20: Python has no module uvloop here", text)
        self.assertIn("single_echo at 20: it serves one client after the other", text)

    def test_what_ctrl_c_left_out_is_named(self):
        self.case.runs = [recorded("epoll_echo")]
        self.about["interrupted"] = True
        text = "\n".join(tables(self.made, self.about))
        self.assertIn("Ended early: 1 of 15 runs were made", text)
        self.assertIn("ended before their turn came: python/asyncio_proto at 20", text)

    def test_every_published_row_has_a_server_of_ours(self):
        made, _ = cases_of("echo")
        for asked, theirs in main.PUBLISHED["echo"]["by_connections"].items():
            ours = {case.published for case in made if case.asked == int(asked)}
            self.assertEqual(set(theirs) - ours, set())
        for case in made:
            self.assertTrue((ROOT / case.server[0]).exists() or "python" not in case.server[0])


class OpenFiles(unittest.TestCase):
    def test_their_limit_is_read_and_said(self):
        with mock.patch("resource.getrlimit", return_value=(1024, 5000)):
            made, about = cases_of("echo", "--rows", "epoll_echo,threadpool_echo")
            self.assertEqual([case.connections for case in made if case.row == "epoll_echo"],
                             [20, 4904])
            self.assertIn("4,904 of 20,000 connections: too few open files", made[-1].note)
            self.assertIn("20,000 connections were asked for, 4,904 are run: a process may have "
                          "5,000 open files here", about["limit"])
            pool = [case for case in made if case.row == "threadpool_echo"][-1]
            self.assertEqual(pool.connections, 256)
            self.assertIn("serves so many at a time", pool.note)
        with mock.patch("resource.getrlimit", return_value=(1024, 50_000)):
            made, about = cases_of("echo", "--rows", "epoll_echo")
            self.assertEqual([case.connections for case in made], [20, 20_000])
            self.assertEqual(about["limit"], "")


class OtherTables(unittest.TestCase):
    def test_taskset_compares_sums_and_shares(self):
        with mock.patch.object(rows, "CPUS", [0, 1]), \
                mock.patch("table_taskset.CPUS", [0, 1]):
            made, about = cases_of("taskset")
        for case in made:
            case.runs = [recorded("epoll_echo"), recorded("epoll_echo")]
        lines = tables(made, about)
        self.assertEqual(line_of(lines, "messages")[1:3], ["38,660", "2,946,314 ± 0"])
        self.assertEqual(line_of(lines, "futex per message")[1:5], ["79.9", "0", "0.0801", "0"])
        self.assertEqual(line_of(lines, "cycles")[1:3], ["88.0e9", "not supported here"])
        self.assertEqual(line_of(lines, "page faults, its whole life")[1:3], ["5,297", "412 ± 0"])
        self.assertIn("- Not supported here: cycles, instructions (no hardware PMU here).", lines)
        published = line_of(lines, "python/asyncio_streams | published")
        self.assertEqual(published[6:9], ["1.00", "1.00", "1.00"])

    def test_http_has_both_loads_in_a_row(self):
        made, about = cases_of("http", "--rows", "python/thread_http,epoll_http")
        for case in made:
            case.runs = [recorded("epoll_echo", throughput__messages_per_second=(
                1500 if case.setting == "planned" else 2500))] * 3
        line = line_of(tables(made, about), "python/thread_http")
        self.assertEqual([line[1], line[2], line[3], line[6]],
                         ["thread", "1,100", "1,500 ± 0", "2,500 ± 0"])
        made, _ = cases_of("http", "--rows", "*--close")
        self.assertIn("process per request", [case.published for case in made])
        self.assertTrue(all("--close" in case.options for case in made))
        planned = [case for case in made if case.setting == "planned"]
        self.assertTrue(all("--rate" in case.options for case in planned))

    def test_scale_says_what_was_served_and_lost(self):
        made, about = cases_of("scale", "--rows", "epoll_echo,single_echo,thread_echo",
                               "--connections", "10,200")
        self.assertEqual([case.connections for case in made if case.row == "single_echo"], [1])
        for case in made:
            case.runs = [recorded("damaged" if case.connections == 10 else "epoll_echo")]
        lines = tables(made, about)
        good = line_of(lines, "epoll_echo | 200")
        self.assertEqual([good[2], good[3], good[4], good[8], good[11], good[12]],
                         ["0", "0", "0.998", "0", "215 B", "31.0 MiB"])
        bad = line_of(lines, "epoll_echo | 10")
        self.assertEqual([bad[2], bad[3], bad[8], bad[11]], ["21", "12", "1,207", "–"])
        self.assertIn("1 of 10, 200 connections", line_of(lines, "single_echo")[-1])

    def test_scale_reads_the_tracers_memory_of_earlier_tables(self):
        made, about = cases_of("scale", "--rows", "epoll_echo", "--connections", "10")
        report = recorded("epoll_echo", tracer={"peak_bytes": 50 << 20})
        del report["overhead"]["tracer_peak_bytes"]
        made[0].runs = [report]
        self.assertEqual(line_of(tables(made, about), "epoll_echo | 10")[12], "50.0 MiB")

    def test_tables_come_out_again_from_their_json(self):
        made, about = cases_of("scale", "--rows", "epoll_echo", "--connections", "10")
        made[0].runs = [recorded("epoll_echo"), {"failure": "it crashed"}]
        kept = json.loads(json.dumps({"about": about, "cases": runs.as_json(made)}))
        self.assertEqual(tables(runs.from_json(kept["cases"]), kept["about"]), tables(made, about))


# Plays trace-run: what a cell's server is called says what comes of its runs.
PLAYER = """#!/usr/bin/python3 -BI
import json, os, shlex, signal, sys
from pathlib import Path

if sys.argv[1] == "report":
    text = Path(sys.argv[2]).read_text()
    if text == "unreadable":
        sys.exit("trace-run: cannot read it")
    print(text)
    sys.exit()
_, _, cells, _, repeats, _, folder = sys.argv[1:]
folder = Path(folder)
folder.mkdir(exist_ok=True)
lines = [shlex.split(line) for line in sys.stdin]
log = [" ".join([word for word in line if not word.startswith("/")]) for line in lines]
(folder / "log").write_text("\\n".join(log))
(folder / "sweep.json").write_text(json.dumps({"cells": [
    {"skipped": "too many" if line[-1] == "skipped" else ""} for line in lines]}))
for repeat in range(1, int(repeats) + 1):
    for number, (name, *words) in enumerate(lines, 1):
        kind, stem = words[-1], folder / f"{number:04}-row-{repeat}"
        output = Path(words[words.index("--server-output") + 1])
        if kind == "refused":
            sys.exit(2)
        if kind == "ended":
            signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGTERM])
            os.kill(os.getppid(), signal.SIGTERM)
            signal.sigwait([signal.SIGTERM])
            sys.exit(4)
        if kind == "failed":
            output.write_text("listening\\nno memory\\n")
            stem.with_suffix(".failed").write_text("it went wrong\\n")
        elif kind != "skipped":
            stem.with_suffix(".failed").unlink(missing_ok=True)
            stem.with_suffix(".run").write_text(kind if kind == "unreadable" else json.dumps(
                {"name": name, "repeat": repeat, "threads": []}))
"""


class Running(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        player = Path(folder.name) / "trace-run"
        player.write_text(PLAYER)
        player.chmod(0o755)
        self.folder = Path(folder.name) / "runs"
        patch = mock.patch.object(runs, "TRACE_RUN", player)
        patch.start()
        self.addCleanup(patch.stop)
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            self.addCleanup(signal.signal, number, signal.getsignal(number))

    def case(self, kind, **more):
        return runs.Case(name=f"{kind} at 1", row=kind, server=["play", kind], asked=1,
                         connections=1, **more)

    def test_runs_are_cells_of_one_sweep(self):
        cases = [self.case("a", options=["--rate", "7"]), self.case("no", impossible="why"),
                 self.case("b", duration_s=2.5)]
        runs.measure(cases, 3, self.folder)
        self.assertEqual((self.folder / "log").read_text().splitlines(), [
            "a at 1: --server-output --connections 1 --duration 1s --warmup 0.5s --rate 7 play a",
            "b at 1: --server-output --connections 1 --duration 2.5s --warmup 0.5s play b"])
        self.assertEqual(cases[2].reports, [{"name": "b at 1:", "repeat": n} for n in (1, 2, 3)])
        self.assertEqual([len(case.runs) for case in cases], [3, 0, 3])
        self.assertFalse(runs.unfinished(cases, 3))
        self.assertTrue(runs.unfinished(cases, 4))

    def test_failures_are_kept_with_their_reason(self):
        cases = [self.case(kind) for kind in ("failed", "unreadable", "good")]
        runs.measure(cases, 1, self.folder)
        self.assertEqual(cases[0].failures, ["it went wrong (the server's last line: no memory)"])
        self.assertEqual(cases[1].failures, ["trace-run: cannot read it"])
        self.assertEqual([len(case.reports) for case in cases], [0, 0, 1])
        self.assertFalse(runs.unfinished(cases, 1))

    def test_what_the_sweep_skips_is_impossible(self):
        cases = [self.case("skipped"), self.case("good")]
        runs.measure(cases, 1, self.folder)
        self.assertEqual(cases[0].impossible, "too many")
        self.assertFalse(runs.unfinished(cases, 1))

    def test_what_ends_us_ends_the_sweep_and_what_there_is_is_kept(self):
        cases = [self.case("done"), self.case("ended"), self.case("never")]
        runs.measure(cases, 2, self.folder)
        self.assertEqual([len(case.runs) for case in cases], [1, 0, 0])
        self.assertTrue(runs.unfinished(cases, 2))

    def test_a_sweep_that_is_refused_is_our_end(self):
        with self.assertRaises(SystemExit) as ended:
            runs.measure([self.case("refused")], 1, self.folder)
        self.assertEqual(ended.exception.code, 2)

    def test_runs_are_kept_until_the_table_is_whole(self):
        output = self.folder.parent
        for kind, code, kept in (("ended", 130, True), ("failed", 1, True), ("good", 0, False)):
            case = self.case(kind)
            with mock.patch.object(main, "choose", return_value=[case]), \
                    mock.patch("table_echo.markdown", return_value=[]), \
                    mock.patch.object(sys, "argv", ["reproduce", "echo", "--output", str(output)]), \
                    contextlib.redirect_stderr(io.StringIO()):
                self.assertEqual(main.main(), code)
            self.assertEqual((output / "echo.runs").exists(), kept, kind)
            self.assertTrue((output / "echo.json").exists())


class CommandLine(unittest.TestCase):
    def run_it(self, *words):
        return subprocess.run([sys.executable, "-B", ROOT / "scripts/reproduce.d/main.py", *words],
                              capture_output=True, text=True, check=False)

    def test_wrong_usage_is_refused(self):
        for words, why in ((["dance"], "invalid choice"),
                           (["echo", "--connections", "20,x"], "list of numbers"),
                           (["echo", "--connections", "0"], "list of numbers"),
                           (["echo", "--connections", "99999999999999999999"], "list of numbers"),
                           (["echo", "--rows", "nobody"], "nobody is no row of echo"),
                           (["echo", "--repeat", "0"], "--repeat"),
                           (["echo", "--duration", "nan"], "--duration"),
                           (["echo", "--pin", "4096"], "--pin"),
                           (["echo", "--pin", "0-99999999999"], "--pin"),
                           (["echo", "--output", "/nowhere/at/all"], "no folder"),
                           (["echo", "--short", "--long"], "not allowed")):
            ended = self.run_it(*words, "--plan")
            self.assertEqual(ended.returncode, 2, words)
            self.assertIn(why, ended.stderr)

    def test_plan_says_what_would_run(self):
        ended = self.run_it("echo", "--plan", "--rows", "epoll_echo", "--connections", "20")
        self.assertEqual(ended.returncode, 0, ended.stderr)
        self.assertIn("1 rows, 3 runs each, about 1 min", ended.stdout)

    def test_an_earlier_table_that_is_none_is_refused(self):
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "echo.json"
            for text in ("", "{}", '{"cases": [], "about": {"table": "http"}}',
                         '{"cases": [{"x": 1}], "about": {"table": "echo"}}', "[]", "3"):
                path.write_text(text)
                ended = self.run_it("echo", "--from", path)
                self.assertEqual(ended.returncode, 1, text)
                self.assertIn("cannot read", ended.stderr)
                self.assertNotIn("Traceback", ended.stderr)


if __name__ == "__main__":
    unittest.main()
