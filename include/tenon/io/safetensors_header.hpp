// SPDX-License-Identifier: BSL-1.0
// The JSON header of a safetensors file, read event by event: what does not belong there is refused where it
// stands, so nothing nests deeper than the format does and no tree of the whole is ever built.
#pragma once
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <map>
#include <nlohmann/json.hpp>
#include <numeric>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "dtype.hpp"
#include "posix_file.hpp"
#include "tenon/config.hpp"

namespace tenon::io {

/// Free text that travels with the tensors, by key.
using metadata_map = std::map<std::string, std::string, std::less<>>;

namespace detail {

inline constexpr std::size_t max_header_bytes = 100'000'000;
inline constexpr std::size_t max_rank = 64;
inline constexpr std::string_view metadata_key = "__metadata__";
inline constexpr std::string_view damaged = ": the file is damaged: download or train it again";
inline constexpr std::string_view truncated = ": the file is truncated: download or train it again";

/// One tensor as the header states it; offsets count from the start of the data.
struct header_entry {
  std::string name;
  dtype type = dtype::f32;
  std::vector<std::size_t> shape;
  std::vector<std::size_t> offsets;
};

/// Receives nlohmann's parse events (its names, its signatures); true means go on.
class header_reader {
 public:
  explicit header_reader(std::filesystem::path const& path) : path_(path) {}

  std::vector<header_entry> entries;
  metadata_map metadata;

  bool null() { refuse(); }
  bool boolean(bool /*value*/) { refuse(); }
  bool number_integer(std::int64_t /*negative*/) { refuse(); }
  bool number_float(double /*value*/, std::string const& /*text*/) { refuse(); }
  bool binary(nlohmann::json::binary_t& /*value*/) { refuse(); }

  bool number_unsigned(std::uint64_t value) {
    if (place_ == place::shape && entries.back().shape.size() < max_rank)
      entries.back().shape.push_back(value);
    else if (place_ == place::offsets && entries.back().offsets.size() < 2)
      entries.back().offsets.push_back(value);
    else
      refuse();
    return true;
  }

  bool string(std::string& value) {
    if (place_ == place::metadata) {
      metadata[key_] = std::move(value);
    } else if (place_ == place::tensor && key_ == "dtype") {
      auto const type = parse_dtype(value);
      if (!type) {
        bad("tensor " + in_quotes(entries.back().name) + " has dtype " + in_quotes(value) +
            ", not one of F64 F32 F16 BF16 I64 I32 I16 I8 U8 BOOL: convert it to one of these");
      }
      entries.back().type = *type;
    } else {
      refuse();
    }
    return true;
  }

  bool start_object(std::size_t /*unknown*/) {
    if (place_ == place::outside) {
      place_ = place::top;
    } else if (place_ == place::top && key_ == metadata_key) {
      place_ = place::metadata;
    } else if (place_ == place::top) {
      entries.push_back({key_, {}, {}, {}});
      fields_.clear();
      place_ = place::tensor;
    } else {
      refuse();
    }
    return true;
  }

  bool key(std::string& name) {
    if (place_ == place::tensor && name != "dtype" && name != "shape" && name != "data_offsets")
      bad("tensor " + in_quotes(entries.back().name) + " has an unknown field " + in_quotes(name) +
          std::string(damaged));
    auto const duplicate = [&] {
      if (place_ == place::metadata) return metadata.contains(name);
      return !(place_ == place::tensor ? fields_ : names_).insert(name).second;
    }();
    if (duplicate) bad("the header has a duplicate name " + in_quotes(name) + std::string(damaged));
    key_ = std::move(name);
    return true;
  }

  bool end_object() {
    if (place_ == place::tensor && fields_.size() != 3)
      bad("tensor " + in_quotes(entries.back().name) + " lacks its dtype, shape or data_offsets" +
          std::string(damaged));
    place_ = place_ == place::top ? place::outside : place::top;
    return true;
  }

  bool start_array(std::size_t /*unknown*/) {
    if (place_ == place::tensor && key_ == "shape")
      place_ = place::shape;
    else if (place_ == place::tensor && key_ == "data_offsets")
      place_ = place::offsets;
    else
      refuse();
    return true;
  }

  bool end_array() {
    if (place_ == place::offsets && entries.back().offsets.size() != 2) refuse();
    place_ = place::tensor;
    return true;
  }

  bool parse_error(std::size_t position, std::string const& /*token*/,
                   nlohmann::json::exception const& /*why*/) {
    bad("the header is not valid JSON in UTF-8 (byte " + std::to_string(position) + " of it)" +
        std::string(damaged));
  }

 private:
  enum class place : std::uint8_t { outside, top, metadata, tensor, shape, offsets };

  [[noreturn]] void bad(std::string_view what) const { fail(path_, what); }

  /// A value of a kind that cannot stand here.
  [[noreturn]] void refuse() const {
    auto const rule = [this]() -> std::string {
      if (place_ == place::outside) return "the header is not a JSON object";
      if (place_ == place::metadata || (place_ == place::top && key_ == metadata_key))
        return "__metadata__ must map strings to strings, but " + in_quotes(key_) + " does not";
      if (place_ == place::top) return in_quotes(key_) + " in the header is not a JSON object";
      auto const tensor = "tensor " + in_quotes(entries.back().name);
      if (key_ == "dtype") return "the dtype of " + tensor + " is not a string";
      if (key_ == "data_offsets")
        return "the data_offsets of " + tensor + " are not two non-negative integers";
      return "the shape of " + tensor + " is not a list of at most " + std::to_string(max_rank) +
             " non-negative integers";
    }();
    bad(rule + std::string(damaged));
  }

  std::filesystem::path const& path_;
  place place_ = place::outside;
  std::string key_;               // the latest one, at any depth
  std::set<std::string> names_;   // keys seen at the top
  std::set<std::string> fields_;  // keys seen in this tensor
};

/// Checks that the tensors fill `data_bytes` bytes exactly, each by the size that its shape and type need.
TENON_COLD inline void check_layout(std::filesystem::path const& path, std::span<header_entry const> entries,
                                    std::size_t data_bytes) {
  for (auto const& entry : entries) {
    auto const begin = entry.offsets[0];
    auto const end = entry.offsets[1];
    auto const tensor = "tensor " + in_quotes(entry.name);
    auto const bytes = tensor_bytes(entry.type, entry.shape);
    if (!bytes) fail(path, "the shape of " + tensor + " is too large" + std::string(damaged));
    if (begin > end) fail(path, "the data_offsets of " + tensor + " are reversed" + std::string(damaged));
    if (end - begin != *bytes) {
      fail(path, tensor + " needs " + std::to_string(*bytes) +
                     " bytes for its shape, but its data_offsets span " + std::to_string(end - begin) +
                     std::string(damaged));
    }
    if (end > data_bytes) {
      fail(path, tensor + " ends at byte " + std::to_string(end) + " of the data, which has only " +
                     std::to_string(data_bytes) + std::string(truncated));
    }
  }
  std::vector<std::size_t> order(entries.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::ranges::sort(order, {},
                    [&](std::size_t i) { return std::pair(entries[i].offsets[0], entries[i].offsets[1]); });
  std::size_t filled = 0;
  for (auto const i : order) {
    auto const tensor = "tensor " + in_quotes(entries[i].name);
    if (entries[i].offsets[0] < filled) fail(path, tensor + " overlaps another" + std::string(damaged));
    if (entries[i].offsets[0] > filled)
      fail(path, "the data has a hole before " + tensor + std::string(damaged));
    filled = entries[i].offsets[1];
  }
  if (filled != data_bytes) {
    fail(path,
         std::to_string(data_bytes - filled) + " trailing bytes belong to no tensor" + std::string(damaged));
  }
}

/// Reads and checks the JSON text `header` of a file with `data_bytes` bytes after it.
/// Throws tenon::error with `path` for anything that the format does not allow.
inline header_reader parse_header(std::filesystem::path const& path, std::string_view header,
                                  std::size_t data_bytes) {
  // nlohmann skips a byte order mark and takes NUL for the end of the text; the format allows neither.
  if (!header.starts_with('{')) fail(path, "the header is not a JSON object" + std::string(damaged));
  if (header.find('\0') != std::string_view::npos)
    fail(path, "the header is not valid JSON: it has a NUL byte" + std::string(damaged));
  header_reader reader(path);
  nlohmann::json::sax_parse(header.begin(), header.end(), &reader);
  check_layout(path, reader.entries, data_bytes);
  return reader;
}

/// `text` as a JSON string with its quotes. Throws tenon::error with `path` if it is not UTF-8.
inline std::string json_string(std::filesystem::path const& path, std::string_view text) {
  try {
    return nlohmann::json(text).dump();
  } catch (nlohmann::json::type_error const&) {
    fail(path, "cannot save: " + in_quotes(text) + " is not valid UTF-8: choose another name or value");
  }
}

}  // namespace detail
}  // namespace tenon::io
