// Which runs does a selector mean? The selectors of Store::select().
#include <algorithm>
#include <limits>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "store/database.h"
#include "store/rows.h"
#include "store/store.h"
#include "util/nearest.h"
#include "util/text.h"

namespace tr::store {
namespace {

constexpr std::string_view kLast = "last";
constexpr const char* kListRemedy = "trace-run runs lists them";

// Numbers that can be a run's.
std::optional<RunId> parse_id(std::string_view text) {
  const auto number = parse_u64(text);
  if (!number || *number == 0 || *number > std::numeric_limits<RunId>::max()) return std::nullopt;
  return static_cast<RunId>(*number);
}

std::string_view last_part(std::string_view path) {
  return path.substr(path.rfind('/') + 1);
}

// A name that somebody typed, as a message may show it.
std::string shown(std::string_view name) {
  constexpr std::size_t kLongest = 80;
  std::string text(name.substr(0, kLongest));
  for (char& c : text)
    if (c < ' ' || c == '\x7f') c = '?';
  return text + (name.size() > kLongest ? "..." : "");
}

// The numbers of two that frame one that is not there; `column` holds them.
Result<std::vector<RunId>> neighbours(Database& database, const char* column, RunId id) {
  std::vector<RunId> found;
  for (const char* const sql :
       {"SELECT MAX({0}) FROM runs WHERE {0} < {1}", "SELECT MIN({0}) FROM runs WHERE {0} > {1}"}) {
    const auto near = database.number(fmt::format(fmt::runtime(sql), column, id));
    if (!near) return near.error();
    if (*near != 0) found.push_back(*near);
  }
  return found;
}

// The error where runs, or groups, with such numbers are not there.
Error no_number(Database& database, const char* column, const std::string& what, const char* mark,
                RunId near_id) {
  const auto near = neighbours(database, column, near_id);
  if (!near) return near.error();
  if (near->empty()) return usage_error(what, fmt::format("{} holds no runs", database.path()));
  std::vector<std::string> names;
  for (const RunId id : *near)
    names.push_back(fmt::format("{}{}", mark, id));
  return usage_error(what, fmt::format("the nearest {} {}", names.size() == 1 ? "is" : "are",
                                       fmt::join(names, " and ")));
}

}  // namespace

std::string server_key(std::string_view name) {
  constexpr std::string_view kBundled = "servers/";
  if (name.starts_with(kBundled)) name.remove_prefix(kBundled.size());
  return std::string(name);
}

bool is_lasting(const std::vector<RunRecord>& selected, std::string_view selector) {
  if (selector.starts_with('@') ||
      (!selector.empty() && selector.find_first_not_of("0123456789-") == selector.npos))
    return true;
  return std::ranges::all_of(selected, [&](const RunRecord& run) {
    return std::ranges::find(run.tags, selector) != run.tags.end();
  });
}

Result<std::vector<RunRecord>> Store::select(std::string_view selector) {
  if (const auto id = parse_id(selector)) return select_numbers(*id, *id);
  if (selector.starts_with('@')) {
    if (const auto group = parse_id(selector.substr(1))) return select_group(*group);
    return usage_error(
        fmt::format("\"{}\" is no group: those are @1, @2 and so on", shown(selector)),
        kListRemedy);
  }
  if (const std::size_t dash = selector.find('-'); dash != selector.npos) {
    const auto from = parse_id(selector.substr(0, dash));
    const auto to = parse_id(selector.substr(dash + 1));
    if (from && to && *from > *to)
      return usage_error(
          fmt::format("{} is no range: its end comes before its beginning", selector));
    if (from && to) return select_numbers(*from, *to);
  }
  if (selector == kLast) return select_before_last(0);
  if (selector.starts_with("last~")) {
    if (const auto back = parse_u64(selector.substr(kLast.size() + 1)))
      return select_before_last(*back);
    return usage_error(
        fmt::format("\"{}\": after last~ comes a number of groups back", shown(selector)));
  }
  return select_name(std::string(selector));
}

Result<std::vector<RunRecord>> Store::select_numbers(RunId from, RunId to) {
  auto runs = records_where(*database_, "WHERE id BETWEEN ? AND ? ORDER BY id", from, to);
  if (runs && runs->empty())
    return no_number(*database_, "id",
                     from == to ? fmt::format("there is no run {}", from)
                                : fmt::format("there are no runs {}-{}", from, to),
                     "", from);
  return runs;
}

Result<std::vector<RunRecord>> Store::select_group(RunId group) {
  auto runs = records_where(*database_, "WHERE run_group = ? ORDER BY id", group);
  if (runs && runs->empty())
    return no_number(*database_, "run_group", fmt::format("there is no group @{}", group), "@",
                     group);
  return runs;
}

Result<std::vector<RunRecord>> Store::select_before_last(std::uint64_t back) {
  auto groups = database_->prepare("SELECT DISTINCT run_group FROM runs ORDER BY 1 DESC");
  if (!groups) return std::move(groups).error();
  std::uint64_t seen = 0;
  for (;; ++seen) {
    const auto row = groups->step();
    if (!row) return row.error();
    if (!*row) break;
    if (seen == back) return select_group(groups->integer(0));
  }
  if (seen == 0) return usage_error(fmt::format("{} holds no runs", database_->path()));
  return usage_error(fmt::format("there is no last~{}: there {} {} group{} of runs", back,
                                 seen == 1 ? "is" : "are", seen, seen == 1 ? "" : "s"),
                     fmt::format("the oldest is last~{}", seen - 1));
}

Result<std::vector<std::string>> Store::texts(std::string_view sql) {
  auto statement = database_->prepare(sql);
  if (!statement) return std::move(statement).error();
  std::vector<std::string> found;
  for (;;) {
    const auto row = statement->step();
    if (!row) return row.error();
    if (!*row) return found;
    found.push_back(statement->text(0));
  }
}

Result<std::vector<RunRecord>> Store::tagged(std::string_view name) {
  return records_where(*database_, "WHERE id IN (SELECT run FROM tags WHERE name = ?) ORDER BY id",
                       name);
}

Result<std::vector<RunRecord>> Store::select_name(const std::string& name) {
  auto tagged =
      records_where(*database_, "WHERE id IN (SELECT run FROM tags WHERE name = ?) ORDER BY id",
                    std::string_view(name));
  if (!tagged) return tagged;
  const auto servers = texts("SELECT DISTINCT server FROM runs ORDER BY server");
  if (!servers) return servers.error();

  // A program may be named by the end of its path.
  std::vector<std::string> meant;
  const std::string key = server_key(name);
  for (const std::string& server : *servers) {
    if (server == key) {
      meant = {server};
      break;
    }
    if (last_part(server) == key) meant.push_back(server);
  }
  if (!tagged->empty() && !meant.empty())
    return usage_error(
        fmt::format("\"{}\" is a tag, and the name of a server: which is meant?", shown(name)),
        fmt::format("name the tagged runs by number ({}, ...)", tagged->front().id));
  if (!tagged->empty()) return tagged;
  if (meant.size() > 1)
    return usage_error(fmt::format("\"{}\" may be {}", shown(name),
                                   shown(fmt::format("{}", fmt::join(meant, " or ")))),
                       "give the whole name");
  if (!meant.empty()) {
    auto newest = database_->prepare("SELECT MAX(run_group) FROM runs WHERE server = ?");
    if (!newest) return std::move(newest).error();
    const auto row = newest->bind(std::string_view(meant.front())).step();
    if (!row) return row.error();
    return select_group(newest->integer(0));
  }

  auto names = texts("SELECT DISTINCT name FROM tags ORDER BY name");
  if (!names) return std::move(names).error();
  for (const std::string& server : *servers)
    names->emplace_back(last_part(server));
  std::vector<std::string> near;
  for (const std::string& each : nearest_names(name, *names))
    near.push_back(shown(each));
  return usage_error(
      fmt::format("no run has the tag, or is of the server, \"{}\"", shown(name)),
      near.empty() ? kListRemedy : fmt::format("did you mean {}?", fmt::join(near, " or ")));
}

}  // namespace tr::store
