#include "protocols/http/path.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <http_parser.h>

namespace servers::http {
namespace {

constexpr std::string_view kIndex = "index.html";

// Percent-decoding (RFC 3986, 2.1), once: what is encoded twice is a name with a percent sign.
std::optional<std::string> decoded(std::string_view text) {
  std::string plain;
  plain.reserve(text.size() + kIndex.size());
  for (std::size_t i = 0; i < text.size(); ++i) {
    char byte = text[i];
    if (byte == '%') {
      if (text.size() - i < 3) return std::nullopt;
      unsigned char value = 0;
      const char* const digits = text.data() + i + 1;
      const auto [end, error] = std::from_chars(digits, digits + 2, value, 16);
      if (error != std::errc{} || end != digits + 2) return std::nullopt;
      byte = static_cast<char>(value);
      i += 2;
    }
    if (byte == '\0') return std::nullopt;
    plain.push_back(byte);
  }
  return plain;
}

bool has_parent_segment(std::string_view path) {
  while (true) {
    const std::size_t slash = path.find('/');
    if (path.substr(0, slash) == "..") return true;
    if (slash == std::string_view::npos) return false;
    path.remove_prefix(slash + 1);
  }
}

struct Type {
  std::string_view extension;
  std::string_view type;
};
// IANA's media types. Text is UTF-8, as nearly all is; a page that says otherwise in itself loses.
constexpr auto kTypes = std::to_array<Type>({
    {"avif", "image/avif"},
    {"css", "text/css; charset=utf-8"},
    {"csv", "text/csv; charset=utf-8"},
    {"gif", "image/gif"},
    {"gz", "application/gzip"},
    {"htm", "text/html; charset=utf-8"},
    {"html", "text/html; charset=utf-8"},
    {"ico", "image/vnd.microsoft.icon"},
    {"jpeg", "image/jpeg"},
    {"jpg", "image/jpeg"},
    {"js", "text/javascript; charset=utf-8"},
    {"json", "application/json"},
    {"md", "text/markdown; charset=utf-8"},
    {"mjs", "text/javascript; charset=utf-8"},
    {"mp3", "audio/mpeg"},
    {"mp4", "video/mp4"},
    {"pdf", "application/pdf"},
    {"png", "image/png"},
    {"svg", "image/svg+xml"},
    {"txt", "text/plain; charset=utf-8"},
    {"wasm", "application/wasm"},
    {"webm", "video/webm"},
    {"webp", "image/webp"},
    {"woff", "font/woff"},
    {"woff2", "font/woff2"},
    {"xhtml", "application/xhtml+xml"},
    {"xml", "application/xml"},
    {"zip", "application/zip"},
});
static_assert(std::ranges::is_sorted(kTypes, {}, &Type::extension));

}  // namespace

Path path_of(std::string_view target) {
  http_parser_url url;
  http_parser_url_init(&url);
  Path path;
  if (http_parser_parse_url(target.data(), target.size(), 0, &url) != 0) {
    path.refused = Status::kBadRequest;
    return path;
  }
  const auto part = [&](http_parser_url_fields field) {
    return (url.field_set & (1U << field)) == 0
               ? std::string_view{}
               : target.substr(url.field_data[field].off, url.field_data[field].len);
  };
  std::string_view raw = part(UF_PATH);
  if (!raw.starts_with('/') && !(raw.empty() && (url.field_set & (1U << UF_HOST)) != 0)) {
    path.refused = Status::kBadRequest;  // "*" is for OPTIONS
    return path;
  }
  raw.remove_prefix(std::min(raw.find_first_not_of('/'), raw.size()));
  auto file = decoded(raw);
  if (!file) {
    path.refused = Status::kBadRequest;
    return path;
  }
  // An encoded slash at the front ("/%2Fetc/passwd") would make the path absolute.
  if (has_parent_segment(*file) || file->starts_with('/')) {
    path.refused = Status::kForbidden;
    return path;
  }
  path.file = *std::move(file);
  if (path.file.empty() || path.file.back() == '/') {
    path.file += kIndex;
  } else {
    // From the root, with one slash: two would name another host.
    path.as_folder.append("/").append(raw).append("/");
    if (const std::string_view query = part(UF_QUERY); !query.empty())
      path.as_folder.append("?").append(query);
  }
  return path;
}

std::string_view content_type(std::string_view file) {
  const std::size_t dot = file.find_last_of("./");
  if (dot != std::string_view::npos && file[dot] == '.') {
    std::string extension(file.substr(dot + 1));
    for (char& letter : extension)
      if (letter >= 'A' && letter <= 'Z') letter = static_cast<char>(letter - 'A' + 'a');
    const auto found = std::ranges::lower_bound(kTypes, extension, {}, &Type::extension);
    if (found != kTypes.end() && found->extension == extension) return found->type;
  }
  return "application/octet-stream";
}

}  // namespace servers::http
