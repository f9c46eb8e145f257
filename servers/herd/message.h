// What does a line mean, and what is answered? Text in, text out: no sockets, no clock.
//
//   IAMAT client location time     ->  AT server timediff client location time
//   WHATSAT client radius bound    ->  the client's AT line, and places near it
//   SERVER name                        a neighbour's first line: AT lines follow, one for each
//   flood
//
// Fields are separated by any run of blanks, and what stands in them comes back byte for byte.
#pragma once

#include <compare>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>

namespace servers::herd {

// Without its end. A flood carries a client's line and what its server adds.
inline constexpr std::size_t kMaxLine = 4096;
inline constexpr std::size_t kMaxServerName = 32;
inline constexpr std::size_t kMaxFlood = kMaxLine + kMaxServerName + 64;

struct IAmAt {
  std::string_view client;
  std::string_view location;
  std::string_view time;
};
struct WhatsAt {
  std::string_view client;
  std::string_view radius;  // km
  std::size_t bound = 0;
};
struct Hello {
  std::string_view server;
};
struct Invalid {};
using Message = std::variant<Invalid, IAmAt, WhatsAt, Hello>;

// The parts of it view the line.
[[nodiscard]] Message parse_message(std::string_view line);

// What an AT line says.
class At {
 public:
  // The answer of `server` to a client, `now_ns` after 1970 began.
  At(std::string_view server, std::int64_t now_ns, const IAmAt& said);
  // One that came from a neighbour; none if it is no such line.
  static std::optional<At> parse(std::string_view line);

  [[nodiscard]] const std::string& line() const { return line_; }
  [[nodiscard]] std::string_view server() const { return field(server_); }
  [[nodiscard]] std::string_view client() const { return field(client_); }
  [[nodiscard]] std::string_view location() const { return field(location_); }
  [[nodiscard]] std::string_view time() const { return field(time_); }

  // Which of two about the same client is to be kept? That with the client's newer time. Of two
  // with the same time it does not matter, but all servers must come to the same: the greater line.
  [[nodiscard]] bool newer_than(const At& other) const;

 private:
  struct Field {
    std::uint16_t at;
    std::uint16_t size;
  };
  At() = default;
  void set_fields(std::string_view server, std::string_view difference, const IAmAt& said);
  [[nodiscard]] std::string_view field(Field field) const {
    return std::string_view(line_).substr(field.at, field.size);
  }

  std::string line_;
  Field server_{};
  Field client_{};
  Field location_{};
  Field time_{};
};

// "? " and the line, with the line's end.
[[nodiscard]] std::string refusal(std::string_view line);
[[nodiscard]] std::string hello(std::string_view server);

// "34.068930" or "1614209128": digits, and more behind a point.
[[nodiscard]] bool is_decimal(std::string_view text);
// Exactly: no rounding makes two times equal.
[[nodiscard]] std::strong_ordering compare_decimals(std::string_view a, std::string_view b);

// "+34.068930-118.445127": degrees, each with its sign (ISO 6709), the latitude first.
struct Location {
  std::string_view latitude;
  std::string_view longitude;
};
[[nodiscard]] std::optional<Location> parse_location(std::string_view text);

// now - time, in seconds with nine decimals and its sign. (Of the time's own decimals nine count.)
[[nodiscard]] std::string difference(std::int64_t now_ns, std::string_view time);

}  // namespace servers::herd
