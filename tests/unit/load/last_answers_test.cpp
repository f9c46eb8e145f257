// A server may end a connection with an answer, as one may in HTTP.
#include <memory>

#include <gmock/gmock.h>

#include "fake_server.h"
#include "load/echo.h"
#include "load/generate.h"
#include "util/clock.h"

namespace tr::load {
namespace {

constexpr std::uint64_t kSize = 64;
constexpr std::uint64_t kAnswers = 3;  // of a connection

// Echo, but each third answer says that it is its connection's last.
class Ending final : public Dialogue {
 public:
  explicit Ending(std::unique_ptr<Dialogue> echo) : echo_(std::move(echo)) {}
  [[nodiscard]] std::size_t request_size(std::uint64_t sequence) const override {
    return echo_->request_size(sequence);
  }
  std::size_t write_request(std::uint64_t sequence, std::size_t offset,
                            std::span<char> room) const override {
    return echo_->write_request(sequence, offset, room);
  }
  Taken read_answer(std::uint64_t sequence, std::span<const char> bytes) override {
    Taken taken = echo_->read_answer(sequence, bytes);
    taken.last = taken.state == State::kWhole && sequence % kAnswers == kAnswers - 1;
    return taken;
  }

 private:
  std::unique_ptr<Dialogue> echo_;
};

class EndingEcho final : public Protocol {
 public:
  [[nodiscard]] std::unique_ptr<Dialogue> open(std::uint32_t number) const override {
    return std::make_unique<Ending>(echo_.open(number));
  }

 private:
  Echo echo_{kSize};
};

struct Case {
  const char* name;
  std::uint64_t pipeline;
  double rate;
};

class LastAnswers : public testing::TestWithParam<Case> {};

TEST_P(LastAnswers, AreFollowedByAConnectionThatGoesOn) {
  constexpr std::uint64_t kAccepted = 60;
  FakeServer server;
  Settings asked;
  asked.target = server.target();
  asked.connections = 2;
  asked.duration_ns = 60 * kNsPerSecond;
  asked.warmup_ns = 0;
  asked.pipeline = GetParam().pipeline;
  asked.rate = GetParam().rate;
  Hooks hooks;
  hooks.window_planned = [&](const Window& window) {
    server.set_milestone_of_accepts(window.open_ns, kAccepted);
    return Status();
  };
  hooks.stops.push_back({server.milestone_fd(), [] { return monotonic_ns(); }});
  const auto outcome = generate(asked, EndingEcho(), hooks);
  ASSERT_TRUE(outcome.ok()) << outcome.error().text();
  server.stop();
  const LoadResult& result = outcome->result;
  const Status sound = check(result, "the server");
  EXPECT_TRUE(sound.ok()) << sound.error().text();
  EXPECT_EQ(result.broken_connections, 0U);
  ASSERT_TRUE(result.reopened);
  EXPECT_GE(*result.reopened + asked.connections, kAccepted);
  EXPECT_GE(result.messages, kAnswers * (*result.reopened - asked.connections));
  EXPECT_LE(result.messages, kAnswers * (*result.reopened + 2 * asked.connections));
  EXPECT_EQ(result.latency.count(), result.messages);
  EXPECT_LE(result.sent, result.messages + result.unanswered + asked.connections * asked.pipeline)
      << "what is sent again is one message";
}

INSTANTIATE_TEST_SUITE_P(Loops, LastAnswers,
                         testing::Values(Case{"closed", 1, 0}, Case{"pipelined", 4, 0},
                                         Case{"open", 1, 5000}, Case{"open_pipelined", 4, 5000}),
                         [](const auto& param) { return std::string(param.param.name); });

}  // namespace
}  // namespace tr::load
