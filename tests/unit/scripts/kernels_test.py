"""scripts/kernel-matrix: how it judges runs, its table, and what it says where it cannot run. Boots
nothing: reports are those of tests/golden, and guests are scripts."""
import contextlib
import copy
import io
import json
import os
import subprocess
import sys
import tempfile
import unittest
import xml.etree.ElementTree as xml
from pathlib import Path
from unittest import mock

ROOT = Path(__file__).resolve().parents[3]
sys.path.insert(0, str(ROOT / "scripts/kernels"))
import features  # noqa: E402
import judge  # noqa: E402
import main  # noqa: E402
import table  # noqa: E402

BY_NAME = {feature.name: feature for feature in features.FEATURES}
NEW, OLD, ANCIENT = "6.12.118+deb13-amd64", "6.1.0-57-amd64", "5.10.0-46-amd64"


def golden(name):
    return json.loads((ROOT / f"tests/golden/{name}.json").read_text())


def junit(*cases):
    return xml.ElementTree(xml.fromstring(f"<testsuite>{''.join(cases)}</testsuite>"))


PASSED = '<testcase name="kernel.a.Passes" status="run"/>'
BROKEN = '<testcase name="kernel.a.Fails" status="fail"><failure message=""/></testcase>'


def skipped(reason):
    return ('<testcase name="kernel.a.Skips/0  # GetParam() = 1" status="notrun">'
            '<skipped message="SKIP_REGULAR_EXPRESSION_MATCHED"/><system-out>[ RUN ] a.Skips\n'
            f'a_test.cpp:3: Skipped\n{reason}\n[ SKIPPED ]</system-out></testcase>')


SKIPPED = skipped("no futex2 calls before Linux 6.7")
MISSING = ('<testcase name="kernel.a.Missing" status="notrun">'
           '<skipped message="Unable to find executable"/></testcase>')


def result_of(release, **changes):
    return {"release": release, "date": "2026-12-01", "source": "abc", "limits": [], "problems": [],
            "features": {"epoll": [judge.WORKS, ""]},
            "tests": {"passed": 3, "failed": [], "skipped": [], "again": []}, **changes}


class Sound(unittest.TestCase):
    def test_recorded_runs_are_sound(self):
        for name in ("epoll_echo", "thread_echo", "uring_echo", "waits", "profiled", "program",
                     "counted"):
            self.assertEqual(judge.sound(golden(name)), [], name)

    def test_losses_residuals_and_wrong_answers_are_not(self):
        wrong = "\n".join(judge.sound(golden("damaged")))
        for word in ("lost: 1204", "ns in no state", "wrong answers", "messages by the load"):
            self.assertIn(word, wrong)

    def test_one_nanosecond_is_too_much(self):
        report = golden("epoll_echo")
        report["budget"]["residual_ns"] = -1
        self.assertEqual(judge.sound(report), ["residual of the budget in ns: -1, not 0"])
        report = golden("epoll_echo")
        report["life"]["worst_residual_ns"] = 1
        self.assertEqual(len(judge.sound(report)), 1)
        report["life"] = None
        self.assertEqual(len(judge.sound(report)), 1)

    def test_messages_may_differ_by_those_under_way_or_a_thousandth(self):
        report = golden("epoll_echo")
        throughput = report["throughput"]
        for load, kernel, right in ((1000, 1000 + features.CONNECTIONS, True),
                                    (1000, 1001 + features.CONNECTIONS, False),
                                    (1000, 999 - features.CONNECTIONS, False),
                                    (100_000, 100_100, True), (100_000, 100_101, False),
                                    (0, 0, False), (None, None, False), (1000, None, False)):
            throughput["messages_load"], throughput["messages_kernel"] = load, kernel
            self.assertEqual(judge.messages(report) == [], right, (load, kernel))


class Verdicts(unittest.TestCase):
    def verdict(self, name, release, status, report, errors=""):
        return judge.feature(BY_NAME[name], release, status, report, errors)

    def test_works(self):
        self.assertEqual(self.verdict("epoll", NEW, 0, golden("epoll_echo")).word, judge.WORKS)

    def test_fails_with_trace_runs_own_words(self):
        errors = "libbpf: noise\ntrace-run: cannot load the probes: Permission denied\n"
        verdict = self.verdict("epoll", NEW, 3, None, errors)
        self.assertEqual(verdict.word, judge.FAILED)
        self.assertIn("cannot load the probes: Permission denied", verdict.reason)
        self.assertNotIn("noise", verdict.reason)

    def test_no_report_and_no_end_are_failures(self):
        self.assertEqual(self.verdict("epoll", NEW, 0, None).word, judge.FAILED)
        self.assertIn("in time", self.verdict("epoll", NEW, None, None).reason)

    def test_a_refusal_is_a_failure_whatever_else_works(self):
        report = golden("epoll_echo")
        for unmeasured, right in (({"arrivals": "this kernel has no tracepoint sk_data_ready"}, True),
                                  ({"arrivals": "this kernel has no tracepoint sched_waking"}, False),
                                  ({"waits": "this kernel's verifier refuses sys_exit"}, False)):
            report["unmeasured"] = unmeasured
            word = self.verdict("epoll", OLD, 0, report).word
            self.assertEqual(word, judge.WORKS if right else judge.FAILED, unmeasured)
            self.assertEqual(self.verdict("epoll", NEW, 0, report).word, judge.FAILED)
        report["unmeasured"] = {}
        report["notes"] = ["sockets are found by descriptor (this kernel's verifier refuses it)"]
        self.assertEqual(self.verdict("epoll", NEW, 0, report).word, judge.FAILED)

    def test_kernels_too_old_are_refused_as_a_whole(self):
        refusal = f"trace-run: cannot trace: kernel: 5.10; {features.REFUSED}"
        for name in BY_NAME:
            verdict = self.verdict(name, ANCIENT, 3, None, refusal)
            self.assertEqual((verdict.word, verdict.reason), (judge.LACKING, "needs Linux 5.15"))
        self.assertEqual(self.verdict("epoll", ANCIENT, 3, None, "EPERM").word, judge.FAILED)

    def test_versions(self):
        self.assertEqual(judge.version_of(NEW), (6, 12))
        self.assertLess(judge.version_of(OLD), judge.version_of(NEW))


class Looks(unittest.TestCase):
    """Each feature's own check accepts what it should find, and nothing else."""

    def test_empty_reports_do_not_pass(self):
        empty = golden("program")
        for key in ("io_uring", "message_path", "locks", "waits", "stacks", "delays"):
            empty[key] = None
        empty.update(syscalls={}, cross_check=[], notes=[],
                     throughput={"messages": 1000})
        seen = {look for feature in features.FEATURES for look in feature.looks}
        for look in seen:
            self.assertTrue(look(empty), look.__name__)

    def test_what_recorded_runs_show_is_found(self):
        self.assertEqual(features.profile(golden("profiled")), [])
        self.assertEqual(features.waits(golden("waits")), [])
        self.assertEqual(features.paths(golden("epoll_echo")), [])
        self.assertEqual(features.io_uring(golden("uring_echo")), [])
        convoy = {"locks": {"locks": [{"name": "contended_mutex", "waits": 3}]}}
        self.assertEqual(features.locks(convoy), [])
        self.assertEqual(features.counts(golden("counted")), [])
        self.assertEqual(features.cross_check(golden("epoll_echo")), [])

    def test_known_calls_are_exact(self):
        getppids, children, naps = features.KNOWN
        report = golden("program")
        report["syscalls"] = {name: {"calls": calls} for name, calls in (
            ("getppid", getppids), ("clone", children), ("wait4", children),
            ("clock_nanosleep", naps))}
        report["server_exit"]["code"] = 0
        self.assertEqual(features.known_calls(report), [])
        report["syscalls"]["getppid"]["calls"] -= 1
        self.assertEqual(features.known_calls(report), [f"getppid: {getppids - 1}, not {getppids}"])

    def test_known_holds_are_exact(self):
        for holds, right in ((features.KNOWN_HOLDS, True), (features.KNOWN_HOLDS - 1, False)):
            report = {"locks": {"holds": [{"name": "contended_mutex", "holds": holds},
                                          {"name": "other", "holds": 1}]}}
            self.assertEqual(features.holds(report) == [], right)

    def test_messages_that_were_not_followed_are_missed(self):
        report = golden("epoll_echo")
        report["message_path"]["messages"] //= 2
        self.assertEqual(len(features.paths(report)), 1)

    def test_switches_must_agree_with_perfs(self):
        report = golden("epoll_echo")
        report["cross_check"][0].update(other=13000, difference=655, share=0.05)
        self.assertEqual(len(features.cross_check(report)), 1)


class Tests(unittest.TestCase):
    def test_counts_as_ctest_means_them(self):
        counts = judge.tests(junit(PASSED, PASSED, BROKEN, SKIPPED, MISSING), "", OLD)
        self.assertEqual(counts, {
            "passed": 2, "failed": ["a.Fails", "a.Missing"], "again": [],
            "skipped": [["a.Skips/0", "no futex2 calls before Linux 6.7"]]})

    def test_a_skip_needs_a_kernel_that_is_too_old(self):
        messages = "no tracepoint sock_send_length before Linux 6.3"
        for reason, release, right in (
                ("no futex2 calls before Linux 6.7", NEW, False),
                ("no tracepoints for contended locks (since Linux 5.19)", OLD, False),
                (messages, OLD, True), (messages, NEW, False),
                ("cannot load the probes: Operation not permitted", OLD, False)):
            counts = judge.tests(junit(PASSED, skipped(reason)), "", release)
            self.assertEqual(len(counts["skipped"]), right, reason)
            self.assertEqual(len(counts["failed"]), not right, reason)

    def test_a_test_that_passes_at_the_second_try_is_named(self):
        said = ("1/2 Test #95: kernel.a.Passes ......***Failed    3.2 sec\n"
                "2/2 Test #95: kernel.a.Passes ......   Passed    3.1 sec\n")
        self.assertEqual(judge.tests(junit(PASSED), said, NEW)["again"], ["a.Passes"])
        self.assertEqual(judge.tests(junit(PASSED), said.splitlines()[1], NEW)["again"], [])


class Kernels(unittest.TestCase):
    """A guest's folder as a result."""

    def setUp(self):
        self.folder = tempfile.TemporaryDirectory()
        self.addCleanup(self.folder.cleanup)
        self.out = Path(self.folder.name)
        self.chosen = [BY_NAME["epoll"], BY_NAME["--waits"]]

    def ran(self, release=NEW, doctor=0):
        outcome = {"kernel": release, "doctor": doctor, "tests": {"status": 0}, "features": {}}
        for feature, name in zip(self.chosen, ("epoll_echo", "waits")):
            outcome["features"][feature.name] = {"status": 0, "seconds": 1}
            (self.out / f"{feature.file}.json").write_text(json.dumps(golden(name)))
        (self.out / "outcome.json").write_text(json.dumps(outcome))
        (self.out / "tests.xml").write_text(f"<testsuite>{PASSED}</testsuite>")

    def result(self, status=0, errors="", tests=True):
        return judge.kernel(self.out, self.chosen, status, errors, tests)

    def test_all_as_expected(self):
        self.ran()
        self.assertTrue(judge.passed(self.result()), self.result())

    def test_a_guest_that_never_came_up_has_passed_nothing(self):
        result = self.result(125, "Kernel panic")
        self.assertFalse(judge.passed(result))
        self.assertEqual({word for word, _ in result["features"].values()}, {judge.NOT_RUN})
        self.assertIn("Kernel panic", result["problems"][0])

    def test_features_after_a_crash_did_not_run(self):
        self.ran()
        outcome = json.loads((self.out / "outcome.json").read_text())
        del outcome["features"]["--waits"]
        (self.out / "outcome.json").write_text(json.dumps(outcome))
        result = self.result()
        self.assertEqual(result["features"]["--waits"][0], judge.NOT_RUN)
        self.assertFalse(judge.passed(result))

    def test_what_the_kernel_complains_of_is_a_failure(self):
        self.ran()
        result = self.result(0, "run-in-kernel: Linux 6.12 said:\nWARNING: at kernel/x.c\n")
        self.assertFalse(judge.passed(result))
        self.assertIn("kernel/x.c", result["problems"][0])

    def test_doctor_must_agree(self):
        self.ran(doctor=3)
        self.assertFalse(judge.passed(self.result()))

    def test_a_kernel_that_is_refused_has_no_tests_to_run(self):
        self.ran(release=ANCIENT, doctor=3)
        for feature in self.chosen:
            (self.out / f"{feature.file}.err").write_text(f"trace-run: {features.REFUSED}")
        outcome = json.loads((self.out / "outcome.json").read_text())
        for ran in outcome["features"].values():
            ran["status"] = 3
        (self.out / "outcome.json").write_text(json.dumps(outcome))
        (self.out / "tests.xml").unlink()
        self.assertTrue(judge.passed(self.result()), self.result())

    def test_tests_that_fail_or_did_not_end(self):
        self.ran()
        (self.out / "tests.xml").write_text(f"<testsuite>{PASSED}{BROKEN}</testsuite>")
        self.assertFalse(judge.passed(self.result()))
        (self.out / "tests.xml").write_text(f"<testsuite>{SKIPPED}</testsuite>")
        self.assertFalse(judge.passed(self.result()))
        (self.out / "tests.xml").unlink()
        self.assertFalse(judge.passed(self.result()))
        self.assertTrue(judge.passed(self.result(tests=False)))


class Table(unittest.TestCase):
    def setUp(self):
        self.results = [
            result_of(NEW),
            result_of(OLD, features={"epoll": [judge.WORKS, ""],
                                     "--waits": [judge.LACKING, "needs Linux 6.3"]},
                      limits=["no tracepoint"], tests={"passed": 2, "failed": ["a.Fails"],
                                                       "skipped": [["a.Skips", "too old"]],
                                                       "again": ["a.Late"]})]

    def lines(self):
        return list(table.markdown(self.results))

    def test_kernels_in_order_with_those_that_nobody_tried(self):
        first = [line.split(" | ")[0].strip("| ") for line in self.lines()[2:]]
        self.assertEqual(first[:4], ["5.15", OLD, "6.6", NEW])
        self.assertIn("untested: in no Debian suite", self.lines()[2])

    def test_reasons_and_what_did_not_run(self):
        lines = self.lines()
        self.assertIn("| `--waits` | no (1) | not run |", lines)
        self.assertIn("1. needs Linux 6.3", lines)
        self.assertIn("- 6.1: limited: no tracepoint", lines)
        self.assertIn("- 6.1: failed test: a.Fails", lines)
        self.assertIn("- 6.1: 1 tests skipped: too old", lines)
        self.assertIn("- 6.1: passed at the second or third try: a.Late", lines)

    def test_written_between_the_marks_only(self):
        with tempfile.TemporaryDirectory() as folder:
            page = Path(folder) / "kernels.md"
            page.write_text(f"before\n{table.BEGIN}\nold\n{table.END}\nafter\n")
            table.write(page, self.results)
            once = page.read_text()
            table.write(page, self.results)
            self.assertEqual(once, page.read_text())
        self.assertTrue(once.startswith("before\n") and once.endswith("\nafter\n"))
        self.assertNotIn("\nold\n", once)

    def test_the_page_has_the_marks(self):
        text = main.DOCUMENT.read_text()
        self.assertEqual((text.count(table.BEGIN), text.count(table.END)), (1, 1))


class Running(unittest.TestCase):
    def run_main(self, *words, fetch, run=None):
        """Exit status and output of main() with the machine's part replaced."""
        said = io.StringIO()
        with mock.patch.object(sys, "argv", ["kernel-matrix", *words]), \
                mock.patch.object(main, "fetch", fetch), \
                mock.patch.object(main, "run", run or self.fail), \
                mock.patch.object(main.signal, "signal"), contextlib.redirect_stdout(said):
            return main.main(), said.getvalue()

    def unavailable(self, name):
        raise main.Unavailable(f"no mirror for {name}")

    def test_without_kernels_the_short_form_skips_and_says_so(self):
        status, said = self.run_main("--short", fetch=self.unavailable)
        self.assertEqual(status, 0)
        self.assertEqual(said.count("kernels: skipped:"), len(main.SHORT_KERNELS))
        self.assertNotIn("passed", said)

    def test_without_kernels_the_long_form_fails(self):
        status, said = self.run_main("6.1", fetch=self.unavailable)
        self.assertEqual(status, 1)
        self.assertIn("not tried: 6.1: no mirror", said)

    def test_the_newest_runs_once_where_it_is_named_too(self):
        runs = []

        def run(folder, _):
            runs.append(folder)
            return result_of(folder.name)
        status, said = self.run_main("7.3", "newest", fetch=lambda name: Path("7.3.4-amd64"), run=run)
        self.assertEqual((status, len(runs)), (0, 1))
        self.assertIn("Linux 7.3.4-amd64: passed", said)

    def test_a_failure_is_named(self):
        failed = result_of(OLD, features={"epoll": [judge.FAILED, "exit status 3: refused"]})
        status, said = self.run_main("6.1", fetch=lambda name: Path(OLD),
                                     run=lambda *_: copy.deepcopy(failed))
        self.assertEqual(status, 1)
        self.assertIn("FAILED", said)
        self.assertIn("failed: exit status 3: refused: all", said)

    def test_wrong_usage(self):
        for words in (["--nonsense"], ["not-a-kernel"], ["--short", "--write"], ["--jobs", "x"],
                      ["--jobs", "-1"]):
            ended = subprocess.run([ROOT / "scripts/kernel-matrix", *words], capture_output=True,
                                   text=True, check=False)
            self.assertEqual(ended.returncode, 2, words)
            self.assertNotIn("Traceback", ended.stderr)

    def test_scripts_name_missing_tools_and_wrong_usage(self):
        kernels = ROOT / "scripts/kernels"
        for script, words in (("get-kernel", []), ("get-kernel", ["--nonsense"]),
                              ("get-kernel", ["6.1", "6.12"]), ("run-in-kernel", []),
                              ("run-in-kernel", ["6.1"]), ("run-in-kernel", ["--cpus"]),
                              ("run-in-kernel", ["--share", "/nowhere", "6.1", "true"])):
            ended = subprocess.run([kernels / script, *words], capture_output=True, text=True,
                                   check=False)
            self.assertEqual(ended.returncode, 2, (script, words, ended.stderr))

    def test_a_kernel_once_fetched_needs_no_network(self):
        with tempfile.TemporaryDirectory() as folder:
            kernels = Path(folder)
            (kernels / "6.1.0-57-amd64").mkdir()
            (kernels / "6.1.0-57-amd64/vmlinuz").touch()
            (kernels / "by-name").mkdir()
            (kernels / "by-name/6.1").symlink_to("../6.1.0-57-amd64")
            ended = subprocess.run(
                [ROOT / "scripts/kernels/get-kernel", "6.1"], capture_output=True, text=True,
                check=False, env={**os.environ, "TRACE_RUN_KERNELS": folder})
            self.assertEqual((ended.returncode, ended.stdout.strip()),
                             (0, str(kernels.resolve() / "6.1.0-57-amd64")), ended.stderr)


if __name__ == "__main__":
    unittest.main()
