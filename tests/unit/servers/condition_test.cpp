// Do coroutines go on when a condition is notified, or when they have waited long enough?
#include "common/coroutine/condition.h"

#include <memory>
#include <optional>
#include <sys/eventfd.h>

#include <gtest/gtest.h>

#include "common/coroutine/dial.h"
#include "common/coroutine/task.h"
#include "common/listener.h"

namespace servers {
namespace {

Task<> wait_once(Condition& condition, Milliseconds patience, std::optional<bool>& notified) {
  const bool result = co_await condition.wait(patience);
  notified = result;
}

class ConditionTest : public testing::Test {
 protected:
  void run_once() {
    reactor_.wait(reactor_.timers_ms(), [](int) {});
    reactor_.run_timers();
  }

  Fd always_{::eventfd(0, EFD_CLOEXEC)};
  Reactor reactor_{always_.get()};
  std::unique_ptr<Condition> condition_ = std::make_unique<Condition>(reactor_);
  std::optional<bool> notified_;
  std::optional<Scope> scope_{std::in_place};
};

TEST_F(ConditionTest, ANotificationWakesTheWaiterLater) {
  scope_->spawn(wait_once(*condition_, kForEver, notified_));
  condition_->notify();
  condition_->notify();
  EXPECT_FALSE(notified_);
  run_once();
  EXPECT_EQ(notified_, true);
  EXPECT_EQ(scope_->count(), 0U);
}

TEST_F(ConditionTest, ANotificationIsKeptForTheNextWaiterOnce) {
  condition_->notify();
  scope_->spawn(wait_once(*condition_, kForEver, notified_));
  EXPECT_EQ(notified_, true);
  notified_.reset();
  scope_->spawn(wait_once(*condition_, kForEver, notified_));
  EXPECT_FALSE(notified_);
}

TEST_F(ConditionTest, TimePasses) {
  const auto begun = Clock::now();
  scope_->spawn(wait_once(*condition_, Milliseconds{5}, notified_));
  EXPECT_GE(reactor_.timers_ms(), 0);
  while (!notified_)
    run_once();
  EXPECT_EQ(notified_, false);
  EXPECT_GE(Clock::now() - begun, Milliseconds{5});
  EXPECT_EQ(reactor_.timers_ms(), -1);
}

TEST_F(ConditionTest, ANotificationThatComesWithTheTimeIsNotTakenTwice) {
  scope_->spawn(wait_once(*condition_, Milliseconds{0}, notified_));
  condition_->notify();
  reactor_.run_timers();  // the time is over before the notification's turn
  EXPECT_EQ(notified_, true);
  notified_.reset();
  scope_->spawn(wait_once(*condition_, kForEver, notified_));
  reactor_.wait(0, [](int) {});
  EXPECT_FALSE(notified_);
}

TEST_F(ConditionTest, WaitersAndConditionsMayGo) {
  scope_->spawn(wait_once(*condition_, Milliseconds{0}, notified_));
  condition_->notify();
  scope_.reset();
  reactor_.wait(0, [](int) {});
  EXPECT_FALSE(notified_);
  condition_.reset();
  reactor_.wait(0, [](int) {});
  condition_ = std::make_unique<Condition>(reactor_);
  scope_.emplace().spawn(wait_once(*condition_, kForEver, notified_));
  condition_->notify();
  scope_.reset();
  condition_.reset();
  reactor_.wait(0, [](int) {});
  EXPECT_FALSE(notified_);
}

Task<> dial_once(Reactor& reactor, Address to, std::optional<Dialled>& dialled) {
  Dialled result = co_await dial(reactor, to, std::nullopt, kForEver);
  dialled = std::move(result);
}

TEST_F(ConditionTest, DiallingConnectsOrSaysWhyNot) {
  std::optional<Dialled> dialled;
  const Address nowhere = *Address::parse("127.0.0.1", 1);
  Address here = nowhere;
  {
    const Listener listener("127.0.0.1", 0, 1);
    const std::string text = listener.address();
    here =
        nowhere.with_port(static_cast<std::uint16_t>(std::stoi(text.substr(text.find(':') + 1))));
    scope_->spawn(dial_once(reactor_, here, dialled));
    while (!dialled)
      run_once();
    EXPECT_TRUE(dialled->socket);
    EXPECT_EQ(dialled->error, 0);
  }
  dialled.reset();
  scope_->spawn(dial_once(reactor_, here, dialled));  // nobody listens any more
  while (!dialled)
    run_once();
  EXPECT_FALSE(dialled->socket);
  EXPECT_EQ(dialled->error, ECONNREFUSED);
}

}  // namespace
}  // namespace servers
