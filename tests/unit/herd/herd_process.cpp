#include "herd_process.h"

#include <algorithm>
#include <csignal>
#include <cstdlib>
#include <fstream>
#include <netinet/in.h>
#include <poll.h>
#include <random>
#include <stdexcept>
#include <sys/socket.h>
#include <unistd.h>

#include <fmt/format.h>

#include "common/address.h"

namespace servers::test {
namespace {

Fd listen_at(std::uint16_t port, int buffer) {
  const Address address = *Address::parse("127.0.0.1", port);
  Fd socket(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  const int on = 1;
  ::setsockopt(socket.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  if (buffer > 0) ::setsockopt(socket.get(), SOL_SOCKET, SO_RCVBUF, &buffer, sizeof buffer);
  if (::bind(socket.get(), address.get(), address.size()) != 0 || ::listen(socket.get(), 64) != 0)
    return {};
  return socket;
}

}  // namespace

std::string herd_path() {
  return std::string(BUNDLED_SERVERS) + "/herd";
}

std::map<std::string, pid_t> processes(const ServerProcess& herd) {
  std::map<std::string, pid_t> found;
  for (const pid_t child : herd.children()) {
    std::string name;
    std::getline(std::ifstream(fmt::format("/proc/{}/comm", child)), name);
    found[name] = child;
  }
  return found;
}

void kill_process(const ServerProcess& herd, const std::string& name) {
  pid_t found = 0;  // it may not have taken its name yet
  if (!eventually([&] { return (found = processes(herd)[name]) > 0; }))
    throw std::runtime_error("there is no " + name);
  ::kill(found, SIGKILL);
}

std::string ask(std::uint16_t port, std::string_view line) {
  Client client(port);
  client.send(fmt::format("{}\n", line));
  return client.receive_to_end();
}

std::string iamat(const std::string& client, const std::string& time) {
  return fmt::format("IAMAT {} +34.068930-118.445127 {}", client, time);
}

bool learns(std::uint16_t port, const std::string& client, const std::string& time) {
  return eventually([&] {
    const std::string said = ask(port, "WHATSAT " + client + " 10 1");
    return said.find(fmt::format(" {} +34.068930-118.445127 {}\n", client, time)) !=
           std::string::npos;
  });
}

std::vector<std::uint16_t> free_ports(std::size_t count) {
  constexpr int kLowest = 10'000;
  int first_ephemeral = 32'768;
  std::ifstream("/proc/sys/net/ipv4/ip_local_port_range") >> first_ephemeral;
  const int highest = std::max(first_ephemeral, kLowest + 2000) - static_cast<int>(count);
  std::random_device random;
  std::uniform_int_distribution<int> choose(kLowest, highest);
  for (int attempt = 0; attempt < 1000; ++attempt) {
    std::vector<std::uint16_t> ports;
    std::vector<Fd> held;
    const int first = choose(random);
    for (std::size_t i = 0; i < count; ++i) {
      const auto port = static_cast<std::uint16_t>(first + static_cast<int>(i));
      held.push_back(listen_at(port, 0));
      if (held.back()) ports.push_back(port);
    }
    if (ports.size() == count) return ports;
  }
  throw std::runtime_error("no free ports");
}

ConfigFile::ConfigFile(const std::vector<ConfigServer>& servers, std::uint16_t places_port) {
  std::string path = std::filesystem::temp_directory_path() / "herd-XXXXXX";
  const Fd file(::mkstemp(path.data()));
  if (!file) throw std::runtime_error("mkstemp failed");
  path_ = path;
  std::ofstream out(path_);
  out << fmt::format("[places]\naddress = \"127.0.0.1\"\nport = {}\n", places_port);
  for (const ConfigServer& server : servers)
    out << fmt::format(
        "[[server]]\nname = \"{}\"\naddress = \"{}\"\nport = {}\nneighbours = [{}]\n", server.name,
        server.address, server.port, server.neighbours);
}

ConfigFile::~ConfigFile() {
  std::filesystem::remove(path_);
}

std::vector<std::string> ConfigFile::start(const std::string& name,
                                           std::vector<std::string> more) const {
  more.insert(more.end(), {"--config", path_});
  if (!name.empty()) more.insert(more.end(), {"--only", name});
  return more;
}

Peer::Peer(std::uint16_t port, int buffer) : socket_(listen_at(port, buffer)) {
  if (!socket_) throw std::runtime_error("cannot listen");
}

std::uint16_t Peer::port() const {
  return Address::of(socket_.get())->port();
}

Client Peer::accept() const {
  constexpr int kPatienceMs = 60'000;
  pollfd polled{socket_.get(), POLLIN, 0};
  if (::poll(&polled, 1, kPatienceMs) != 1) throw std::runtime_error("nobody calls");
  return Client(Fd(::accept4(socket_.get(), nullptr, nullptr, SOCK_CLOEXEC)));
}

bool Peer::is_called() const {
  pollfd polled{socket_.get(), POLLIN, 0};
  return ::poll(&polled, 1, 0) == 1;
}

}  // namespace servers::test
