#include "snapshot/cbor.h"

#include <array>

#include <fmt/format.h>

namespace tr::cbor {
namespace {

// The additional information that says how wide the argument is (RFC 8949, 3).
constexpr unsigned kOneByte = 24;
constexpr unsigned kFourBytes = 26;
constexpr unsigned kEightBytes = 27;

constexpr unsigned kFalse = 20;
constexpr unsigned kTrue = 21;
constexpr unsigned kNull = 22;

}  // namespace

void append_head(std::string& out, Major major, std::uint64_t argument) {
  const unsigned kind = static_cast<unsigned>(major) << 5;
  if (argument < kOneByte) {
    out.push_back(static_cast<char>(kind | argument));
    return;
  }
  const unsigned width = argument <= UINT8_MAX    ? 0
                         : argument <= UINT16_MAX ? 1
                         : argument <= UINT32_MAX ? 2
                                                  : 3;
  out.push_back(static_cast<char>(kind | (kOneByte + width)));
  for (int shift = (8 << width) - 8; shift >= 0; shift -= 8)
    out.push_back(static_cast<char>(argument >> shift));
}

std::optional<Head> Cursor::head() {
  if (!problem_.empty()) return std::nullopt;
  const std::size_t start = at_;
  if (left() == 0) return fail("cut short", at_);
  const unsigned initial = static_cast<unsigned char>(text_[at_++]);
  const Major major{initial >> 5};
  const unsigned additional = initial & 0x1f;
  if (major == Major::kTag || additional > kEightBytes) return fail("damaged", start);
  const auto value = argument(additional);
  if (!value) return fail("cut short", start);
  switch (major) {
    case Major::kBytes:
    case Major::kText:
    case Major::kArray:
      // An element of an array takes a byte at least, a pair of a map two.
      if (*value > left()) return fail("cut short", start);
      break;
    case Major::kMap:
      if (*value > left() / 2) return fail("cut short", start);
      break;
    case Major::kNegative:
      // Means -1 - value, which must fit 64 bits.
      if (*value > INT64_MAX) return fail("damaged", start);
      break;
    case Major::kSimple:
      if (additional != kFalse && additional != kTrue && additional != kNull &&
          additional != kFourBytes && additional != kEightBytes)
        return fail("damaged", start);
      break;
    case Major::kUnsigned:
    case Major::kTag:
      break;
  }
  return Head{major, *value};
}

std::optional<std::string_view> Cursor::text() {
  const std::size_t start = at_;
  const auto start_of_text = head();
  if (!start_of_text) return std::nullopt;
  if (start_of_text->major != Major::kText) return fail("damaged", start);
  const std::string_view characters = text_.substr(at_, start_of_text->argument);
  at_ += characters.size();
  return characters;
}

std::optional<std::string_view> Cursor::skip(std::uint64_t max_nodes) {
  const std::size_t start = at_;
  std::array<std::uint64_t, kMaxDepth> open{};  // elements still to come, per open container
  unsigned depth = 0;
  std::uint64_t nodes = 0;
  do {
    const std::size_t here = at_;
    const auto next = head();
    if (!next) return std::nullopt;
    if (++nodes > max_nodes) return fail("damaged (too many values)", start);
    if (depth > 0) --open[depth - 1];
    if (next->major == Major::kBytes || next->major == Major::kText) {
      at_ += next->argument;
    } else if (next->major == Major::kArray || next->major == Major::kMap) {
      if (depth == kMaxDepth) return fail("damaged (nested too deep)", here);
      open[depth++] = next->major == Major::kMap ? 2 * next->argument : next->argument;
    }
    while (depth > 0 && open[depth - 1] == 0)
      --depth;
  } while (depth > 0);
  return text_.substr(start, at_ - start);
}

// Big-endian, as wide as the additional information says; nullopt when the text ends inside.
std::optional<std::uint64_t> Cursor::argument(unsigned additional) {
  if (additional < kOneByte) return additional;
  const std::size_t width = std::size_t{1} << (additional - kOneByte);
  if (left() < width) return std::nullopt;
  std::uint64_t value = 0;
  for (std::size_t i = 0; i < width; ++i)
    value = value << 8 | static_cast<unsigned char>(text_[at_++]);
  return value;
}

std::nullopt_t Cursor::fail(std::string_view what, std::size_t at) {
  problem_ = fmt::format("{} at byte {}", what, at);
  return std::nullopt;
}

}  // namespace tr::cbor
