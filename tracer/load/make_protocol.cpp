#include "load/make_protocol.h"

#include <algorithm>
#include <array>
#include <ctime>
#include <utility>

#include <fmt/format.h>

#include "load/echo.h"
#include "load/herd.h"
#include "load/http.h"
#include "util/clock.h"

namespace tr::load {
namespace {

constexpr std::array<std::pair<ProtocolKind, std::string_view>, 3> kProtocols = {
    {{ProtocolKind::kEcho, "echo"}, {ProtocolKind::kHttp, "http"}, {ProtocolKind::kHerd, "herd"}}};

std::uint64_t realtime_ns() {
  timespec now{};
  clock_gettime(CLOCK_REALTIME, &now);
  return static_cast<std::uint64_t>(now.tv_sec) * kNsPerSecond +
         static_cast<std::uint64_t>(now.tv_nsec);
}

}  // namespace

Result<ProtocolKind> parse_protocol(std::string_view text) {
  for (const auto& [kind, name] : kProtocols)
    if (text == name) return kind;
  return usage_error(fmt::format("\"{}\" is none of echo, http and herd", text));
}

std::string_view protocol_name(ProtocolKind kind) {
  return kProtocols[static_cast<std::size_t>(kind)].second;
}

bool closes(ProtocolKind kind) {
  return kind == ProtocolKind::kHerd;
}

Result<std::string> parse_path(std::string_view text) {
  const bool plain = std::all_of(text.begin(), text.end(), [](unsigned char byte) {
    return byte > 0x20 && byte < 0x7f;  // RFC 9112, 3.2: printable ASCII, and no space
  });
  if (text.starts_with('/') && plain && text.find('#') == std::string_view::npos)
    return std::string(text);
  return usage_error(fmt::format(
      "\"{}\" is not a path: it begins with / and has its spaces and other characters as %20",
      text));
}

std::unique_ptr<Protocol> make_protocol(const Settings& settings) {
  switch (settings.protocol) {
    case ProtocolKind::kEcho:
      break;
    case ProtocolKind::kHttp:
      return std::make_unique<Http>(settings.target, settings.path, settings.close);
    case ProtocolKind::kHerd:
      return std::make_unique<Herd>(realtime_ns());
  }
  return std::make_unique<Echo>(settings.size);
}

std::uint64_t request_bytes(const Settings& settings) {
  switch (settings.protocol) {
    case ProtocolKind::kEcho:
      break;
    case ProtocolKind::kHttp:
      return Http(settings.target, settings.path, settings.close).request_size();
    case ProtocolKind::kHerd:
      return 0;
  }
  return settings.size;
}

}  // namespace tr::load
