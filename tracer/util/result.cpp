#include "util/result.h"

#include <cerrno>
#include <cstring>

namespace tr {

std::string Error::text() const {
  std::string line;
  if (!operation.empty()) {
    line = "cannot " + operation;
    if (!object.empty()) line += " " + object;
  }
  std::string reason = why;
  if (code != 0) {
    if (!reason.empty()) reason += ": ";
    reason += std::strerror(code);
  }
  if (!reason.empty()) line += (line.empty() ? "" : ": ") + reason;
  if (!remedy.empty()) line += "; " + remedy;
  return line;
}

Error errno_error(std::string operation, std::string object, std::string remedy) {
  const int code = errno;
  return Error{.failure = Failure::kRun,
               .operation = std::move(operation),
               .object = std::move(object),
               .code = code,
               .why = {},
               .remedy = std::move(remedy)};
}

Error usage_error(std::string why, std::string remedy) {
  return Error{.failure = Failure::kUsage,
               .operation = {},
               .object = {},
               .code = 0,
               .why = std::move(why),
               .remedy = std::move(remedy)};
}

}  // namespace tr
