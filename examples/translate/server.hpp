// SPDX-License-Identifier: BSL-1.0
// What `tenon-translate serve` asks of its server (server.cpp), a module of its own that is loaded when it is
// needed: the libraries that it brings would take every command milliseconds to load.
#pragma once
#include <cstddef>
#include <functional>
#include <ostream>
#include <string>
#include <string_view>
#include <vector>

#include "tenon/train/report.hpp"

namespace tenon::translate {

/// What is served, by whom and how much of it.
struct service {
  std::string title, recipe;
  std::size_t translations = 1;  ///< the most of one sentence
  std::size_t workers = 1;       ///< who translate at the same time
  /// The best translations of a sentence; each worker is asked for one at a time. Throws tenon::error.
  std::function<std::vector<train::sample>(std::size_t worker, std::string_view sentence, std::size_t count)>
      translate;
  std::function<bool()> stop_requested;
};

struct server_limits {
  std::size_t sentence_bytes = 2000;
  std::size_t body_bytes = 16384;
  std::size_t connections = 128;  ///< at the same time; more of them wait
  int seconds_to_send = 10;       ///< that a client may take for a request's body
  int seconds_of_silence = 5;     ///< that a client may leave within a request
  int seconds_to_wait = 10;       ///< that a request waits for a worker
};

/// Serves on 127.0.0.1 until asked to stop; port 0: any that is free. Prints the address on `out`. Throws
/// tenon::error if the port cannot be had.
using serve_function = void (*)(int port, service const&, server_limits const&, std::ostream& out);
inline constexpr char const* serve_symbol = "tenon_translate_serve";

}  // namespace tenon::translate
