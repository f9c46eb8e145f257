// A protocol for tests: uses all that a protocol may ask of a model. Each line is a request:
//   N    answered with N bytes, in pieces of at most 8 KiB
//   bye  answered with "bye\n", and the connection is closed
// At the end of input it says what was left: "unfinished: REST\n" (in two pieces).
#include <algorithm>
#include <charconv>
#include <string>

#include "protocols/protocol.h"

namespace servers {
namespace {

constexpr std::size_t kPiece = 8192;

class PiecesSession final : public Session {
 public:
  Answer received(std::span<const std::byte> input) override {
    requests_.append(reinterpret_cast<const char*>(input.data()), input.size());
    return next();
  }
  Answer more() override { return next(); }
  Answer ended() override {
    rest_ = "unfinished: " + requests_ + "\n";
    at_end_ = true;
    return next();
  }

 private:
  Answer next() {
    if (at_end_) {
      said_ = rest_.substr(0, rest_.size() / 2 + 1);
      rest_.erase(0, said_.size());
      return say(rest_.empty() ? Then::kReceive : Then::kContinue);
    }
    if (owed_ == 0) {
      const std::size_t end = requests_.find('\n');
      if (end == std::string::npos) return {};
      const std::string request = requests_.substr(0, end);
      requests_.erase(0, end + 1);
      if (request == "bye") {
        said_ = "bye\n";
        return say(Then::kClose);
      }
      std::from_chars(request.data(), request.data() + request.size(), owed_);
    }
    const std::size_t piece = std::min(owed_, kPiece);
    said_.assign(piece, 'p');
    owed_ -= piece;
    return say(Then::kContinue);
  }

  [[nodiscard]] Answer say(Then then) const {
    return {std::as_bytes(std::span(said_.data(), said_.size())), then};
  }

  std::string requests_;  // not yet answered
  std::size_t owed_ = 0;  // of the answer under way
  std::string said_;      // the last piece; the model may still be sending it
  std::string rest_;
  bool at_end_ = false;
};

class Pieces final : public Protocol {
 public:
  [[nodiscard]] std::string_view name() const override { return "pieces"; }
  [[nodiscard]] std::string_view about() const override { return "Pieces: for tests."; }
  [[nodiscard]] std::unique_ptr<Session> open() override {
    return std::make_unique<PiecesSession>();
  }
};

}  // namespace

std::unique_ptr<Protocol> make_protocol() {
  return std::make_unique<Pieces>();
}

}  // namespace servers
