#include "capture/launch/launch_spec.h"

#include <algorithm>
#include <limits>

#include <fmt/format.h>

#include "util/text.h"

namespace tr::capture {
namespace {

// Fields are strings, each ended by a NUL; lists are preceded by their length.
class FieldWriter {
 public:
  void text(std::string_view field) {
    whole_ = whole_ && field.find('\0') == std::string_view::npos;
    out_.append(field).push_back('\0');
  }
  void number(std::uint64_t value) { text(fmt::format("{}", value)); }
  void flag(bool value) { number(value ? 1 : 0); }
  void list(const std::vector<std::string>& fields) {
    number(fields.size());
    for (const std::string& field : fields)
      text(field);
  }

  [[nodiscard]] bool whole() const { return whole_; }  // no field had a NUL inside
  std::string take() { return std::move(out_); }

 private:
  std::string out_;
  bool whole_ = true;
};

class FieldReader {
 public:
  explicit FieldReader(std::string_view text) : rest_(text) {}

  std::string text() {
    const std::size_t end = rest_.find('\0');
    if (end == std::string_view::npos) {
      failed_ = true;
      return {};
    }
    std::string field(rest_.substr(0, end));
    rest_.remove_prefix(end + 1);
    return field;
  }
  template <class T>
  T number() {
    const auto value = parse_u64(text());
    if (!value || *value > std::numeric_limits<T>::max()) {
      failed_ = true;
      return {};
    }
    return static_cast<T>(*value);
  }
  bool flag() {
    const auto value = number<std::uint8_t>();
    failed_ = failed_ || value > 1;
    return value == 1;
  }
  std::vector<std::string> list() {
    std::vector<std::string> fields;
    for (auto left = number<std::uint64_t>(); left > 0 && !failed_; --left)
      fields.push_back(text());
    return fields;
  }

  [[nodiscard]] bool failed() const { return failed_; }
  // Whether everything was there, and nothing more.
  [[nodiscard]] bool finished() const { return !failed_ && rest_.empty(); }

 private:
  std::string_view rest_;
  bool failed_ = false;
};

std::string_view name_of(std::string_view setting) {
  return setting.substr(0, setting.find('='));
}

}  // namespace

Result<std::string> encode(const LaunchSpec& spec) {
  if (spec.argv.empty()) return usage_error("no program given to start");
  FieldWriter out;
  out.text(spec.program);
  out.list(spec.argv);
  out.list(spec.environment);
  out.text(format_cpu_list(spec.cpus));
  out.flag(spec.input == StandardInput::kInherit);
  out.flag(spec.group == ProcessGroup::kOfTraceRun);
  out.flag(spec.open_files.has_value());
  if (spec.open_files) {
    out.number(spec.open_files->soft);
    out.number(spec.open_files->hard);
  }
  out.flag(spec.user.has_value());
  if (spec.user) {
    out.number(spec.user->uid);
    out.number(spec.user->gid);
    out.text(spec.user->name);
    out.text(spec.user->home);
    out.number(spec.user->groups.size());
    for (const gid_t group : spec.user->groups)
      out.number(group);
  }
  if (!out.whole())
    return usage_error(fmt::format("an argument of {} has a NUL byte inside", spec.program));
  return out.take();
}

std::optional<LaunchSpec> decode(std::string_view text) {
  FieldReader in(text);
  LaunchSpec spec;
  spec.program = in.text();
  spec.argv = in.list();
  spec.environment = in.list();
  if (const std::string cpus = in.text(); !cpus.empty()) {
    auto list = parse_cpu_list(cpus);
    if (!list) return std::nullopt;
    spec.cpus = *std::move(list);
  }
  spec.input = in.flag() ? StandardInput::kInherit : StandardInput::kNullIfTerminal;
  spec.group = in.flag() ? ProcessGroup::kOfTraceRun : ProcessGroup::kOwn;
  if (in.flag()) {
    OpenFileLimit& limit = spec.open_files.emplace();
    limit.soft = in.number<std::uint64_t>();
    limit.hard = in.number<std::uint64_t>();
  }
  if (in.flag()) {
    User& user = spec.user.emplace();
    user.uid = in.number<uid_t>();
    user.gid = in.number<gid_t>();
    user.name = in.text();
    user.home = in.text();
    for (auto left = in.number<std::uint64_t>(); left > 0 && !in.failed(); --left)
      user.groups.push_back(in.number<gid_t>());
  }
  if (!in.finished() || spec.argv.empty()) return std::nullopt;
  return spec;
}

std::vector<std::string> environment_of(const LaunchSpec& spec, const char* const* inherited) {
  std::vector<std::string> result;
  const auto set = [&](std::string setting) {
    const auto earlier = std::find_if(result.begin(), result.end(), [&](const std::string& other) {
      return name_of(other) == name_of(setting);
    });
    if (earlier == result.end())
      result.push_back(std::move(setting));
    else
      *earlier = std::move(setting);
  };
  for (; *inherited != nullptr; ++inherited)
    result.emplace_back(*inherited);
  if (spec.user) {
    set("HOME=" + spec.user->home);
    set("USER=" + spec.user->name);
    set("LOGNAME=" + spec.user->name);
  }
  for (const std::string& setting : spec.environment)
    set(setting);
  return result;
}

}  // namespace tr::capture
