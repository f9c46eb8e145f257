// Does a program that the kernel lacks, refuses or does not attach cost its figures, and not the
// run?
#include <algorithm>
#include <array>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <gmock/gmock.h>

#include "capture/preemption.h"
#include "capture/probe_groups.h"
#include "capture/probe_programs.h"
#include "traced.h"

namespace tr::kernel_test {
namespace {

using capture::ProbeFaults;
using capture::ProbeGroup;
using capture::ProbeOptions;
using capture::Probes;
using testing::HasSubstr;

enum class Fault { kAbsent, kRefused, kUnattached };

std::string name_of_fault(Fault fault) {
  switch (fault) {
    case Fault::kAbsent:
      return "Absent";
    case Fault::kRefused:
      return "Refused";
    case Fault::kUnattached:
      break;
  }
  return "Unattached";
}

ProbeFaults faults_of(Fault fault, const std::string& program) {
  ProbeFaults faults;
  if (fault == Fault::kAbsent) faults.absent.insert(program);
  if (fault == Fault::kRefused) faults.refused.insert(program);
  if (fault == Fault::kUnattached) faults.unattached.insert(program);
  return faults;
}

// Not alone: one that is a choice of two names, belongs to no tracepoint, or stands at that of
// another.
bool can_be_absent(std::string_view program) {
  return capture::first_of(program) == program && !capture::may_be_absent_alone(program) &&
         program != "count_sched_wakeup_new" && program != "on_cpu_sample" &&
         program != "end_turns" && !program.starts_with("mutex_");
}
// When its turn comes, and not before.
bool is_attached_later(std::string_view program) {
  return program == "end_turns" || program == "on_tcp_sendmsg_locked" ||
         program.starts_with("mutex_") || program.starts_with("bare_");
}

std::vector<std::string> optional_programs() {
  std::vector<std::string> programs;
  for (std::string& program : Probes::program_names())
    if (!capture::group_of(program).is_required()) programs.push_back(std::move(program));
  return programs;
}

void talk() {
  call_many(SYS_getppid, 100);
  std::array<int, 2> pair{};
  if (::socketpair(AF_UNIX, SOCK_STREAM, 0, pair.data()) != 0) ::_exit(1);
  std::array<char, 64> text{};
  for (int i = 0; i < 20; ++i) {
    if (::send(pair[0], text.data(), text.size(), 0) != 64) ::_exit(1);
    if (::recv(pair[1], text.data(), text.size(), 0) != 64) ::_exit(1);
  }
  sleep_ms(1);
}

class Refusals : public testing::TestWithParam<std::tuple<std::string, Fault>> {};

TEST_P(Refusals, CostTheirFiguresAndNotTheRun) {
  const auto& [program, fault] = GetParam();
  if (fault == Fault::kAbsent && !can_be_absent(program)) return;
  if (!capture::should_exist(program)) return;  // not on this kernel
  const ProbeGroup& group = capture::group_of(program);
  ProbeOptions options = group.alone;
  options.max_threads = 16;
  std::map<Figures, std::string> costs;
  ProbeOptions left = options;
  group.leave_out(left, "", costs);
  options.faults = faults_of(fault, program);

  TRACE_RUN_LOAD_OR_SKIP(probes, options);
  const Outcome outcome = trace(probes, talk);
  EXPECT_EQ(outcome.call(name_of(SYS_getppid)).calls, 100U);
  EXPECT_EQ(outcome.lost_in_all(), 0U);
  const ThreadCounts* const thread =
      outcome.counts.threads.empty() ? nullptr : &outcome.counts.threads.front();
  ASSERT_NE(thread, nullptr);
  EXPECT_GE(thread->counts.voluntary_switches, 1U);
  EXPECT_EQ(thread->counts.sent_messages, 20U);
  EXPECT_EQ(thread->counts.received_bytes, 20U * 64);
  if (fault == Fault::kUnattached && is_attached_later(program)) return;

  EXPECT_EQ(probes.options().budget, left.budget);
  EXPECT_EQ(probes.options().messages, left.messages);
  EXPECT_EQ(probes.options().inspect_descriptors, left.inspect_descriptors);
  EXPECT_EQ(probes.options().hear_listening, left.hear_listening);
  EXPECT_EQ(probes.options().hear_uring_sends, left.hear_uring_sends);
  for (const auto& [figures, nothing] : costs) {
    ASSERT_TRUE(probes.unmeasured().contains(figures));
    EXPECT_THAT(probes.unmeasured().at(figures), HasSubstr(program.substr(program.find('_') + 1)));
  }
}

INSTANTIATE_TEST_SUITE_P(Of, Refusals,
                         testing::Combine(testing::ValuesIn(optional_programs()),
                                          testing::Values(Fault::kAbsent, Fault::kRefused,
                                                          Fault::kUnattached)),
                         [](const auto& tested) {
                           return std::get<0>(tested.param) +
                                  name_of_fault(std::get<1>(tested.param));
                         });

TEST(Refusal, OfAnInnermostProgramEndsTheRunWithItsReason) {
  for (const char* program : {"on_sys_enter", "on_sched_switch", "on_task_newtask"}) {
    ProbeOptions options{.max_threads = 16};
    options.faults = faults_of(Fault::kRefused, program);
    const auto probes = Probes::load(options);
    ASSERT_FALSE(probes);
    if (probes.error().failure == Failure::kNotAllowed) GTEST_SKIP() << probes.error().text();
    EXPECT_THAT(probes.error().text(), HasSubstr(program));
  }
}

TEST(Refusal, OfThePathOfMessagesIsOneOfTheirLastTurns) {
  ProbeOptions options{.messages = true};
  options.faults = faults_of(Fault::kUnattached, "end_turns");
  TRACE_RUN_LOAD_OR_SKIP(probes, options);
  probes.detach();
  const auto raw = probes.raw_counts();
  ASSERT_TRUE(raw);
  ASSERT_TRUE(raw->paths);
  EXPECT_THAT(raw->paths->last_turns_unmeasured, HasSubstr("end_turns"));
}

TEST(Refusal, OfTheProgramsWithoutProbesIsSaidWhenTheyAreNeeded) {
  ProbeOptions options{.bare = true};
  options.faults = faults_of(Fault::kUnattached, "bare_sched_switch");
  TRACE_RUN_LOAD_OR_SKIP(probes, options);
  probes.detach();
  const Status attached = probes.attach_bare();
  ASSERT_FALSE(attached);
  EXPECT_THAT(attached.error().text(), HasSubstr("bare_sched_switch"));
}

}  // namespace
}  // namespace tr::kernel_test
