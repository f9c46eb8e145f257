#include "snapshot/load_result.h"

#include <gmock/gmock.h>
#include <nlohmann/json.hpp>

namespace tr {
namespace {

using testing::HasSubstr;

LoadResult full_result() {
  LoadResult result;
  result.connections = 1;
  result.connect_failures = 2;
  result.messages = UINT64_MAX;
  result.bytes = 4;
  result.sent = 5;
  result.wrong_answers = 6;
  result.broken_connections = 7;
  result.silent_connections = 8;
  result.first_failure = "connection 3 broke: \"oops\"";
  for (const std::uint64_t ns : {1UL, 1000UL, 123'456'789UL, 9'876'543'210UL})
    result.latency.record(ns, 3);
  result.service.record(77);
  result.bins = AnswerBins{100'000'000, {3, 0, UINT64_MAX}};
  result.unanswered = 9;
  result.longest_unanswered_ns = 10;
  result.fairness_p5 = 0.1;
  result.fairness_p50 = 0.2;
  result.fairness_p95 = 0.3;
  result.fairness_jain = 1.0 / 3;
  result.user_ns = 11;
  result.system_ns = 12;
  result.runqueue_ns = 13;
  result.cpus = 14;
  result.late_sends = 15;
  result.saturated = true;
  result.saturation = "why";
  return result;
}

TEST(LoadResultJson, LosesNothingThereAndBack) {
  const nlohmann::json there = load_result_to_json(full_result());
  const auto back =
      load_result_from_json(nlohmann::json::from_cbor(nlohmann::json::to_cbor(there)));
  ASSERT_TRUE(back.ok()) << back.error().text();
  EXPECT_EQ(load_result_to_json(*back), there);
  EXPECT_EQ(back->messages, UINT64_MAX);
  EXPECT_EQ(back->fairness_jain, 1.0 / 3);
  EXPECT_EQ(back->runqueue_ns, 13U);
  EXPECT_EQ(back->bins, full_result().bins);
  EXPECT_EQ(back->latency.count(), 12U);
  EXPECT_EQ(back->latency.sum(), full_result().latency.sum());
  EXPECT_EQ(back->latency.max(), 9'876'543'210U);
  EXPECT_EQ(back->latency.quantile(0.5), full_result().latency.quantile(0.5));
}

TEST(LoadResultJson, LeavesOutWhatIsUnknown) {
  LoadResult result = full_result();
  result.runqueue_ns.reset();
  result.bins.reset();
  const nlohmann::json there = load_result_to_json(result);
  EXPECT_FALSE(there.contains("runqueue_ns"));
  EXPECT_FALSE(there.contains("bins"));
  EXPECT_EQ(load_result_from_json(there)->runqueue_ns, std::nullopt);
  EXPECT_EQ(load_result_from_json(there)->bins, std::nullopt);
}

TEST(LoadResultJson, NamesWhatIsDamaged) {
  const nlohmann::json whole = load_result_to_json(full_result());
  nlohmann::json missing = whole;
  missing.erase("messages");
  EXPECT_THAT(load_result_from_json(missing).error().text(), HasSubstr("messages"));
  nlohmann::json wrong_type = whole;
  wrong_type["latency"]["buckets"] = {{1, "many"}};
  EXPECT_FALSE(load_result_from_json(wrong_type).ok());
  nlohmann::json no_bins = whole;
  no_bins["bins"].erase("answers");
  EXPECT_THAT(load_result_from_json(no_bins).error().text(), HasSubstr("answers"));
  EXPECT_FALSE(load_result_from_json(5).ok());
}

}  // namespace
}  // namespace tr
