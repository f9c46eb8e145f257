#include "commands/list.h"

#include <algorithm>
#include <memory>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "commands/command.h"
#include "commands/parser.h"
#include "report/json_value.h"

namespace tr::commands {

void setup_list(App& app, int& exit_code) {
  auto options = std::make_shared<ListOptions>();
  App list = app.add_subcommand("list", "List the bundled servers, with one line each");
  list->add_flag("--json", options->json, "Print the list as JSON");
  list->callback([options, &exit_code] { exit_code = run_list(*options); });
}

int run_list(const ListOptions& options) {
  const auto folders = capture::server_folders();
  if (!folders) return report(folders.error());
  const auto servers = capture::bundled_servers(*folders);
  if (servers.empty())
    return report(Error{.operation = "find the bundled servers",
                        .object = {},
                        .why = fmt::format("none in {}", fmt::join(*folders, " or ")),
                        .remedy = "build them (cmake --build) or install trace-run anew"});
  const Status printed = print(options.json ? list_json(servers) : list_text(servers));
  return printed ? 0 : report(printed.error());
}

std::string list_text(const std::vector<capture::BundledServer>& servers) {
  std::size_t name = 0;
  std::size_t protocol = 0;
  for (const capture::BundledServer& server : servers) {
    name = std::max(name, server.name.size());
    protocol = std::max(protocol, server.protocol.size());
  }
  std::string text;
  for (const capture::BundledServer& server : servers)
    text += fmt::format("{:<{}}  {:<{}}  {}\n", server.name, name, server.protocol, protocol,
                        server.description);
  return text;
}

std::string list_json(const std::vector<capture::BundledServer>& servers) {
  report::Json list = report::Json::array();
  for (const capture::BundledServer& server : servers)
    list.push_back({{"name", server.name},
                    {"protocol", server.protocol},
                    {"description", server.description},
                    {"path", server.path}});
  // A path may hold bytes that are no UTF-8, which JSON cannot: those alone are replaced.
  return report::Json{{"servers", std::move(list)}}.text();
}

}  // namespace tr::commands
