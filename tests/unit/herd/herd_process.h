// A herd under test: its processes, its configuration, and the peers that a test plays itself.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "client.h"
#include "server_process.h"

namespace servers::test {

[[nodiscard]] std::string herd_path();

// The processes of a herd by what they are called, such as "herd-Hill".
[[nodiscard]] std::map<std::string, pid_t> processes(const ServerProcess& herd);

// Kills the one that is called so.
void kill_process(const ServerProcess& herd, const std::string& name);

// What a server answers to a line, up to its end of the connection.
std::string ask(std::uint16_t port, std::string_view line);
// Whether the server knows (or soon will) that the client was there at that time.
[[nodiscard]] bool learns(std::uint16_t port, const std::string& client, const std::string& time);
// What an AT line ends with when it stands for this IAMAT line.
[[nodiscard]] std::string iamat(const std::string& client, const std::string& time);

// Free ports in a row, of those that no connection is given: a server that is down gets its own
// back.
[[nodiscard]] std::vector<std::uint16_t> free_ports(std::size_t count);

struct ConfigServer {
  std::string name;
  std::uint16_t port;
  std::string neighbours;  // TOML: "\"A\", \"B\""
  std::string address = "127.0.0.1";
};

// A configuration file, gone with its owner.
class ConfigFile {
 public:
  ConfigFile(const std::vector<ConfigServer>& servers, std::uint16_t places_port);
  ConfigFile(const ConfigFile&) = delete;
  ConfigFile& operator=(const ConfigFile&) = delete;
  ~ConfigFile();

  // Arguments that start this one of the file's servers, or all if there is no name.
  [[nodiscard]] std::vector<std::string> start(const std::string& name = {},
                                               std::vector<std::string> more = {}) const;

 private:
  std::filesystem::path path_;
};

// Somebody whom a server calls: a neighbour, or Places.
class Peer {
 public:
  // At 127.0.0.1. `buffer` bytes are received without being read (0: as usual).
  explicit Peer(std::uint16_t port = 0, int buffer = 0);

  [[nodiscard]] std::uint16_t port() const;
  // The next caller.
  [[nodiscard]] Client accept() const;
  [[nodiscard]] bool is_called() const;

 private:
  Fd socket_;
};

}  // namespace servers::test
