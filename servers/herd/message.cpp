#include "herd/message.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <span>

#include <fmt/format.h>

namespace servers::herd {
namespace {

// The POSIX locale's isspace(3).
constexpr std::string_view kBlanks = " \t\n\v\f\r";
constexpr std::string_view kDigits = "0123456789";
constexpr std::size_t kMaxFields = 6;
// Seconds that fit into 64 bits, with room for a difference.
constexpr std::size_t kMaxWholeDigits = 18;
constexpr std::int64_t kNsPerSecond = 1'000'000'000;

struct Fields {
  std::array<std::string_view, kMaxFields> text;
  std::size_t count = 0;  // one more than fit if there are too many
};

Fields split(std::string_view line) {
  Fields fields;
  for (;;) {
    const std::size_t begin = line.find_first_not_of(kBlanks);
    if (begin == std::string_view::npos) return fields;
    line.remove_prefix(begin);
    if (fields.count == kMaxFields) {
      ++fields.count;
      return fields;
    }
    const std::size_t size = std::min(line.find_first_of(kBlanks), line.size());
    fields.text[fields.count++] = line.substr(0, size);
    line.remove_prefix(size);
  }
}

struct Decimal {
  std::string_view whole;     // without leading zeros
  std::string_view fraction;  // without trailing zeros
};

Decimal take_apart(std::string_view text) {
  const std::size_t point = std::min(text.find('.'), text.size());
  Decimal decimal{.whole = text.substr(0, point), .fraction = text.substr(point)};
  decimal.whole.remove_prefix(std::min(decimal.whole.find_first_not_of('0'), point));
  if (!decimal.fraction.empty()) decimal.fraction.remove_prefix(1);
  decimal.fraction = decimal.fraction.substr(0, decimal.fraction.find_last_not_of('0') + 1);
  return decimal;
}

bool is_time(std::string_view text) {
  return is_decimal(text) && take_apart(text).whole.size() <= kMaxWholeDigits;
}

bool is_at_most(std::string_view text, std::string_view most) {
  return is_decimal(text) && std::is_lteq(compare_decimals(text, most));
}

// Up to the next sign.
std::string_view take_signed(std::string_view& text) {
  if (text.empty() || (text[0] != '+' && text[0] != '-')) return {};
  const std::size_t size = std::min(text.find_first_of("+-", 1), text.size());
  const std::string_view part = text.substr(0, size);
  text.remove_prefix(size);
  return part;
}

std::size_t parse_bound(std::string_view text) {
  constexpr std::size_t kMost = 20;
  std::size_t bound = 0;
  const char* const end = text.data() + text.size();
  const auto [parsed, error] = std::from_chars(text.data(), end, bound);
  return error == std::errc{} && parsed == end && bound <= kMost ? bound : 0;
}

}  // namespace

Message parse_message(std::string_view line) {
  const auto [field, count] = split(line);
  if (count == 4 && field[0] == "IAMAT") {
    const IAmAt said{.client = field[1], .location = field[2], .time = field[3]};
    if (parse_location(said.location) && is_time(said.time)) return said;
  } else if (count == 4 && field[0] == "WHATSAT") {
    const WhatsAt asked{.client = field[1], .radius = field[2], .bound = parse_bound(field[3])};
    if (is_at_most(asked.radius, "50") && asked.bound > 0) return asked;
  } else if (count == 2 && field[0] == "SERVER") {
    return Hello{.server = field[1]};
  }
  return Invalid{};
}

At::At(std::string_view server, std::int64_t now_ns, const IAmAt& said) {
  set_fields(server, difference(now_ns, said.time), said);
}

std::optional<At> At::parse(std::string_view line) {
  const auto [field, count] = split(line);
  if (count != 6 || field[0] != "AT") return {};
  const IAmAt said{.client = field[3], .location = field[4], .time = field[5]};
  std::string_view sign = field[2];
  if (take_signed(sign) != field[2] || !is_decimal(field[2].substr(1)) ||
      field[1].size() > kMaxServerName || !parse_location(said.location) || !is_time(said.time))
    return {};
  At at;
  at.set_fields(field[1], field[2], said);
  if (at.line_ != line) return {};
  return at;
}

void At::set_fields(std::string_view server, std::string_view difference, const IAmAt& said) {
  line_ = "AT";
  const auto append = [this](std::string_view text) {
    line_ += ' ';
    line_ += text;
    return Field{.at = static_cast<std::uint16_t>(line_.size() - text.size()),
                 .size = static_cast<std::uint16_t>(text.size())};
  };
  server_ = append(server);
  append(difference);
  client_ = append(said.client);
  location_ = append(said.location);
  time_ = append(said.time);
}

bool At::newer_than(const At& other) const {
  const auto order = compare_decimals(time(), other.time());
  return std::is_neq(order) ? std::is_gt(order) : line_ > other.line_;
}

std::string refusal(std::string_view line) {
  return fmt::format("? {}\n", line);
}

std::string hello(std::string_view server) {
  return fmt::format("SERVER {}\n", server);
}

bool is_decimal(std::string_view text) {
  const std::size_t point = std::min(text.find('.'), text.size());
  const auto digits = [](std::string_view part) {
    return !part.empty() && part.find_first_not_of(kDigits) == std::string_view::npos;
  };
  return digits(text.substr(0, point)) && (point == text.size() || digits(text.substr(point + 1)));
}

std::strong_ordering compare_decimals(std::string_view a, std::string_view b) {
  const Decimal x = take_apart(a);
  const Decimal y = take_apart(b);
  if (x.whole.size() != y.whole.size()) return x.whole.size() <=> y.whole.size();
  if (x.whole != y.whole) return x.whole <=> y.whole;
  return x.fraction <=> y.fraction;
}

std::optional<Location> parse_location(std::string_view text) {
  const Location location{.latitude = take_signed(text), .longitude = take_signed(text)};
  if (!text.empty() || location.latitude.empty() || location.longitude.empty() ||
      !is_at_most(location.latitude.substr(1), "90") ||
      !is_at_most(location.longitude.substr(1), "180"))
    return {};
  return location;
}

std::string difference(std::int64_t now_ns, std::string_view time) {
  const Decimal then = take_apart(time);
  const auto number = [](std::string_view digits) {
    std::int64_t value = 0;
    std::from_chars(digits.data(), digits.data() + digits.size(), value);
    return value;
  };
  std::string nine(then.fraction.substr(0, 9));
  nine.resize(9, '0');
  std::int64_t seconds = now_ns / kNsPerSecond - number(then.whole);
  std::int64_t ns = now_ns % kNsPerSecond - number(nine);
  if (seconds > 0 && ns < 0) {
    --seconds;
    ns += kNsPerSecond;
  } else if (seconds < 0 && ns > 0) {
    ++seconds;
    ns -= kNsPerSecond;
  }
  const bool negative = seconds < 0 || ns < 0;
  return fmt::format("{}{}.{:09}", negative ? '-' : '+', negative ? -seconds : seconds,
                     negative ? -ns : ns);
}

}  // namespace servers::herd
