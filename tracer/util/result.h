// What failed, on what, why, and what can be done about it?
#pragma once

#include <optional>
#include <string>
#include <utility>
#include <variant>

namespace tr {

// The kinds of failure a user can tell apart; the values are trace-run's exit codes.
enum class Failure : int { kRun = 1, kUsage = 2, kNotAllowed = 3, kUnfit = 4, kGate = 5 };

// A recoverable error. `code` is an errno, or 0 where `why` says it all.
struct Error {
  Failure failure = Failure::kRun;
  std::string operation{};   // "bind"
  std::string object{};      // "127.0.0.1:80"; may be empty
  int code = 0;              // EADDRINUSE
  std::string why{};         // instead of, or beside, the errno's text
  std::string remedy{};      // "choose another port with --port"; may be empty
  bool interrupted = false;  // by a signal, before there was anything to hand back

  // One line: "cannot bind 127.0.0.1:80: Address already in use; choose another port with --port".
  [[nodiscard]] std::string text() const;
};

// An Error for a system call that has just failed: takes errno.
[[nodiscard]] Error errno_error(std::string operation, std::string object = {},
                                std::string remedy = {});
// An Error of wrong usage (exit code 2); `why` is the whole sentence.
[[nodiscard]] Error usage_error(std::string why, std::string remedy = {});

// Either a value or an Error. A function that only succeeds or fails returns Status.
template <class T>
class [[nodiscard]] Result {
 public:
  Result(T value) : state_(std::in_place_index<0>, std::move(value)) {}
  Result(Error error) : state_(std::in_place_index<1>, std::move(error)) {}

  [[nodiscard]] bool ok() const { return state_.index() == 0; }
  explicit operator bool() const { return ok(); }

  T& value() & { return std::get<0>(state_); }
  const T& value() const& { return std::get<0>(state_); }
  T&& value() && { return std::get<0>(std::move(state_)); }
  T& operator*() & { return value(); }
  const T& operator*() const& { return value(); }
  T&& operator*() && { return std::get<0>(std::move(state_)); }
  T* operator->() { return &value(); }
  const T* operator->() const { return &value(); }

  const Error& error() const& { return std::get<1>(state_); }
  Error&& error() && { return std::get<1>(std::move(state_)); }

 private:
  std::variant<T, Error> state_;
};

// Success, or an Error.
class [[nodiscard]] Status {
 public:
  Status() = default;
  Status(Error error) : error_(std::move(error)) {}

  [[nodiscard]] bool ok() const { return !error_.has_value(); }
  explicit operator bool() const { return ok(); }
  const Error& error() const& { return *error_; }
  Error&& error() && { return *std::move(error_); }

 private:
  std::optional<Error> error_;
};

}  // namespace tr
