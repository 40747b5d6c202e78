// SPDX-License-Identifier: BSL-1.0
// tenon-translate serve
#pragma once
#include <dlfcn.h>

#include <algorithm>
#include <cstddef>
#include <filesystem>
#include <iostream>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "ensemble.hpp"
#include "options.hpp"
#include "samples.hpp"
#include "server.hpp"
#include "tenon/train/interrupt.hpp"

namespace tenon::translate {

namespace detail {

/// The server's module: beside the translator, or where it was built. It stays loaded. Throws tenon::error.
inline serve_function loaded_server() {
#ifdef TENON_SERVER_MODULE
  std::filesystem::path const built = TENON_SERVER_MODULE;
  std::error_code ignored;
  auto const beside =
      std::filesystem::read_symlink("/proc/self/exe", ignored).replace_filename(built.filename());
  void* module = nullptr;
  for (auto const& place : {beside, built})
    if (module == nullptr) module = dlopen(place.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (module == nullptr) throw error(std::string("the server cannot be loaded: ") + dlerror());
  auto* const found = dlsym(module, serve_symbol);
  if (found == nullptr) throw error(std::string("the server is not one of this translator: ") + dlerror());
  return reinterpret_cast<serve_function>(found);
#else
  throw error(
      "this translator was built without a server: install the Debian package libcpp-httplib-dev, and build "
      "it "
      "again");
#endif
}

}  // namespace detail

/// Serves a model until Ctrl-C. Throws tenon::error.
template <class Recipe>
TENON_COLD int serve_command(options const& chosen, std::ostream& out) {
  auto const serve = detail::loaded_server();
  ensemble<Recipe> models(chosen);
  auto const& model = models.first;
  std::vector<std::unique_ptr<sentence_translator<Recipe>>> workers(chosen.threads);
  for (auto& w : workers) {
    w = std::make_unique<sentence_translator<Recipe>>(model, models.weights(), 1, decoding{chosen.weights},
                                                      models.size());
    (*w)(Recipe::samples[0].source);  // makes its programs and memory now, not when somebody waits
  }
  service what;
  what.title = Recipe::title;
  what.recipe = Recipe::name;
  what.translations = Recipe::beams;
  what.workers = workers.size();
  what.translate = [&](std::size_t worker, std::string_view sentence, std::size_t count) {
    std::vector<train::sample> samples;
    for (auto const& made : workers[worker]->best(sentence, count)) {
      samples.push_back(as_sample(model, sentence, made, {}));
      if (Recipe::beams > 1) samples.back().score = made.score;
    }
    return samples;
  };
  train::interrupt_guard const guard;
  what.stop_requested = [] { return train::interrupt_guard::requested(); };
  serve(chosen.port, what, {}, out);
  return 0;
}

}  // namespace tenon::translate
