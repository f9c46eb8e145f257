// HTTP/1.1 and 1.0: the files of a folder.
#include <ctime>
#include <filesystem>
#include <string>

#include <CLI/CLI.hpp>

#include "common/number_between.h"
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

  void add_options(CLI::App& app) override {
    app.add_option("-f,--folder", folder_,
                   "Folder whose files are served, and nothing outside it;\n"
                   "default: a page of its own")
        ->type_name("FOLDER");
    app.add_option("-d,--delay", delay_ms_, "Hold each answer back so long")
        ->check(number_between(0, 3'600'000))
        ->type_name("MS")
        ->capture_default_str();
    app.add_flag("-v,--verbose", site_.verbose, "Log each request in one line on stderr");
    app.add_option("--idle-limit", idle_s_,
                   "How long a client may be silent between two requests, or\n"
                   "not take its answer, before it is disconnected")
        ->check(number_between(0.001, 86400.0))
        ->type_name("SECONDS")
        ->capture_default_str();
    app.add_option("--request-limit", request_s_,
                   "How long a request may take from its first byte to its\n"
                   "last before it is answered with 408")
        ->check(number_between(0.001, 86400.0))
        ->type_name("SECONDS")
        ->capture_default_str();
  }
  [[nodiscard]] std::uint16_t default_port() const override { return 8085; }

  void prepare() override {
    // Dates are UTC, but the C library reads the time zone all the same: once, not in every child.
    ::tzset();
    site_.folder = http::Folder(folder_);
    site_.delay = Milliseconds(delay_ms_);
    site_.idle_limit = milliseconds(idle_s_);
    site_.request_limit = milliseconds(request_s_);
  }
  [[nodiscard]] std::unique_ptr<Session> open() override {
    return std::make_unique<http::HttpSession>(site_);
  }

 private:
  static Milliseconds milliseconds(double seconds) {
    return std::chrono::ceil<Milliseconds>(std::chrono::duration<double>(seconds));
  }

  http::Site site_;
  std::string folder_ = own_site();
  int delay_ms_ = 0;
  double idle_s_ = std::chrono::duration<double>(site_.idle_limit).count();
  double request_s_ = std::chrono::duration<double>(site_.request_limit).count();
};

}  // namespace

std::unique_ptr<Protocol> make_protocol() {
  return std::make_unique<Http>();
}

}  // namespace servers
