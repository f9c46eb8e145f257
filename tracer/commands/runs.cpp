#include "commands/runs.h"

#include <memory>

#include <fmt/format.h>

#include "commands/command.h"
#include "commands/parser.h"
#include "commands/run_store.h"
#include "report/run_list.h"
#include "report/text.h"
#include "snapshot/snapshot_file.h"

namespace tr::commands {
namespace {

constexpr const char* kFooter =
    R"(RUNS, wherever runs are to be named:
  12, 12-15     by number
  @12           the group that began with run 12: the repeats of one command
  last, last~1  the newest group, the one before it
  NAME          those with this tag, or the newest group of the server of this name
)";

// Prints what was done, or why it was not; the exit code.
int ended(const Result<std::string>& outcome) {
  if (!outcome) return report(outcome.error());
  const Status printed = print(*outcome);
  return printed ? 0 : report(printed.error());
}

std::string named(const std::vector<RunRecord>& runs) {
  return fmt::format("run{} {}", runs.size() == 1 ? "" : "s", report::run_numbers_text(runs));
}

// The work on the runs that the selector means.
using Selected =
    std::function<Result<std::string>(store::Store& store, const std::vector<RunRecord>& runs)>;

Result<std::string> with_selected(const RunsOptions& options, store::Access access,
                                  const Selected& work) {
  return with_store(options.db, access,
                    [&](store::Store& store, const std::string&) -> Result<std::string> {
                      const auto runs = store.select(options.selector);
                      if (!runs) return runs.error();
                      return work(store, *runs);
                    });
}

}  // namespace

void setup_runs(App& app, int& exit_code) {
  auto options = std::make_shared<RunsOptions>();
  App runs =
      app.add_subcommand("runs", "List the stored runs; show, tag, remove, export, import them");
  runs->footer(kFooter);
  runs->at_most_one_subcommand();
  add_db_option(runs, options->db);
  runs->add_option("-n,--number", options->most, "List the newest N runs, 0: all")
      ->type_name("N")
      ->default_str("20");
  runs->add_flag("--json", options->json, "Print the list as JSON");
  runs->callback([options, runs, &exit_code] {
    if (!runs->has_given_subcommand()) exit_code = list_runs(*options);
  });

  const auto add = [&](const char* name, const char* what, int (*work)(const RunsOptions&)) {
    App command = runs.add_subcommand(name, what);
    add_db_option(command, options->db);
    command->callback([options, work, &exit_code] { exit_code = work(*options); });
    return command;
  };
  const auto select = [&](App command, const char* what) {
    command->add_option("runs", options->selector, what)->type_name("RUNS")->required();
  };
  const auto name_tag = [&](App command, const char* what) {
    command->add_option("name", options->tag, what)->type_name("NAME")->required();
  };
  App show = add("show", "Report on a run, as trace-run report does", show_run);
  select(show, "The run");
  add_output_options(show, options->output);

  App tag = add("tag", "Give runs a name; such runs are kept", tag_runs);
  select(tag, "The runs");
  name_tag(tag, "The name; it may be that of other runs too");
  App untag = add("untag", "Take a name away from runs", untag_runs);
  select(untag, "The runs");
  name_tag(untag, "The name");
  select(add("remove", "Remove runs for good", remove_runs),
         "The runs, by number, range, group or tag");

  App to_file = add("export", "Write runs as files for trace-run report", export_runs);
  select(to_file, "The runs");
  to_file
      ->add_option("file", options->file,
                   "The file; of several runs, FILE-1, FILE-2 and so on (-: standard output)")
      ->type_name("FILE")
      ->required();
  add("import", "Store runs from files of --save or export", import_runs)
      ->add_option("files", options->files,
                   "The files (-: from standard input); those of the same server and "
                   "configuration become a group")
      ->type_name("FILE...")
      ->required();
}

int list_runs(const RunsOptions& options) {
  return ended(with_store(
      options.db, store::Access::kRead,
      [&](store::Store& store, const std::string& path) -> Result<std::string> {
        const auto count = store.count();
        if (!count) return count.error();
        const auto runs = store.newest(options.most == 0 ? *count : options.most);
        if (!runs) return runs.error();
        if (options.json) return report::render_run_list_json(*runs, path);
        return report::render_text(report::run_list(*runs, *count, path), terminal_style());
      }));
}

int show_run(const RunsOptions& options) {
  if (const Status sound = check_output_options(options.output); !sound)
    return report(sound.error());
  const auto run = only_run(stored_runs(options.selector, options.db), options.selector);
  if (!run) return report(run.error());
  const Status written = write_reports(*run, options.output);
  return written ? 0 : report(written.error());
}

int tag_runs(const RunsOptions& options) {
  return ended(with_selected(
      options, store::Access::kWrite,
      [&](store::Store& store, const std::vector<RunRecord>& runs) -> Result<std::string> {
        if (Status done = store.tag(runs, options.tag); !done) return std::move(done).error();
        const auto all = store.tagged(options.tag);
        if (!all) return all.error();
        std::string said = fmt::format("tagged {}", named(runs));
        if (all->size() > runs.size())
          said += fmt::format("; {} is now {}", options.tag, named(*all));
        return said + "\n";
      }));
}

int untag_runs(const RunsOptions& options) {
  return ended(with_selected(
      options, store::Access::kWrite,
      [&](store::Store& store, const std::vector<RunRecord>& runs) -> Result<std::string> {
        if (Status done = store.untag(runs, options.tag); !done) return std::move(done).error();
        return fmt::format("untagged {}\n", named(runs));
      }));
}

int remove_runs(const RunsOptions& options) {
  return ended(with_selected(
      options, store::Access::kWrite,
      [&](store::Store& store, const std::vector<RunRecord>& runs) -> Result<std::string> {
        // What is asked for once more would be other runs.
        if (!store::is_lasting(runs, options.selector))
          return usage_error(fmt::format("\"{}\" is {} now, and may soon be another",
                                         options.selector, named(runs)),
                             "name what is to be removed by number, group or tag");
        if (Status done = store.remove(runs); !done) return std::move(done).error();
        return fmt::format("removed {}\n", named(runs));
      }));
}

int export_runs(const RunsOptions& options) {
  const bool to_stdout = options.file == kStandardOutput;
  return ended(with_selected(
      options, store::Access::kRead,
      [&](store::Store& store, const std::vector<RunRecord>& runs) -> Result<std::string> {
        if (to_stdout && runs.size() > 1)
          return usage_error(fmt::format("\"{}\" is {}, and only one can go to standard output",
                                         options.selector, named(runs)),
                             "name a file");
        std::string said;
        for (std::size_t i = 0; i < runs.size(); ++i) {
          auto bytes = store.snapshot(runs[i].id);
          if (!bytes || to_stdout) return bytes;
          const std::string file =
              runs.size() == 1 ? options.file : fmt::format("{}-{}", options.file, i + 1);
          if (Status done = write_output(file, *bytes); !done) return std::move(done).error();
          said += fmt::format("wrote run {} to {}\n", runs[i].id, file);
        }
        return said;
      }));
}

int import_runs(const RunsOptions& options) {
  return ended(with_store(
      options.db, store::Access::kWrite,
      [&](store::Store& store, const std::string&) -> Result<std::string> {
        // All are read before any is stored: a damaged one leaves the store as it was.
        std::vector<Snapshot> snapshots;
        for (const std::string& file : options.files) {
          auto snapshot = load_snapshot(file);
          if (!snapshot) return std::move(snapshot).error();
          snapshots.push_back(*std::move(snapshot));
        }
        std::string said;
        std::vector<RunRecord> stored;
        for (const Snapshot& snapshot : snapshots) {
          const auto alike = std::ranges::find_if(stored, [&](const RunRecord& run) {
            return run.server == store::server_key(snapshot.config.server) &&
                   run.configuration == report::configuration_text(snapshot.config);
          });
          const std::optional<RunId> group =
              alike == stored.end() ? std::nullopt : std::optional(alike->group);
          auto run = add_run(store, snapshot, std::nullopt, group, store::kNoLimit);
          if (!run) return std::move(run).error();
          said += fmt::format("stored {} as run {}\n", options.files[stored.size()], run->id);
          stored.push_back(*std::move(run));
        }
        return said;
      }));
}

}  // namespace tr::commands
