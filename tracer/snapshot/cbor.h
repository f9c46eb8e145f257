// Is this a whole, sane CBOR text (RFC 8949), and where do its items begin and end?
//
// nlohmann-json turns items into values, but it nests as deep as the bytes tell it to (on the
// stack) and makes a tree of everything. A file from outside is walked with a Cursor first; only
// items that it found sound are given to the library, one at a time.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace tr::cbor {

enum class Major : unsigned {
  kUnsigned = 0,
  kNegative = 1,
  kBytes = 2,
  kText = 3,
  kArray = 4,
  kMap = 5,
  kTag = 6,
  kSimple = 7,
};

// The start of an item: its kind, and its value, length or number of elements.
struct Head {
  Major major;
  std::uint64_t argument;
};

// Appends the head of an item: for an array or a map, `argument` elements or pairs must follow.
void append_head(std::string& out, Major major, std::uint64_t argument);

// Walks over CBOR without taking memory for it. Everything it returns lies inside `text`. Only what
// snapshots are made of passes: definite lengths, no tags, nested at most kMaxDepth deep, at most
// kMaxNodes values in an item. The first problem ends the walk: from then on nothing is returned.
class Cursor {
 public:
  explicit Cursor(std::string_view text) : text_(text) {}

  static constexpr unsigned kMaxDepth = 16;
  static constexpr std::uint64_t kMaxNodes = 200'000;

  // The head alone: of an array or a map, whose elements are walked one by one.
  std::optional<Head> head();
  // A whole item with everything in it.
  std::optional<std::string_view> item() { return skip(kMaxNodes); }
  // A whole item of any number of values: to be walked later, not to be made a tree of.
  std::optional<std::string_view> large_item() { return skip(UINT64_MAX); }
  // The characters of a text item.
  std::optional<std::string_view> text();

  [[nodiscard]] std::size_t offset() const { return at_; }
  [[nodiscard]] std::size_t left() const { return text_.size() - at_; }
  // What was wrong and where, in words; "cut short at byte 12"; empty as long as all is well.
  [[nodiscard]] const std::string& problem() const { return problem_; }

 private:
  std::optional<std::string_view> skip(std::uint64_t max_nodes);
  std::optional<std::uint64_t> argument(unsigned additional);
  std::nullopt_t fail(std::string_view what, std::size_t at);

  std::string_view text_;
  std::size_t at_ = 0;
  std::string problem_;
};

}  // namespace tr::cbor
