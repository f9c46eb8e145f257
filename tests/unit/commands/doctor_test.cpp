#include "commands/doctor.h"

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

namespace tr::commands {
namespace {

using capture::Diagnosis;
using capture::Finding;
using capture::Standing;

Environment machine() {
  Environment machine;
  machine.kernel = "6.1.0";
  machine.architecture = "x86_64";
  machine.cpu_model = "AMD EPYC";
  machine.memory_bytes = std::uint64_t{3} << 29;
  return machine;
}

Diagnosis diagnosis() {
  return {{Finding{.id = "kernel",
                   .subject = "kernel",
                   .standing = Standing::kOk,
                   .value = "6.1.0",
                   .meaning = "tracing needs Linux 5.11 or later",
                   .remedy = {},
                   .required = true},
           Finding{.id = "perf.hardware",
                   .subject = "hardware counters",
                   .standing = Standing::kLimited,
                   .value = "no hardware PMU here",
                   .meaning = "cycles and instructions are reported as not supported",
                   .remedy = "run on hardware",
                   .required = false}}};
}

TEST(DoctorTable, BreaksLinesBelowTheirFirstWord) {
  EXPECT_EQ(doctor_table(diagnosis(), machine(), 60),
            "Linux 6.1.0, x86_64, AMD EPYC, 1.5 GiB\n"
            "\n"
            "ok       kernel             6.1.0 - tracing needs Linux 5.11\n"
            "                            or later\n"
            "limited  hardware counters  no hardware PMU here - cycles\n"
            "                            and instructions are reported as\n"
            "                            not supported\n"
            "                            remedy: run on hardware\n"
            "\n"
            "trace-run can trace servers here; what is limited above, it does without.\n");
}

TEST(DoctorTable, EndsWithTheReasonAgainstTracing) {
  Diagnosis bad = diagnosis();
  bad.findings[0].standing = Standing::kMissing;
  bad.findings[0].remedy = "boot a newer one";
  EXPECT_TRUE(doctor_table(bad, machine())
                  .ends_with("\ntrace-run cannot trace: kernel: 6.1.0; boot a newer one.\n"));
  Diagnosis good = diagnosis();
  good.findings.pop_back();
  EXPECT_TRUE(doctor_table(good, machine()).ends_with("\ntrace-run can do everything here.\n"));
}

TEST(DoctorJson, CarriesEachFinding) {
  const auto document = nlohmann::json::parse(doctor_json(diagnosis(), machine()));
  EXPECT_EQ(document["schema_version"], 1);
  EXPECT_EQ(document["can_trace"], true);
  EXPECT_EQ(document["environment"]["kernel"], "6.1.0");
  ASSERT_EQ(document["findings"].size(), 2U);
  const auto& counters = document["findings"][1];
  EXPECT_EQ(counters["id"], "perf.hardware");
  EXPECT_EQ(counters["standing"], "limited");
  EXPECT_EQ(counters["required"], false);
  EXPECT_EQ(counters["remedy"], "run on hardware");
}

// What a file under /proc holds need not be UTF-8.
TEST(DoctorJson, IsValidWhateverTheMachineIsCalled) {
  Environment strange = machine();
  strange.cpu_model = "\xff\xfe";
  EXPECT_FALSE(
      nlohmann::json::parse(doctor_json(diagnosis(), strange), nullptr, false).is_discarded());
}

}  // namespace
}  // namespace tr::commands
