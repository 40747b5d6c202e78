// SPDX-License-Identifier: BSL-1.0
// The page to try a model, and its JSON interface, over HTTP on this machine alone.
#include "server.hpp"

#include <httplib.h>

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <latch>
#include <mutex>
#include <nlohmann/json.hpp>
#include <optional>
#include <system_error>
#include <thread>

#include "server_page.hpp"
#include "tenon/text/utf8.hpp"
#include "tenon/train/attention_page.hpp"

namespace tenon::translate {
namespace {

using clock = std::chrono::steady_clock;
using httplib::Request, httplib::Response;
using nlohmann::json;

/// A request that is refused: its status and the reason.
struct refusal {
  int status;
  std::string reason;
};

/// Who may translate now.
class worker_pool {
 public:
  explicit worker_pool(std::size_t count) {
    for (std::size_t w = 0; w < count; ++w) free_.push_back(w);
  }

  /// A worker, until this is destroyed. Throws a refusal where none is free in time.
  class loan {
   public:
    loan(worker_pool& pool, int seconds) : pool_(pool) {
      std::unique_lock lock(pool.mutex_);
      if (!pool.returned_.wait_for(lock, std::chrono::seconds(seconds), [&] { return !pool.free_.empty(); }))
        throw refusal{429, "too many translations at a time: try again later"};
      worker_ = pool.free_.back();
      pool.free_.pop_back();
    }
    loan(loan const&) = delete;
    ~loan() {
      std::lock_guard const lock(pool_.mutex_);
      pool_.free_.push_back(worker_);
      pool_.returned_.notify_one();
    }
    std::size_t worker() const { return worker_; }

   private:
    worker_pool& pool_;
    std::size_t worker_ = 0;
  };

 private:
  std::mutex mutex_;
  std::condition_variable returned_;
  std::vector<std::size_t> free_;
};

/// The reason of a status that the HTTP library itself answers with.
std::string reason_of(int status, server_limits const& limits) {
  switch (status) {
    case 404:
      return "there is nothing of this name: GET / is the page, POST /api/translate translates";
    case 413:
      return "the request is too large: its body may have " + std::to_string(limits.body_bytes) + " bytes";
    case 414:
      return "the address is too long";
    case 500:
      return "the server failed at this request";
    default:
      return "this is not a request that the server understands";
  }
}

void answer(Response& response, int status, json const& content) {
  response.status = status;
  response.set_content(content.dump(-1, ' ', false, json::error_handler_t::replace) + '\n',
                       "application/json");
}
void refuse(Response& response, refusal const& why) {
  answer(response, why.status, {{"error", why.reason}});
}

/// What a client asks: {"text": …} and perhaps {"count": …}.
struct question {
  std::string text;
  std::size_t count = 1;
};

question parse_question(std::string const& body, service const& what, server_limits const& limits) {
  auto const asked = json::parse(body, nullptr, false);
  if (!asked.is_object() || !asked.contains("text") || !asked["text"].is_string())
    throw refusal{400, R"(expected JSON such as {"text": "i lost ."})"};
  question q{asked["text"].get<std::string>()};
  if (q.text.size() > limits.sentence_bytes)
    throw refusal{
        413, "the sentence is too long: it may have " + std::to_string(limits.sentence_bytes) + " bytes"};
  if (asked.contains("count")) {
    if (!asked["count"].is_number_unsigned() || asked["count"] < 1U || asked["count"] > what.translations)
      throw refusal{400, "count is a whole number from 1 to " + std::to_string(what.translations)};
    q.count = asked["count"].get<std::size_t>();
  }
  for (char& c : q.text)
    if (static_cast<unsigned char>(c) < 0x20) c = ' ';
  if (text::is_blank(q.text)) throw refusal{400, "the sentence is empty"};
  return q;
}

json as_json(std::vector<train::sample> const& found, clock::duration took) {
  json translations = json::array();
  for (auto const& s : found) {
    json one{{"text", s.prediction}, {"tokens", s.prediction_tokens}};
    if (s.score) one["score"] = *s.score;
    if (!s.weights.empty()) {
      json rows = json::array();
      std::size_t const width = s.source_tokens.size();
      for (std::size_t t = 0; t * width < s.weights.size(); ++t)
        rows.push_back(std::vector<float>(s.weights.begin() + static_cast<std::ptrdiff_t>(t * width),
                                          s.weights.begin() + static_cast<std::ptrdiff_t>((t + 1) * width)));
      one["attention"] = std::move(rows);
    }
    translations.push_back(std::move(one));
  }
  json result{{"source_tokens", found.front().source_tokens},
              {"cut", found.front().cut},
              {"translations", std::move(translations)},
              {"milliseconds", std::chrono::duration<double, std::milli>(took).count()}};
  if (!found.front().weights.empty()) result["picture"] = train::attention_picture(found.front());
  return result;
}

/// Names of hosts and of types of content may be written in either case.
std::string lower_case(std::string text) {
  for (char& c : text)
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  return text;
}

/// A page of somewhere else whose name leads here shall not use this server.
bool named_as_this_machine(std::string const& host) {
  auto const name = lower_case(host.substr(0, host.find_last_of(':')));
  return name == "127.0.0.1" || name == "localhost";
}

/// What came of a request's body, and why it is refused, if so.
struct received {
  std::string content;
  std::optional<refusal> wrong;
};

/// Reads a body to its end, even if it is too large, while its time lasts: when a connection closes with
/// something unread, its client may never see the answer.
received read_body(Request const& request, httplib::ContentReader const& reader,
                   server_limits const& limits) {
  if (!request.has_header("Content-Length") && !request.has_header("Transfer-Encoding")) return {};
  received body;
  auto last = clock::now();
  auto const latest = last + std::chrono::seconds(limits.seconds_to_send);
  bool late = false, large = false;
  httplib::ContentReceiver const receive = [&](char const* data, std::size_t size) {
    last = clock::now();
    late = last > latest;
    large = large || body.content.size() + size > limits.body_bytes;
    if (!large) body.content.append(data, size);
    return !late;
  };
  bool const whole = request.is_multipart_form_data()
                         ? reader([](httplib::MultipartFormData const&) { return true; }, receive)
                         : reader(receive);
  late = late || (!whole && clock::now() - last >= std::chrono::seconds(limits.seconds_of_silence));
  if (large)
    body.wrong = {413, reason_of(413, limits)};
  else if (late)
    body.wrong = {408, "the request's body took too long"};
  else if (!whole)
    body.wrong = {400, "the request's body ended early"};
  return body;
}

constexpr char const* foreign_host = "this server answers to the names localhost and 127.0.0.1";

void translate(Request const& request, received const& body, Response& response, service const& what,
               server_limits const& limits, worker_pool& pool) {
  // A form on a page elsewhere can send any other type without asking.
  auto const type = request.get_header_value("Content-Type");
  if (lower_case(type.substr(0, type.find_first_of("; "))) != "application/json")
    throw refusal{415, "the body must be JSON: Content-Type: application/json"};
  if (request.has_header("Content-Encoding"))
    throw refusal{415, "the body must come as it is, without Content-Encoding"};
  if (body.wrong) throw refusal(*body.wrong);
  auto const q = parse_question(body.content, what, limits);
  worker_pool::loan const loan(pool, limits.seconds_to_wait);
  auto const begin = clock::now();
  auto const found = what.translate(loan.worker(), q.text, q.count);
  answer(response, 200, as_json(found, clock::now() - begin));
}

void add_routes(httplib::Server& http, service const& what, server_limits const& limits, worker_pool& pool) {
  http.Get("/", [&what](Request const&, Response& response) {
    response.set_content(page_of(what), "text/html; charset=utf-8");
  });
  http.Get("/api/model", [&what](Request const&, Response& response) {
    answer(response, 200,
           {{"recipe", what.recipe}, {"title", what.title}, {"translations", what.translations}});
  });
  auto const refuse_method = [](Response& response, char const* allowed) {
    response.set_header("Allow", allowed);
    refuse(response, {405, allowed == std::string_view("POST") ? "POST it: {\"text\": …}" : "GET it"});
  };
  http.Get("/api/translate", [=](Request const&, Response& response) { refuse_method(response, "POST"); });
  auto const with_body = [&, refuse_method](Request const& request, Response& response,
                                            httplib::ContentReader const& reader) {
    try {
      auto const body = read_body(request, reader, limits);
      if (!named_as_this_machine(request.get_header_value("Host"))) throw refusal{403, foreign_host};
      bool const known = request.path == "/api/translate";
      if (known && request.method != "POST") return refuse_method(response, "POST");
      if (request.path == "/" || request.path == "/api/model") return refuse_method(response, "GET");
      if (!known) throw refusal(body.wrong ? *body.wrong : refusal{404, reason_of(404, limits)});
      translate(request, body, response, what, limits, pool);
    } catch (refusal const& why) {
      refuse(response, why);
    } catch (tenon::error const& wrong) {
      refuse(response, {400, wrong.what()});
    }
  };
  http.Options(".*", [=, &limits](Request const& request, Response& response) {
    if (request.path == "/api/translate") return refuse_method(response, "POST");
    if (request.path == "/" || request.path == "/api/model") return refuse_method(response, "GET");
    refuse(response, {404, reason_of(404, limits)});
  });
  http.Post(".*", with_body);
  http.Put(".*", with_body);
  http.Patch(".*", with_body);
  http.Delete(".*", with_body);
}

/// Throws if there cannot be so many threads: the library's pool would end the process.
void require_threads(std::size_t count) {
  std::latch all_tried(1);
  std::vector<std::jthread> threads;
  try {
    while (threads.size() < count) threads.emplace_back([&] { all_tried.wait(); });
    all_tried.count_down();
  } catch (std::system_error const& wrong) {
    all_tried.count_down();
    throw error("the server cannot have " + std::to_string(count) + " threads to wait for clients (" +
                wrong.code().message() + "): raise the limit on processes or memory");
  }
}

}  // namespace

extern "C" [[gnu::visibility("default")]] void tenon_translate_serve(int port, service const& what,
                                                                     server_limits const& limits,
                                                                     std::ostream& out) {
  require_threads(limits.connections + what.workers);
  httplib::Server http;
  worker_pool pool(what.workers);
  http.new_task_queue = [&limits] { return new httplib::ThreadPool(limits.connections); };
  socket_t listener = INVALID_SOCKET;
  http.set_socket_options([&listener](socket_t socket) {
    listener = socket;
    int const yes = 1;  // without the library's SO_REUSEPORT: a port is one server's
    setsockopt(socket, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
  });
  http.set_read_timeout(limits.seconds_of_silence);
  http.set_write_timeout(limits.seconds_of_silence);
  // One request a connection: one that came too late may go on behind its answer, and nobody shall read that.
  http.set_keep_alive_max_count(1);
  http.set_default_headers({{"X-Content-Type-Options", "nosniff"},
                            {"Cache-Control", "no-store"},
                            {"Content-Security-Policy", content_policy()}});
  http.set_pre_routing_handler([](Request const& request, Response& response) {
    const_cast<Request&>(request)
        .ranges.clear();  // answers are made anew each time: there are no parts of them
    bool const may_have_body = request.method != "GET" && request.method != "HEAD";  // its handler looks then
    if (may_have_body || named_as_this_machine(request.get_header_value("Host")))
      return httplib::Server::HandlerResponse::Unhandled;
    refuse(response, {403, foreign_host});
    return httplib::Server::HandlerResponse::Handled;
  });
  http.set_error_handler([&limits](Request const&, Response& response) {
    if (response.body.empty()) refuse(response, {response.status, reason_of(response.status, limits)});
  });
  add_routes(http, what, limits, pool);

  char const* const here = "127.0.0.1";
  int const bound = port == 0 ? http.bind_to_any_port(here) : http.bind_to_port(here, port) ? port : -1;
  if (bound < 0)
    throw error("port " + std::to_string(port) + " cannot be had: choose another with --port, or 0 for any");
  // The library lets five clients wait to be accepted; when many come at once, others would be turned away.
  ::listen(listener, static_cast<int>(limits.connections));
  out << "serving " << what.recipe << " on http://" << here << ':' << bound << " (Ctrl-C stops)\n"
      << std::flush;
  if (!out) throw error("standard output: cannot be written, and nobody would know the port");
  std::atomic<bool> ended = false;
  std::thread listening([&] {
    http.listen_after_bind();
    ended = true;
  });
  while (!ended && !what.stop_requested()) std::this_thread::sleep_for(std::chrono::milliseconds(50));
  while (!ended) {  // asked before it listens, the library does not hear it
    http.stop();
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
  listening.join();
  if (!what.stop_requested()) throw error("the server stopped: its port was taken away");
  out << "stopped\n" << std::flush;
}

}  // namespace tenon::translate
