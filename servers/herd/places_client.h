// What is near a place? The Places service is asked, over connections that are kept.
#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/address.h"
#include "common/coroutine/socket.h"
#include "common/coroutine/task.h"
#include "common/log.h"
#include "herd/message.h"
#include "protocols/http/response.h"

namespace servers::herd {

class PlacesClient {
 public:
  // `patience` is for one answer.
  PlacesClient(Reactor& reactor, BufferPool& buffers, Address service, Milliseconds patience)
      : reactor_(reactor), buffers_(buffers), service_(service), patience_(patience) {}

  // The places as JSON, `bound` of them at most; none if that could not be found out, about which
  // the user has been told.
  Task<std::optional<std::string>> ask(std::string target, std::size_t bound);

 private:
  using Connection = std::unique_ptr<Socket>;
  struct Attempt {
    std::string why;     // it has failed; empty if it has not
    bool stale = false;  // it may have failed only because the connection was old
    std::string body;
  };

  // Idle ones beyond these are closed. As many are open as clients are waiting for places.
  static constexpr std::size_t kMaxIdle = 64;
  static constexpr std::size_t kMaxAnswer = std::size_t{1} << 20;

  Task<Attempt> attempt(Connection socket, const std::string& request);
  Task<Attempt> receive(Socket& socket, http::ResponseParser& response);
  Connection take_idle();

  Reactor& reactor_;
  BufferPool& buffers_;
  Address service_;
  Milliseconds patience_;
  std::vector<Connection> idle_;
  RareLine failure_line_;
};

// "/maps/api/place/nearbysearch/json?location=LAT,LON&radius=METRES"
[[nodiscard]] std::string places_target(const Location& location, std::string_view radius_km);

// The JSON that the service has sent, cut to so many results; none if it is not such JSON.
[[nodiscard]] std::optional<std::string> cut_places(std::string_view json, std::size_t bound);

}  // namespace servers::herd
