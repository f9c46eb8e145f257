#include "sweep/folder.h"

#include <cctype>
#include <cerrno>
#include <fcntl.h>
#include <filesystem>
#include <sys/stat.h>
#include <system_error>
#include <unistd.h>

#include <fmt/format.h>

#include "snapshot/snapshot_file.h"
#include "sweep/manifest_file.h"
#include "util/text.h"

namespace tr::sweep {
namespace {

constexpr const char* kManifest = "/sweep.json";
constexpr const char* kRun = "run";
constexpr const char* kFailure = "failed";

Error unusable(const std::string& path, std::string remedy) {
  Error error = errno_error("keep the sweep's runs in", path, std::move(remedy));
  error.failure = Failure::kUsage;
  return error;
}

Result<Manifest> read_manifest(const std::string& path) {
  const auto bytes = read_file(path + kManifest);
  if (bytes) return decode_manifest(*bytes, path);
  Error error = bytes.error();
  error.failure = Failure::kUsage;
  error.remedy = "name a folder that trace-run sweep --out has made";
  return error;
}

// A record lock, which ends with this process however that ends, and which no child inherits.
Result<Fd> lock(const std::string& path) {
  const std::string file = path + "/lock";
  Fd fd(::open(file.c_str(), O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0666));
  if (!fd) return unusable(path, "name a folder that can be written with --out");
  struct flock whole {};
  whole.l_type = F_WRLCK;
  whole.l_whence = SEEK_SET;
  if (::fcntl(fd.get(), F_SETLK, &whole) == 0) return fd;
  if (errno != EACCES && errno != EAGAIN) return unusable(path, "");
  return usage_error(fmt::format("{}: another trace-run sweep is measuring into it", path),
                     "wait for its end, or name another folder with --out");
}

bool empty_folder(const std::string& path) {
  std::error_code ignored;
  return std::filesystem::is_empty(path, ignored) && !ignored;
}

}  // namespace

Result<Folder> Folder::begin(const std::string& path, const Manifest& manifest) {
  if (::mkdir(path.c_str(), 0777) != 0 && errno != EEXIST)
    return unusable(path, "name a folder that can be made with --out");
  const bool resumes = ::access((path + kManifest).c_str(), F_OK) == 0;
  if (!resumes) {
    struct stat status {};
    if (::stat(path.c_str(), &status) != 0) return unusable(path, "");
    errno = ENOTDIR;
    if (!S_ISDIR(status.st_mode)) return unusable(path, "name a folder with --out");
    // "lock" alone: it was stopped before it could begin.
    std::error_code ignored;
    const auto entries = std::distance(std::filesystem::directory_iterator(path, ignored), {});
    const bool only_lock = entries == 1 && ::access((path + "/lock").c_str(), F_OK) == 0;
    if (!only_lock && !empty_folder(path))
      return usage_error(fmt::format("{}: holds other things than a sweep", path),
                         "name a new folder with --out");
  }
  auto locked = lock(path);
  if (!locked) return std::move(locked).error();
  if (resumes) {
    const auto there = read_manifest(path);
    if (!there) return there.error();
    if (const auto difference = first_difference(*there, manifest))
      return usage_error(fmt::format("{}: holds another sweep: {}", path, *difference),
                         "name a new folder with --out");
  }
  Status written = write_file(path + kManifest, encode_manifest(manifest));
  if (!written) {
    Error error = std::move(written).error();
    error.failure = Failure::kUsage;
    return error;
  }
  Folder folder(path, manifest);
  folder.lock_ = *std::move(locked);
  return folder;
}

Result<Folder> Folder::open(const std::string& path) {
  auto manifest = read_manifest(path);
  if (!manifest) return std::move(manifest).error();
  return Folder(path, *std::move(manifest));
}

std::string Folder::file_of(RunId run, const char* ending) const {
  std::string label = label_of(manifest_.cells.at(run.cell).cell);
  constexpr std::string_view kOthers = "._-";
  for (char& c : label)
    if (std::isalnum(static_cast<unsigned char>(c)) == 0 &&
        kOthers.find(c) == std::string_view::npos)
      c = '-';
  return fmt::format("{}/{:04}-{}-{}.{}", path_, run.cell + 1, label, run.repeat, ending);
}

bool Folder::has(RunId run) const {
  return ::access(file_of(run, kRun).c_str(), F_OK) == 0;
}

Status Folder::keep(RunId run, const Snapshot& snapshot) const {
  Status saved = save_snapshot(snapshot, file_of(run, kRun));
  if (saved) ::unlink(file_of(run, kFailure).c_str());
  return saved;
}

Status Folder::note_failure(RunId run, const std::string& why) const {
  return write_file(file_of(run, kFailure), why + '\n');
}

Result<std::optional<Snapshot>> Folder::run(RunId run) const {
  if (!has(run)) return std::optional<Snapshot>();
  const std::string file = file_of(run, kRun);
  auto snapshot = load_snapshot(file);
  if (!snapshot) return std::move(snapshot).error();
  const Cell& cell = manifest_.cells.at(run.cell).cell;
  const RunConfig& config = snapshot->config;
  if (config.server != cell.server || config.connections != cell.connections)
    return Error{
        .operation = "read",
        .object = file,
        .why = fmt::format("it is a run of {} with {} connections, not of {} with {}",
                           config.server, config.connections, cell.server, cell.connections),
        .remedy = "remove the file, and measure it again with the same sweep"};
  return std::optional<Snapshot>(*std::move(snapshot));
}

std::string Folder::failure(RunId run) const {
  const auto text = read_file(file_of(run, kFailure));
  return text ? std::string(trim(*text)) : std::string();
}

}  // namespace tr::sweep
