#include "load/control.h"

#include <atomic>
#include <cstring>
#include <sys/socket.h>
#include <thread>

#include <gmock/gmock.h>
#include <nlohmann/json.hpp>

#include "util/clock.h"

namespace tr::load {
namespace {

using testing::HasSubstr;

class Control : public testing::Test {
 protected:
  void SetUp() override {
    auto pair = make_control_pair();
    ASSERT_TRUE(pair.ok());
    load_fd_ = pair->load.get();
    load_.emplace(std::move(pair->load));
    tracer_.emplace(std::move(pair->tracer));
  }
  void send_raw(std::string_view bytes) {
    ASSERT_EQ(::send(load_fd_, bytes.data(), bytes.size(), 0), static_cast<ssize_t>(bytes.size()));
  }
  // A frame around a body that need not be CBOR.
  static std::string frame(std::string_view body, std::uint32_t length) {
    std::string bytes(sizeof length, '\0');
    std::memcpy(bytes.data(), &length, sizeof length);
    return bytes.append(body);
  }
  static std::string frame(const nlohmann::json& message) {
    const auto body = nlohmann::json::to_cbor(message);
    return frame({reinterpret_cast<const char*>(body.data()), body.size()},
                 static_cast<std::uint32_t>(body.size()));
  }

  int load_fd_ = -1;
  std::optional<LoadEnd> load_;
  std::optional<TracerEnd> tracer_;
};

TEST_F(Control, CarriesTheWindowAndTheOutcome) {
  Outcome sent{{100, 200}, true, {}, {.bin_ns = 10, .answers = {4, 0, 6}}};
  sent.result.messages = 3;
  sent.result.latency.record(5);
  sent.result.latency.record(123'456'789);
  ASSERT_TRUE(load_->announce({100, 900}).ok());
  ASSERT_TRUE(load_->finish(sent).ok());

  const auto window = tracer_->read_window();
  ASSERT_TRUE(window.ok());
  EXPECT_EQ(window->open_ns, 100U);
  EXPECT_EQ(window->close_ns, 900U);
  const auto outcome = tracer_->read_outcome();
  ASSERT_TRUE(outcome.ok());
  EXPECT_EQ(outcome->window.close_ns, 200U);
  EXPECT_TRUE(outcome->interrupted);
  EXPECT_EQ(outcome->result.messages, 3U);
  EXPECT_EQ(outcome->after, sent.after);
  EXPECT_EQ(outcome->result.latency.max(), 123'456'789U);
}

TEST_F(Control, CarriesAResultLargerThanTheSocketsBuffer) {
  Outcome sent{{1, 2}, false, {}, {}};
  for (std::size_t i = 0; i < 20'000; ++i) {
    sent.result.latency.add(i, 1'000'000 + i);
    sent.result.service.add(i, 2'000'000 + i);
  }
  std::thread sender([&] { EXPECT_TRUE(load_->finish(sent).ok()); });
  const auto outcome = tracer_->read_outcome();
  sender.join();
  ASSERT_TRUE(outcome.ok());
  EXPECT_EQ(outcome->result.latency.buckets(), sent.result.latency.buckets());
  EXPECT_EQ(outcome->result.service.sum(), sent.result.service.sum());
}

TEST_F(Control, CarriesAnErrorWhole) {
  const Error sent{.failure = Failure::kNotAllowed,
                   .operation = "open",
                   .object = "9 connections",
                   .code = EMFILE,
                   .why = "no",
                   .remedy = "use fewer"};
  ASSERT_TRUE(load_->fail(sent).ok());
  const auto window = tracer_->read_window();
  ASSERT_FALSE(window.ok());
  EXPECT_EQ(window.error().failure, Failure::kNotAllowed);
  EXPECT_EQ(window.error().text(), sent.text());
}

TEST_F(Control, SaysThatTheLoadDied) {
  ASSERT_TRUE(load_->announce({1, 2}).ok());
  load_.reset();
  EXPECT_TRUE(tracer_->read_window().ok());
  const auto outcome = tracer_->read_outcome();
  ASSERT_FALSE(outcome.ok());
  EXPECT_THAT(outcome.error().text(), HasSubstr("ended without a result"));
}

TEST_F(Control, SaysThatTheLoadDiedInTheMiddleOfAMessage) {
  const std::string whole = frame({{"type", "window"}, {"open_ns", 1}, {"close_ns", 2}});
  send_raw(whole.substr(0, whole.size() - 1));
  load_.reset();
  EXPECT_THAT(tracer_->read_window().error().text(), HasSubstr("in the middle of a message"));
}

TEST_F(Control, PutsAMessageTogetherFromPieces) {
  const std::string whole = frame({{"type", "window"}, {"open_ns", 1}, {"close_ns", 2}});
  for (const char byte : whole.substr(0, whole.size() - 1)) {
    send_raw({&byte, 1});
    const auto none = tracer_->read(0);
    ASSERT_TRUE(none.ok());
    EXPECT_FALSE(none->has_value());
  }
  send_raw(whole.substr(whole.size() - 1));
  EXPECT_EQ(tracer_->read_window()->close_ns, 2U);
}

TEST_F(Control, RefusesAnythingElse) {
  const nlohmann::json window = {{"type", "window"}, {"open_ns", 1}, {"close_ns", 2}};
  nlohmann::json other_type = window;
  other_type["type"] = "dance";
  nlohmann::json no_close = window;
  no_close.erase("close_ns");
  nlohmann::json text_close = window;
  text_close["close_ns"] = "soon";
  const nlohmann::json no_result = {
      {"type", "outcome"}, {"open_ns", 1}, {"close_ns", 2}, {"interrupted", false}, {"result", {}}};
  for (const std::string& bytes :
       {frame("", 0xffffffff), frame("garbage", 7), frame("", 0), frame(nlohmann::json(5)),
        frame(other_type), frame(no_close), frame(text_close), frame(no_result)}) {
    SetUp();
    send_raw(bytes);
    EXPECT_FALSE(tracer_->read(-1).ok()) << bytes;
  }
}

TEST_F(Control, ExpectsTheWindowBeforeTheOutcome) {
  ASSERT_TRUE(load_->finish({}).ok());
  EXPECT_FALSE(tracer_->read_window().ok());
}

TEST_F(Control, HandsAStopToTheLoad) {
  const std::uint64_t later = monotonic_ns() + 60 * kNsPerSecond;
  ASSERT_TRUE(tracer_->stop(later).ok());
  EXPECT_EQ(load_->read_stop(), later);

  const std::uint64_t before = monotonic_ns();
  ASSERT_TRUE(tracer_->stop().ok());
  const std::uint64_t at_once = load_->read_stop();
  EXPECT_GE(at_once, before);
  EXPECT_LE(at_once, monotonic_ns());
}

TEST_F(Control, HoldsTheLoadUntilItIsLetGo) {
  ASSERT_TRUE(tracer_->stop(5).ok());  // one that came too late does not let go
  std::atomic<bool> going = false;
  std::thread load([&] {
    EXPECT_TRUE(load_->hold().ok());
    going = true;
  });
  const auto message = tracer_->read(-1);
  EXPECT_TRUE(message.ok() && std::holds_alternative<Held>(**message));
  EXPECT_FALSE(going);
  EXPECT_TRUE(tracer_->let_go().ok());
  load.join();
}

TEST_F(Control, LetsGoOfTheLoadWhenTheTracerIsGone) {
  std::thread load([&] { EXPECT_TRUE(load_->hold().ok()); });
  EXPECT_TRUE(tracer_->read(-1).ok());
  tracer_.reset();
  load.join();
}

TEST_F(Control, StopsTheLoadWhenTheTracerIsGone) {
  tracer_.reset();
  const std::uint64_t close_ns = load_->read_stop();
  EXPECT_LE(close_ns, monotonic_ns());
  EXPECT_FALSE(load_->announce({1, 2}).ok());  // and no SIGPIPE
}

}  // namespace
}  // namespace tr::load
