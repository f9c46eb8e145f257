// How is a function written that waits, without a thread of its own? As a coroutine that returns a
// Task; `co_await`ing one calls it.
//
// Calls and returns are symmetric transfers: a jump, on whatever stack is there, so the stack does
// not grow with the number of calls that have been awaited. A frame is one operator new, and glibc
// keeps freed ones of each size per thread (tcache): a call costs some 20 ns. What is awaited per
// message (socket.h) has no frame at all, it lies in the caller's.
#pragma once

#include <coroutine>
#include <cstddef>
#include <exception>
#include <optional>
#include <utility>

namespace servers {

template <class T>
class Task;

namespace detail {

class PromiseBase {
 public:
  std::suspend_always initial_suspend() noexcept { return {}; }
  void unhandled_exception() { exception_ = std::current_exception(); }

  // Back to the caller.
  struct Return {
    bool await_ready() noexcept { return false; }
    template <class Promise>
    std::coroutine_handle<> await_suspend(std::coroutine_handle<Promise> ended) noexcept {
      return ended.promise().caller_;
    }
    void await_resume() noexcept {}
  };
  Return final_suspend() noexcept { return {}; }

  void set_caller(std::coroutine_handle<> caller) { caller_ = caller; }

 protected:
  void rethrow() const {
    if (exception_) std::rethrow_exception(exception_);
  }

 private:
  std::coroutine_handle<> caller_ = std::noop_coroutine();
  std::exception_ptr exception_;
};

template <class T>
class Promise : public PromiseBase {
 public:
  Task<T> get_return_object();
  void return_value(T value) { value_.emplace(std::move(value)); }
  T result() {
    rethrow();
    return std::move(*value_);
  }

 private:
  std::optional<T> value_;
};

template <>
class Promise<void> : public PromiseBase {
 public:
  Task<void> get_return_object();
  void return_void() {}
  void result() const { rethrow(); }
};

}  // namespace detail

// Owns the frame. Starts when it is awaited, once; destroying it destroys what it waits for, too.
template <class T = void>
class [[nodiscard]] Task {
 public:
  using promise_type = detail::Promise<T>;
  using Handle = std::coroutine_handle<promise_type>;

  explicit Task(Handle frame) : frame_(frame) {}
  Task(Task&& other) noexcept : frame_(std::exchange(other.frame_, {})) {}
  Task& operator=(Task&&) = delete;
  Task(const Task&) = delete;
  Task& operator=(const Task&) = delete;
  ~Task() {
    if (frame_) frame_.destroy();
  }

  bool await_ready() const noexcept { return false; }
  std::coroutine_handle<> await_suspend(std::coroutine_handle<> caller) {
    frame_.promise().set_caller(caller);
    return frame_;
  }
  T await_resume() { return frame_.promise().result(); }

 private:
  Handle frame_;
};

template <class T>
Task<T> detail::Promise<T>::get_return_object() {
  return Task<T>(std::coroutine_handle<Promise>::from_promise(*this));
}

inline Task<void> detail::Promise<void>::get_return_object() {
  return Task<void>(std::coroutine_handle<Promise>::from_promise(*this));
}

// Tasks that nobody awaits. Those that have not ended with it are destroyed where they wait.
class Scope {
 public:
  Scope() = default;
  Scope(const Scope&) = delete;
  Scope& operator=(const Scope&) = delete;
  ~Scope() {
    while (first_ != nullptr)
      std::coroutine_handle<Root>::from_promise(*first_).destroy();
  }

  // Runs the task until it waits for the first time. An exception that leaves it ends the process.
  void spawn(Task<> task) { run(std::move(task)); }
  // How many have not ended.
  [[nodiscard]] std::size_t count() const { return count_; }

 private:
  struct Started;
  // In a list with all others of the scope.
  struct Root {
    Root(Scope& scope, const Task<>&) : scope_(scope), next_(scope.first_) {
      if (next_ != nullptr) next_->previous_ = this;
      scope_.first_ = this;
      ++scope_.count_;
    }
    Root(const Root&) = delete;
    Root& operator=(const Root&) = delete;
    ~Root() {
      (previous_ != nullptr ? previous_->next_ : scope_.first_) = next_;
      if (next_ != nullptr) next_->previous_ = previous_;
      --scope_.count_;
    }

    Started get_return_object();
    std::suspend_never initial_suspend() noexcept { return {}; }
    std::suspend_never final_suspend() noexcept { return {}; }
    void return_void() {}
    [[noreturn]] void unhandled_exception() noexcept { std::terminate(); }

    Scope& scope_;
    Root* previous_ = nullptr;
    Root* next_;
  };
  struct Started {
    using promise_type = Root;
  };
  Started run(Task<> task) { co_await task; }

  Root* first_ = nullptr;
  std::size_t count_ = 0;
};

inline Scope::Started Scope::Root::get_return_object() {
  return {};
}

}  // namespace servers
