// HTTP/1.1 and 1.0: the files of a folder.
#include <ctime>
#include <filesystem>
#include <string>

#include "common/command_line.h"
#include "protocols/http/session.h"

namespace servers {
namespace {

// A page that lies beside the servers.
std::string own_site() {
  std::error_code failed;
  const auto site = std::filesystem::read_symlink("/proc/self/exe", failed).parent_path() / "www";
  return std::filesystem::is_directory(site, failed) ? site.string() : ".";
}

class Http final : public Protocol {
 public:
  [[nodiscard]] std::string_view name() const override { return "http"; }
  [[nodiscard]] std::string_view about() const override {
    return "HTTP/1.1 and 1.0: GET and HEAD of the files in a folder, connections kept.";
  }

  void add_options(CommandLine& line) override {
    line.add_text("-f,--folder", folder_, "FOLDER",
                  "Folder whose files are served, and nothing outside it;\n"
                  "default: a page of its own");
    line.add_number("-d,--delay", delay_ms_, 0, 3'600'000, "MS", "Hold each answer back so long");
    line.add_flag("-v,--verbose", site_.verbose, "Log each request in one line on stderr");
    line.add_seconds("--idle-limit", site_.idle_limit,
                     "How long a client may be silent between two requests, or\n"
                     "not take its answer, before it is disconnected",
                     0.001);
    line.add_seconds("--request-limit", site_.request_limit,
                     "How long a request may take from its first byte to its\n"
                     "last before it is answered with 408",
                     0.001);
  }
  [[nodiscard]] std::uint16_t default_port() const override { return 8085; }

  void prepare() override {
    // Dates are UTC, but the C library reads the time zone all the same: once, not in every child.
    ::tzset();
    site_.folder = http::Folder(folder_.empty() ? own_site() : folder_);
    site_.delay = Milliseconds(delay_ms_);
  }
  [[nodiscard]] std::unique_ptr<Session> open() override {
    return std::make_unique<http::HttpSession>(site_);
  }

 private:
  http::Site site_;
  std::string folder_;
  int delay_ms_ = 0;
};

}  // namespace

std::unique_ptr<Protocol> make_protocol() {
  return std::make_unique<Http>();
}

}  // namespace servers
