#include "capture/doctor.h"

#include <filesystem>
#include <iterator>
#include <unistd.h>

#include <fmt/format.h>
#include <gmock/gmock.h>

namespace tr::capture {
namespace {

std::ptrdiff_t open_files() {
  return std::distance(std::filesystem::directory_iterator("/proc/self/fd"),
                       std::filesystem::directory_iterator());
}

TEST(DoctorHere, CanTraceAndLeavesNothingOpen) {
  const Status verdict = require_tracing();
  if (!verdict) GTEST_SKIP() << verdict.error().text();
  const std::ptrdiff_t before = open_files();
  const Diagnosis diagnosis = diagnose();
  EXPECT_EQ(open_files(), before);
  EXPECT_TRUE(diagnosis.verdict().ok());
  for (const Finding& finding : diagnosis.findings)
    EXPECT_TRUE(!finding.required || finding.standing == Standing::kOk) << finding.id;
}

TEST(DoctorHere, TellsAnOrdinaryUserWhatIsMissing) {
  if (::geteuid() != 0) GTEST_SKIP() << "becoming another user needs root";
  if (const Status verdict = require_tracing(); !verdict) GTEST_SKIP() << verdict.error().text();
  EXPECT_EXIT(
      {
        if (::setresuid(65534, 65534, 65534) != 0) ::_exit(126);
        const Status verdict = require_tracing();
        fmt::print(stderr, "{}\n", verdict ? "allowed" : verdict.error().text());
        ::_exit(verdict ? 0 : static_cast<int>(verdict.error().failure));
      },
      testing::ExitedWithCode(3),
      "^cannot trace: needs CAP_BPF and CAP_PERFMON .or root.; run it with sudo\n$");
}

}  // namespace
}  // namespace tr::capture
