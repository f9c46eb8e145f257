// One thread, select(2), without its famous limit: FD_SETSIZE (1024) bounds only the C library's
// fd_set type and FD_SET(), not the call. The kernel reads and writes as many words as the highest
// descriptor needs, so bitmaps of our own grow as descriptors do, up to the open-file limit.
#include <algorithm>
#include <bit>
#include <cerrno>
#include <sys/select.h>
#include <vector>

#include "common/event_loop.h"
#include "common/log.h"
#include "models/model.h"

namespace servers {
namespace {

// A set of descriptors as the kernel lays it out: an array of unsigned long.
class Bitmap {
 public:
  using Word = unsigned long;
  static constexpr int kBits = 8 * sizeof(Word);
  // How many words hold the descriptors below `limit`.
  static std::size_t words_below(int limit) { return index(limit - 1) + 1; }

  void insert(int fd) {
    if (index(fd) >= words_.size()) words_.resize(index(fd) + 1);
    words_[index(fd)] |= bit(fd);
  }
  void erase(int fd) {
    if (index(fd) < words_.size()) words_[index(fd)] &= ~bit(fd);
  }
  [[nodiscard]] bool contains(int fd) const {
    return index(fd) < words_.size() && (words_[index(fd)] & bit(fd)) != 0;
  }
  // Becomes the first `words` words of the other.
  void copy(const Bitmap& from, std::size_t words) {
    words_.assign(
        from.words_.begin(),
        from.words_.begin() +
            std::min<std::ptrdiff_t>(std::ssize(from.words_), static_cast<std::ptrdiff_t>(words)));
    words_.resize(words);
  }
  [[nodiscard]] Word word(std::size_t at) const { return words_[at]; }
  [[nodiscard]] fd_set* for_select() { return reinterpret_cast<fd_set*>(words_.data()); }

 private:
  static std::size_t index(int fd) { return static_cast<std::size_t>(fd) / kBits; }
  static Word bit(int fd) { return Word{1} << (static_cast<unsigned>(fd) % kBits); }

  std::vector<Word> words_;
};

class SelectLoop final : public EventLoop {
 public:
  SelectLoop(Listener& listener, Protocol& protocol, Stop& stop)
      : EventLoop(listener, protocol, stop), limit_(std::max(stop.fd(), listener.fd()) + 1) {}

 private:
  void wait(int timeout_ms) override {
    const int stop = stop_.fd();
    const int listening = listener_.fd();
    const std::size_t words = Bitmap::words_below(limit_);
    ready_input_.copy(input_, words);
    if (stop >= 0) ready_input_.insert(stop);
    if (listening >= 0) ready_input_.insert(listening);
    // Seldom does a client wait for output: then the kernel need not even look.
    const bool any_output = waiting_for_output_ > 0;
    if (any_output) ready_output_.copy(output_, words);

    timeval timeout{timeout_ms / 1000, timeout_ms % 1000 * 1000L};
    int ready = ::select(limit_, ready_input_.for_select(),
                         any_output ? ready_output_.for_select() : nullptr, nullptr,
                         timeout_ms < 0 ? nullptr : &timeout);
    if (ready < 0 && errno != EINTR) throw Failure::from_errno("wait for clients");
    if (ready <= 0) return;

    bool stopping = false;
    bool accept = false;
    for (std::size_t at = 0; at < words && ready > 0; ++at) {
      Bitmap::Word bits = ready_input_.word(at);
      if (any_output) bits |= ready_output_.word(at);
      for (; bits != 0; bits &= bits - 1, --ready) {
        const int fd = static_cast<int>(at) * Bitmap::kBits + std::countr_zero(bits);
        if (fd == stop)
          stopping = true;
        else if (fd == listening)
          accept = true;
        else
          rewatch(fd, proceed(fd));
      }
    }
    // Last, as a new client may get the number of one that has just left.
    if (stopping)
      begin_stop();
    else if (accept)
      accept_clients();
  }

  void rewatch(int client, Next next) override {
    if (output_.contains(client) != (next == Next::kOutput)) {
      if (next == Next::kOutput)
        output_.insert(client);
      else
        output_.erase(client);
      waiting_for_output_ += next == Next::kOutput ? 1 : -1;
    }
    if (next == Next::kInput || next == Next::kMoreInput)
      input_.insert(client);
    else
      input_.erase(client);
    // One that waited for time only may be above the limit by now.
    if (next != Next::kClose && next != Next::kTime) limit_ = std::max(limit_, client + 1);
    if (next == Next::kClose) {
      while (!input_.contains(limit_ - 1) && !output_.contains(limit_ - 1) &&
             limit_ > lowest_limit_)
        --limit_;
    }
  }

  std::optional<Shortage> watch(int client) override {
    input_.insert(client);
    limit_ = std::max(limit_, client + 1);
    return {};
  }

  // What each client waits for, and select's own copies of that, in which it leaves what is ready.
  // The listening socket and the signals are only in the copy.
  Bitmap input_;
  Bitmap output_;
  Bitmap ready_input_;
  Bitmap ready_output_;
  int waiting_for_output_ = 0;
  int limit_;  // above the highest descriptor in any of them
  const int lowest_limit_ = limit_;
};

class Selector final : public Model {
 public:
  [[nodiscard]] std::string_view name() const override { return "selector"; }
  [[nodiscard]] std::string_view about() const override {
    return "One thread serves all clients: select(2) is given bitmaps of all descriptors, as\n"
           "large as they need to be (not FD_SETSIZE's 1024), and marks those that are ready.";
  }
  void serve(Listener& listener, Protocol& protocol, Stop& stop) override {
    SelectLoop(listener, protocol, stop).run();
  }
};

}  // namespace

std::unique_ptr<Model> make_model() {
  return std::make_unique<Selector>();
}

}  // namespace servers
