#include "capture/lock_hold.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <fcntl.h>
#include <gelf.h>
#include <libelf.h>
#include <memory>
#include <optional>
#include <pthread.h>

#include "symbols/mappings.h"
#include "util/clock.h"
#include "util/fd.h"

namespace tr::capture {
namespace {

struct Watched {
  std::string_view function;
  std::string_view at_entry;  // BPF programs; empty: none
  std::string_view at_return;
};

constexpr std::array kWatched{
    Watched{"pthread_mutex_lock", "mutex_asked_for", "mutex_taken"},
    Watched{"pthread_mutex_trylock", "mutex_asked_for", "mutex_taken"},
    Watched{"pthread_mutex_timedlock", "mutex_asked_for", "mutex_taken"},
    Watched{"pthread_mutex_clocklock", "mutex_asked_for", "mutex_taken"},
    Watched{"pthread_mutex_unlock", "mutex_given", ""},
    Watched{"pthread_rwlock_rdlock", "mutex_asked_for", "mutex_taken"},
    Watched{"pthread_rwlock_wrlock", "mutex_asked_for", "mutex_taken"},
    Watched{"pthread_rwlock_tryrdlock", "mutex_asked_for", "mutex_taken"},
    Watched{"pthread_rwlock_trywrlock", "mutex_asked_for", "mutex_taken"},
    Watched{"pthread_rwlock_unlock", "mutex_given", ""},
    Watched{"pthread_cond_wait", "mutex_given_to_wait", "mutex_taken_after_wait"},
    Watched{"pthread_cond_timedwait", "mutex_given_to_wait", "mutex_taken_after_wait"},
    Watched{"pthread_cond_clockwait", "mutex_given_to_wait", "mutex_taken_after_wait"}};

// Read with pread, not mapped: the file may be truncated meanwhile.
class DynamicSymbols {
 public:
  explicit DynamicSymbols(const std::string& path)
      : file_(::open(path.c_str(), O_RDONLY | O_CLOEXEC)) {
    if (!file_ || elf_version(EV_CURRENT) == EV_NONE) return;
    elf_.reset(elf_begin(file_.get(), ELF_C_READ, nullptr));
    if (elf_ == nullptr || elf_kind(elf_.get()) != ELF_K_ELF) return;
    for (Elf_Scn* section = nullptr; (section = elf_nextscn(elf_.get(), section)) != nullptr;) {
      GElf_Shdr header{};
      if (gelf_getshdr(section, &header) == nullptr) continue;
      if (header.sh_type == SHT_GNU_versym) versions_ = elf_getdata(section, nullptr);
      if (header.sh_type != SHT_DYNSYM || header.sh_entsize == 0) continue;
      symbols_ = elf_getdata(section, nullptr);
      names_ = header.sh_link;
      count_ =
          static_cast<int>(std::min<std::uint64_t>(header.sh_size / header.sh_entsize, 1 << 20));
    }
  }

  // The offset in the file of a function's default version: glibc keeps older ones of the same
  // name, marked as hidden.
  [[nodiscard]] std::optional<std::uint64_t> offset_of(std::string_view function) const {
    constexpr GElf_Versym kHidden = 0x8000;  // VERSYM_HIDDEN of the GNU symbol versioning
    for (int i = 0; i < count_; ++i) {
      GElf_Sym symbol{};
      if (gelf_getsym(symbols_, i, &symbol) == nullptr || symbol.st_shndx == SHN_UNDEF ||
          GELF_ST_TYPE(symbol.st_info) != STT_FUNC)
        continue;
      const char* const name = elf_strptr(elf_.get(), names_, symbol.st_name);
      if (name == nullptr || function != name) continue;
      GElf_Versym version = 0;
      if (versions_ != nullptr && gelf_getversym(versions_, i, &version) != nullptr &&
          (version & kHidden) != 0)
        continue;
      return in_file(symbol.st_value);
    }
    return std::nullopt;
  }

 private:
  struct End {
    void operator()(Elf* elf) const { elf_end(elf); }
  };

  [[nodiscard]] std::optional<std::uint64_t> in_file(std::uint64_t address) const {
    std::size_t segments = 0;
    if (elf_getphdrnum(elf_.get(), &segments) != 0) return std::nullopt;
    for (int i = 0; i < static_cast<int>(std::min<std::size_t>(segments, 1024)); ++i) {
      GElf_Phdr segment{};
      if (gelf_getphdr(elf_.get(), i, &segment) == nullptr || segment.p_type != PT_LOAD) continue;
      if (address >= segment.p_vaddr && address - segment.p_vaddr < segment.p_filesz)
        return address - segment.p_vaddr + segment.p_offset;
    }
    return std::nullopt;
  }

  Fd file_;
  std::unique_ptr<Elf, End> elf_;
  Elf_Data* symbols_ = nullptr;
  Elf_Data* versions_ = nullptr;
  std::size_t names_ = 0;
  int count_ = 0;
};

}  // namespace

Result<std::vector<MutexProbe>> mutex_probes(const std::string& libc) {
  const DynamicSymbols symbols(libc);
  std::vector<MutexProbe> probes;
  bool locks = false;
  bool unlocks = false;
  for (const Watched& watched : kWatched) {
    const auto offset = symbols.offset_of(watched.function);
    if (!offset) continue;
    locks = locks || watched.function == "pthread_mutex_lock";
    unlocks = unlocks || watched.function == "pthread_mutex_unlock";
    const std::string function(watched.function);
    probes.push_back({watched.at_entry, function, *offset, false});
    if (!watched.at_return.empty()) probes.push_back({watched.at_return, function, *offset, true});
  }
  if (!locks || !unlocks)
    return Error{.operation = "watch the mutexes of",
                 .object = libc,
                 .why = "it has no pthread_mutex_lock and pthread_mutex_unlock"};
  return probes;
}

std::vector<std::string> libc_of(std::string_view maps) {
  std::vector<std::string> found;
  for (const symbols::Mapping& mapping : symbols::parse_mappings(maps)) {
    const std::string_view path = mapping.path;
    const std::string_view name = path.substr(path.rfind('/') + 1);
    const bool is_libc = name == "libc.so.6" || name == "libpthread.so.0" ||
                         (name.starts_with("libc-2.") && name.ends_with(".so")) ||
                         (name.starts_with("libpthread-2.") && name.ends_with(".so")) ||
                         (name.starts_with("ld-musl-") && name.ends_with(".so.1"));
    if (is_libc && std::ranges::find(found, path) == found.end()) found.emplace_back(path);
  }
  return found;
}

double lock_pair_ns() {
  constexpr int kPairs = 200;
  std::array<double, 9> rounds{};
  pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
  for (double& round : rounds) {
    const std::uint64_t begin = monotonic_ns();
    for (int i = 0; i < kPairs; ++i) {
      pthread_mutex_lock(&mutex);
      pthread_mutex_unlock(&mutex);
    }
    round = static_cast<double>(monotonic_ns() - begin) / kPairs;
  }
  std::ranges::nth_element(rounds, rounds.begin() + rounds.size() / 2);
  return rounds[rounds.size() / 2];
}

}  // namespace tr::capture
