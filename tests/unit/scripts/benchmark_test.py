"""scripts/benchmark: how campaigns are cut, and what is made of their answers. Needs neither
privilege nor servers: the answers are written here."""
import sys
import unittest
from pathlib import Path
from unittest import mock

ROOT = Path(__file__).resolve().parents[3]
sys.path.insert(0, str(ROOT / "tests/benchmarks"))
import explain_truth  # noqa: E402
import planted  # noqa: E402
import same_truth  # noqa: E402
import shares  # noqa: E402

SPIN = next(act for act in planted.ACTS if act.name == "delay in a stage")


def run(act_ns=0.0, cpu_ns=0.0, unfit=()):
    """As Runs.measure() gives it; probes make the act twice as dear."""
    return {"unfit": list(unfit), "untraced": {"act_ns": act_ns, "cpu_ns": cpu_ns},
            "traced": {"act_ns": 2 * act_ns, "cpu_ns": 2 * cpu_ns}}


def finding(cause, low, high):
    interval = None if low is None else [low, high]
    return {"cause": cause, "part_ns": {"value": 1.0, "interval": interval}, "guess_ns": 0}


def explanation(*findings, bare=(1400, 1600)):
    return {"findings": list(findings),
            "bare_cpu_ns": bare and {"value": 1500.0, "interval": list(bare)}}


class Shares(unittest.TestCase):
    def test_interval_is_wilsons(self):
        low, high = shares.interval(19, 20)  # as R: prop.test(19, 20, correct = FALSE)
        self.assertAlmostEqual(low, 0.7639, places=4)
        self.assertAlmostEqual(high, 0.9911, places=4)

    def test_of_none_anything_is_possible(self):
        self.assertEqual(shares.interval(0, 0), (0.0, 1.0))
        self.assertEqual(shares.cell(0, 0), "none")

    def test_all_of_a_few_is_no_certainty(self):
        low, high = shares.interval(5, 5)
        self.assertLess(low, 0.6)
        self.assertEqual(high, 1.0)

    def test_verdict_tells_shown_from_not_decided(self):
        self.assertEqual(shares.verdict(200, 200, least=0.95), "yes")
        self.assertEqual(shares.verdict(10, 20, least=0.95), "NO")
        self.assertIn("not decided", shares.verdict(20, 20, least=0.95))
        self.assertEqual(shares.verdict(0, 200, most=0.05), "yes")
        self.assertEqual(shares.verdict(20, 100, most=0.05), "NO")
        self.assertIn("not decided", shares.verdict(5, 100, most=0.05))


class Campaigns(unittest.TestCase):
    def test_share_no_run_and_have_all_pairs(self):
        made = planted.campaigns(list(range(7)), list(range(10, 17)), 3)
        self.assertEqual(made, [[(0, 10), (1, 11), (2, 12)], [(3, 13), (4, 14), (5, 15)]])

    def test_truth_is_the_mean_difference_of_the_pairs_that_may_be_used(self):
        pairs = [(run(act_ns=30), run(act_ns=3030)), (run(act_ns=50), run(act_ns=3150)),
                 (run(act_ns=50, unfit=["steal"]), run(act_ns=9000))]
        self.assertEqual(planted.true_ns(pairs, "untraced", planted.CLOCK), 3050)
        self.assertEqual(planted.true_ns(pairs, "traced", planted.CLOCK), 6100)
        self.assertIsNone(planted.true_ns(pairs[2:], "traced", planted.CLOCK))

    def test_an_unfit_run_is_made_again_but_not_for_ever(self):
        runs = planted.Runs(None)
        answers = [run(unfit=["steal"]), run()]
        with mock.patch.object(runs, "traced", side_effect=answers) as once:
            self.assertEqual(runs.measure(None, ()), answers[1])
        self.assertEqual((once.call_count, runs.made_again), (2, 1))
        with mock.patch.object(runs, "traced", return_value=answers[0]) as once:
            self.assertEqual(runs.measure(None, ()), answers[0])
        self.assertEqual((once.call_count, runs.made_again), (planted.TRIES, planted.TRIES))

    def test_each_round_has_each_side_once(self):
        sides = {"a": ("setting", ("x",)), "b": ("setting", ("y",))}
        settings = mock.Mock()
        with mock.patch.multiple(planted.Runs, measure=lambda _, setting, words: {"of": words[0]},
                                 untraced=lambda _, setting, words: words[0] * 2):
            made, again = planted.pool(settings, sides, 3)
            bare, _ = planted.pool(settings, sides, 1, untraced=False)
        self.assertEqual(made, {"a": [{"of": "x", "untraced": "xx"}] * 3,
                                "b": [{"of": "y", "untraced": "yy"}] * 3})
        self.assertEqual(again, 0)
        self.assertEqual(bare, {"a": [{"of": "x"}], "b": [{"of": "y"}]})


class Answers(unittest.TestCase):
    CAMPAIGN = [(run(), run(act_ns=3000.0, cpu_ns=1500.0))] * 2

    def examined(self, *findings, **more):
        return explain_truth.examine(SPIN, self.CAMPAIGN, explanation(*findings, **more))

    def test_right_first_with_the_right_size(self):
        answer = self.examined(finding("own_code", 2950, 3050), finding("calls", 0, 1))
        self.assertTrue(answer["right"])
        self.assertTrue(answer["part_holds"])
        self.assertTrue(answer["bare_holds"])

    def test_right_behind_another_is_wrong_and_has_no_size(self):
        answer = self.examined(finding("locks", 2950, 3050), finding("own_code", 2950, 3050))
        self.assertFalse(answer["right"])
        self.assertEqual(answer["first"], "locks")
        self.assertFalse(answer["part_holds"])

    def test_all_cpu_time_is_held_against_the_kernels_account(self):
        answer = self.examined(finding("own_code", 2950, 3050))
        self.assertEqual((answer["true_ns"], answer["all_cpu_ns"]), (3000, 1500))
        self.assertIsNone(self.examined(bare=None)["bare_holds"])

    def test_size_outside_the_interval(self):
        answer = self.examined(finding("own_code", 3001, 3050), bare=(0, 1499))
        self.assertFalse(answer["part_holds"])
        self.assertFalse(answer["bare_holds"])

    def test_what_the_reading_itself_costs_is_taken_off(self):
        def read(cpu_ns, unwatched_ns):
            return {"unfit": [], "untraced": {planted.CPU: cpu_ns, "unwatched_ns": unwatched_ns,
                                              planted.TASK_CLOCK: cpu_ns}}
        runs_a, runs_b = [read(5000, 4900)] * 3, [read(9000, 8600)] * 3
        perf = planted.perf_ns(runs_a, runs_b)
        self.assertEqual(perf, 300)
        migrate = next(act for act in planted.ACTS if act.truth == planted.TASK_CLOCK)
        answer = explain_truth.examine(migrate, list(zip(runs_a, runs_b)), explanation(), perf)
        self.assertEqual((answer["true_ns"], answer["all_cpu_ns"]), (3700, 3700))

    def test_how_far_off_and_how_wide(self):
        answers = [{"true_ns": 100, "part_ns": 90, "half_ns": 30},
                   {"true_ns": 100, "part_ns": 130, "half_ns": 10},
                   {"true_ns": 100, "part_ns": None, "half_ns": None}]
        self.assertEqual((explain_truth.off(answers), explain_truth.width(answers)), ("20%", "20%"))
        self.assertEqual(explain_truth.off([]), "none")

    def test_a_truth_that_was_not_read_is_held_against_nothing(self):
        unread = {"unfit": [], "untraced": {"task_clock_ns": None}}
        self.assertIsNone(planted.true_ns([(unread, unread)], "untraced", planted.TASK_CLOCK))
        self.assertIsNone(explain_truth.holds({"value": 1, "interval": [0, 2]}, None))

    def test_no_size_is_wrong(self):
        self.assertIs(self.examined(finding("own_code", None, None))["part_holds"], False)

    def test_nothing_found_is_wrong(self):
        answer = self.examined()
        self.assertFalse(answer["right"])
        self.assertEqual(answer["first"], "nothing")

    def test_table_counts_wrong_and_refused_campaigns(self):
        row = {"act": SPIN.name, "right": SPIN.causes, "truth": SPIN.truth, "reason": SPIN.reason, "perf_ns": 0.0,
               "answers": [self.examined(finding("own_code", 2950, 3050)), self.examined()],
               "refused": ["why not"]}
        result = {"acts": [row], "pairs": 2, "made_again": 0, "unfit": {"steal": 3}}
        text = "\n".join(explain_truth.markdown(result, None))
        self.assertIn("| delay in a stage | 1 of 2: 50 % (9 to 91) | 3,000 | 1 | 100% | 2% | 1 of 2:", text)
        self.assertIn("came first: nothing (1)", text)
        self.assertIn("1 campaigns without an answer: why not", text)
        self.assertIn("steal (3)", text)

    def test_only_a_share_that_is_shown_to_be_too_low_fails(self):
        def sound(right, wrong):
            answers = ([self.examined(finding("own_code", 2950, 3050))] * right +
                       [self.examined()] * wrong)
            return explain_truth.sound({"acts": [{"answers": answers}]})
        self.assertTrue(sound(20, 0))
        self.assertTrue(sound(18, 2))
        self.assertFalse(sound(10, 10))


class Same(unittest.TestCase):
    def test_only_what_is_shown_counts(self):
        figures = {"a": {"standing": "shown"}, "b": {"standing": "not_shown"},
                   "c": {"standing": "rare"}}
        self.assertEqual(same_truth.told("compare", {"figures": figures}), ["a"])

    def test_any_finding_counts(self):
        self.assertEqual(same_truth.told("explain", explanation(finding("calls", 1, 2))), ["calls"])


class Acts(unittest.TestCase):
    def test_each_has_a_reason_and_a_cause_that_explain_knows(self):
        known = "".join(path.read_text() for path in
                        (ROOT / "tracer/explain/causes").glob("*.cpp"))
        for act in planted.ACTS:
            self.assertTrue(act.reason)
            for cause in act.causes:
                self.assertIn(f'"{cause}"', known)


if __name__ == "__main__":
    unittest.main()
