#include "herd/config.h"

#include <algorithm>
#include <cerrno>
#include <fstream>
#include <iterator>
#include <optional>
#include <stdexcept>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "common/log.h"
#include "herd/message.h"

// Some files that are no TOML, such as "[[[", violate what Debian 12's toml++ takes for granted: an
// error like any other then, not an abort, and not undefined where NDEBUG turns assertions into
// assumptions.
[[noreturn]] static void not_toml() {
  throw std::invalid_argument("this is no TOML");
}
#undef NDEBUG
#define TOML_ASSERT(condition) static_cast<void>((condition) || (not_toml(), false))
#define TOML_ENABLE_FORMATTERS 0
#include <toml++/toml.h>

namespace servers::herd {
namespace {

constexpr std::string_view kLoopback = "127.0.0.1";
constexpr std::string_view kExample = "herd.toml beside the program is an example";

void connect(Config& config, std::size_t a, std::size_t b) {
  const auto add = [&](std::size_t from, std::size_t to) {
    auto& list = config.servers[from].neighbours;
    const auto place = std::ranges::lower_bound(list, to);
    if (place == list.end() || *place != to) list.insert(place, to);
  };
  add(a, b);
  add(b, a);
}

std::optional<std::size_t> find(const Config& config, std::string_view name) {
  const auto node = std::ranges::find(config.servers, name, &Node::name);
  if (node == config.servers.end()) return {};
  return static_cast<std::size_t>(node - config.servers.begin());
}

// What is written in the file, checked as it is taken out.
class Reader {
 public:
  explicit Reader(const std::string& path) : path_(path) {}

  Config read(const toml::table& file) {
    know(file, {"places", "server"});
    const toml::table* const places = file["places"].as_table();
    if (places == nullptr) fail(file, "there is no [places]");
    const toml::array* const servers = file["server"].as_array();
    if (servers == nullptr || servers->empty()) fail(file, "there is no [[server]]");
    know(*places, {"address", "port"});
    Config config{.servers = {}, .places = address(*places)};
    for (const toml::node& server : *servers)
      config.servers.push_back(node(table(server)));
    for (std::size_t i = 0; i < config.servers.size(); ++i)
      connect_all(config, i, table((*servers)[i]));
    check_unique(config, file);
    return config;
  }

 private:
  [[noreturn]] void fail(const toml::node& at, std::string_view why) const {
    fail(at.source(), why);
  }

 public:
  [[noreturn]] void fail(const toml::source_region& at, std::string_view why) const {
    throw Failure(fmt::format("cannot use {}:{}: {}; {}", path_, at.begin.line, why, kExample));
  }

 private:
  const toml::table& table(const toml::node& node) const {
    if (!node.is_table()) fail(node, "a [[server]] is a table");
    return *node.as_table();
  }

  void know(const toml::table& table, std::initializer_list<std::string_view> keys) const {
    for (const auto& [key, value] : table)
      if (std::ranges::find(keys, key.str()) == keys.end())
        fail(value,
             fmt::format("unknown key {:?}: there are {}", key.str(), fmt::join(keys, ", ")));
  }

  std::string text(const toml::table& table, std::string_view key) const {
    const auto value = table[key].value_exact<std::string>();
    if (!value) fail(table, fmt::format("{} must be there, a text in quotes", key));
    return *value;
  }

  Address address(const toml::table& table) const {
    const std::string host = text(table, "address");
    const auto port = table["port"].value_exact<std::int64_t>();
    if (!port || *port < 1 || *port > 65535)
      fail(table, "port must be there, a whole number from 1 to 65535");
    const auto parsed = Address::parse(host, static_cast<std::uint16_t>(*port));
    if (!parsed || parsed->is_any())
      fail(table,
           fmt::format("{:?} is no address that others can call, such as 127.0.0.1 or ::1", host));
    return *parsed;
  }

  Node node(const toml::table& server) const {
    know(server, {"name", "address", "port", "neighbours"});
    Node node{.name = text(server, "name"), .address = address(server), .neighbours = {}};
    const bool plain = std::ranges::all_of(node.name, [](char c) {
      return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
             c == '-' || c == '_' || c == '.';
    });
    if (node.name.empty() || node.name.size() > kMaxServerName || !plain || node.name == kPlaces)
      fail(server, fmt::format("{:?} is no name for a server: letters, digits, -, _ and ., {} at "
                               "most, and not {}",
                               node.name, kMaxServerName, kPlaces));
    return node;
  }

  void connect_all(Config& config, std::size_t self, const toml::table& server) const {
    if (!server.contains("neighbours")) return;
    const toml::array* const neighbours = server["neighbours"].as_array();
    if (neighbours == nullptr) fail(server, "neighbours must be a list of names");
    for (const toml::node& neighbour : *neighbours) {
      const auto name = neighbour.value_exact<std::string>();
      const auto other = name ? find(config, *name) : std::nullopt;
      if (!other || *other == self)
        fail(neighbour, fmt::format("{:?} is no neighbour for {}: the servers are {}",
                                    name.value_or(""), config.servers[self].name, config.names()));
      connect(config, self, *other);
    }
  }

  void check_unique(const Config& config, const toml::table& file) const {
    const auto& servers = config.servers;
    for (std::size_t i = 0; i < servers.size(); ++i) {
      if (find(config, servers[i].name) != i)
        fail(file, fmt::format("two servers have the name {}", servers[i].name));
      bool taken = servers[i].address == config.places;
      for (std::size_t j = 0; j < i; ++j)
        taken = taken || servers[j].address == servers[i].address;
      if (taken) fail(file, fmt::format("{} is the address of two", servers[i].address.text()));
    }
  }

  const std::string& path_;
};

}  // namespace

const Node* Config::server(std::string_view name) const {
  const auto index = find(*this, name);
  return index ? &servers[*index] : nullptr;
}

std::string Config::names() const {
  std::string text;
  for (const Node& node : servers)
    text += fmt::format("{}{}", text.empty() ? "" : ", ", node.name);
  return text;
}

Config built_in() {
  const Address loopback = *Address::parse(std::string(kLoopback), 0);
  Config config{.servers = {}, .places = loopback};
  for (const char* name : {"Hill", "Jaquez", "Smith", "Campbell", "Singleton"})
    config.servers.push_back({.name = name, .address = loopback, .neighbours = {}});
  constexpr const char* kLinks[][2] = {
      {"Hill", "Jaquez"},     {"Hill", "Smith"},         {"Singleton", "Jaquez"},
      {"Singleton", "Smith"}, {"Singleton", "Campbell"}, {"Smith", "Campbell"},
  };
  for (const auto& [a, b] : kLinks)
    connect(config, *find(config, a), *find(config, b));
  return config;
}

Config parse_config(std::string_view text, const std::string& path) {
  Reader reader(path);
  try {
    return reader.read(toml::parse(text));
  } catch (const toml::parse_error& error) {
    reader.fail(error.source(), error.description());
  } catch (const std::invalid_argument& error) {
    throw Failure(fmt::format("cannot use {}: {}; {}", path, error.what(), kExample));
  }
}

Config read_config(const std::string& path) {
  std::ifstream file(path);
  if (!file) throw Failure::from_errno("read " + path, kExample);
  std::string text;
  try {
    text.assign(std::istreambuf_iterator<char>(file), {});
  } catch (const std::ios_base::failure& error) {  // a folder
    throw Failure(fmt::format("cannot read {}: {}; {}", path, error.what(), kExample));
  }
  return parse_config(text, path);
}

}  // namespace servers::herd
