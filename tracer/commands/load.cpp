#include "commands/load.h"

#include <csignal>
#include <fcntl.h>
#include <memory>
#include <optional>
#include <sys/signalfd.h>
#include <unistd.h>
#include <utility>

#include "commands/command.h"
#include "commands/load_options.h"
#include "commands/load_report.h"
#include "commands/output.h"
#include "commands/parser.h"
#include "load/control.h"
#include "load/generate.h"
#include "load/make_protocol.h"
#include "util/clock.h"
#include "util/fd.h"

namespace tr::commands {
namespace {

// SIGINT and SIGTERM as a descriptor. They stay blocked: the process is about to end anyway.
Result<Fd> take_over_signals() {
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGINT);
  sigaddset(&signals, SIGTERM);
  if (sigprocmask(SIG_BLOCK, &signals, nullptr) != 0) return errno_error("block", "signals");
  Fd fd(signalfd(-1, &signals, SFD_CLOEXEC | SFD_NONBLOCK));
  if (!fd) return errno_error("watch", "signals");
  return fd;
}

// The part that is the same whoever asked: runs the load, cut short by a signal or over `control`.
Result<load::Outcome> generate(const load::Settings& settings, load::LoadEnd* control) {
  const auto signals = take_over_signals();
  if (!signals) return signals.error();
  load::Hooks hooks;
  hooks.stops.push_back({signals->get(), [] { return monotonic_ns(); }});
  if (control != nullptr) {
    hooks.stops.push_back({control->fd(), [control] { return control->read_stop(); }});
    hooks.window_planned = [control](const load::Window& window) {
      return control->announce(window);
    };
    hooks.window_over = [control] { return control->hold(); };
  }
  return load::generate(settings, *load::make_protocol(settings), hooks);
}

int run_for_tracer(const LoadOptions& options) {
  ::fcntl(options.control_fd, F_SETFD, FD_CLOEXEC);
  load::LoadEnd control{Fd(options.control_fd)};
  const auto outcome = generate(options.settings, &control);
  const Status told = outcome ? control.finish(*outcome) : control.fail(outcome.error());
  if (!told) return report(told.error());
  const Status good = outcome ? load::check(outcome->result, options.settings.target.text())
                              : Status(outcome.error());
  return good ? 0 : static_cast<int>(good.error().failure);
}

int run_for_user(const LoadOptions& options) {
  if (const Status writable = check_output(options.json); !writable)
    return report(writable.error());
  const auto outcome = generate(options.settings, nullptr);
  if (!outcome) return report(outcome.error());
  Status written;
  if (!options.json.empty())
    written = write_output(options.json, load_json(options.settings, *outcome));
  if (written && options.json != kStandardOutput)
    written = print(load_report(options.settings, *outcome));
  if (!written) return report(written.error());
  const Status good = load::check(outcome->result, options.settings.target.text());
  return good ? 0 : report(good.error());
}

}  // namespace

void setup_load(App& app, int& exit_code) {
  App load = app.add_subcommand("load", "Load a server that runs already, measured from outside");
  auto options = std::make_shared<LoadOptions>();
  load->add_option(
          "address",
          [options](const std::string& text) -> std::string {
            auto target = load::parse_target(text);
            if (!target) return target.error().text();
            options->settings.target = *std::move(target);
            return {};
          },
          "The server: 127.0.0.1:8080, localhost:8080, [::1]:8080")
      ->type_name("HOST:PORT")
      ->required();
  add_load_options(load, options->settings);
  add_load_placement(load, options->settings, "--threads", "--pin");
  load->add_option("--json", options->json,
                   "Write the result as JSON to FILE (-: standard output, instead of the table)")
      ->type_name("FILE");
  // For trace-run alone: hidden.
  load->add_option("--control-fd", options->control_fd, "")->group("");
  load->add_option("--after-ns", options->settings.after_ns, "")->group("");
  load->callback([options, load, &exit_code] {
    const Status sound = settle_load_options(load, options->settings);
    exit_code = sound ? run_load(*options) : report(sound.error());
  });
}

int run_load(const LoadOptions& options) {
  return options.control_fd >= 0 ? run_for_tracer(options) : run_for_user(options);
}

}  // namespace tr::commands
