// Where does a line end? Bytes come in pieces, lines are wanted whole, and none may grow for ever.
#pragma once

#include <algorithm>
#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace servers::herd {

// A line ends with LF, or CR LF.
class Lines {
 public:
  explicit Lines(std::size_t longest) : longest_(longest) {}

  void set_longest(std::size_t longest) { longest_ = longest; }
  // Whether anything has come, be it only a line's end.
  [[nodiscard]] bool has_begun() const { return !text_.empty(); }

  void add(std::span<const std::byte> bytes) {
    text_.erase(0, taken_);
    taken_ = 0;
    text_.append(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  }
  // The next whole line without its end, until add() is called; none if more must come first. One
  // that is longer than allowed is none, ever.
  [[nodiscard]] std::optional<std::string_view> next() {
    const std::string_view rest = std::string_view(text_).substr(taken_);
    const std::size_t end = rest.find('\n');
    if (end == std::string_view::npos) return {};
    const std::string_view line = without_cr(rest.substr(0, end));
    if (line.size() > longest_) return {};
    taken_ += end + 1;
    return line;
  }
  // After next() had none: whether there can be none any more.
  [[nodiscard]] bool too_long() const {
    const std::string_view rest = std::string_view(text_).substr(taken_);
    return without_cr(rest.substr(0, rest.find('\n'))).size() > longest_;
  }
  // What has come of a line that will not be finished; of one that is too long, as much as is
  // allowed.
  [[nodiscard]] std::string_view rest() const {
    const std::string_view rest = std::string_view(text_).substr(taken_);
    return without_cr(rest.substr(0, rest.find('\n'))).substr(0, longest_);
  }

 private:
  [[nodiscard]] static std::string_view without_cr(std::string_view line) {
    if (line.ends_with('\r')) line.remove_suffix(1);
    return line;
  }

  std::size_t longest_;
  std::string text_;
  std::size_t taken_ = 0;
};

}  // namespace servers::herd
