#include "load/make_protocol.h"

#include <algorithm>

#include <fmt/format.h>

#include "load/echo.h"
#include "load/http.h"

namespace tr::load {

Result<ProtocolKind> parse_protocol(std::string_view text) {
  for (const ProtocolKind kind : {ProtocolKind::kEcho, ProtocolKind::kHttp})
    if (text == protocol_name(kind)) return kind;
  return usage_error(fmt::format("\"{}\" is neither echo nor http", text));
}

std::string_view protocol_name(ProtocolKind kind) {
  return kind == ProtocolKind::kEcho ? "echo" : "http";
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
  if (settings.protocol == ProtocolKind::kHttp)
    return std::make_unique<Http>(settings.target, settings.path);
  return std::make_unique<Echo>(settings.size);
}

std::uint64_t request_bytes(const Settings& settings) {
  if (settings.protocol == ProtocolKind::kEcho) return settings.size;
  return Http(settings.target, settings.path).request_size();
}

}  // namespace tr::load
