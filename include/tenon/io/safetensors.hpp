// SPDX-License-Identifier: BSL-1.0
// Reading and writing safetensors files (https://github.com/huggingface/safetensors): a 64-bit length, a JSON
// header of that length, then the bytes of all tensors. A file is trusted in nothing: see
// `safetensors_file::read`.
#pragma once
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <map>
#include <numeric>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "atomic_file.hpp"
#include "dtype.hpp"
#include "posix_file.hpp"
#include "safetensors_header.hpp"
#include "tenon/config.hpp"
#include "tenon/owned.hpp"

namespace tenon::io {

/// One tensor of a file that was read: row-major, little-endian bytes, owned by the `safetensors_file`.
struct tensor_entry {
  std::string name;
  dtype type;
  std::vector<std::size_t> shape;
  std::span<std::byte const> bytes;
};

/// "[2, 3]", for messages.
inline std::string shape_text(std::span<std::size_t const> shape) {
  std::string text = "[";
  for (auto const extent : shape) text += (text.size() > 1 ? ", " : "") + std::to_string(extent);
  return text + "]";
}

/// A safetensors file in memory.
class safetensors_file {
 public:
  /// Reads the whole file. Throws tenon::error if it cannot be read or breaks the format in any way: lengths,
  /// JSON, duplicate names, types, shapes, and data that is not covered exactly once. The header is checked
  /// before the data is read, so a wrong file is refused at once whatever its size. Values are looked at by
  /// `copy_to` only.
  static safetensors_file read(std::filesystem::path const& path) {
    input_file input(path);
    if (input.size() < 8) {
      fail(path, "the file has " + std::to_string(input.size()) +
                     " bytes, fewer than the header's length takes" + std::string(detail::truncated));
    }
    std::uint64_t length = 0;
    input.read(std::as_writable_bytes(std::span(&length, 1)));
    if (length > detail::max_header_bytes) {
      fail(path, "this is not a safetensors file (it would have a header of " + std::to_string(length) +
                     " bytes): give one that a training run saved");
    }
    if (length > input.size() - 8) {
      fail(path, "the header takes " + std::to_string(length) + " bytes but only " +
                     std::to_string(input.size() - 8) + " follow" + std::string(detail::truncated));
    }
    try {
      std::string text(length, '\0');
      input.read(std::as_writable_bytes(std::span(text)));
      auto const data_bytes = input.size() - 8 - length;
      auto header = detail::parse_header(path, text, data_bytes);
      safetensors_file file(path, std::move(header.metadata), data_bytes);
      input.read({file.data_.get(), data_bytes});
      for (auto& entry : header.entries) {
        std::span<std::byte const> const bytes(file.data_.get() + entry.offsets[0],
                                               entry.offsets[1] - entry.offsets[0]);
        file.index_.emplace(entry.name, file.tensors_.size());
        file.tensors_.push_back({std::move(entry.name), entry.type, std::move(entry.shape), bytes});
      }
      return file;
    } catch (std::bad_alloc const&) {
      fail(path, "not enough memory for the " + std::to_string(input.size()) +
                     " bytes of the file: free some or choose a smaller model");
    }
  }

  /// All tensors, in the order of the header.
  [[nodiscard]] std::span<tensor_entry const> tensors() const { return tensors_; }

  [[nodiscard]] metadata_map const& metadata() const { return metadata_; }

  /// The tensor of that name, or nullptr.
  [[nodiscard]] tensor_entry const* find(std::string_view name) const {
    auto const found = index_.find(name);
    return found == index_.end() ? nullptr : &tensors_[found->second];
  }

  /// The tensor of that name. Throws tenon::error if there is none.
  [[nodiscard]] tensor_entry const& at(std::string_view name) const {
    if (auto const* entry = find(name)) return *entry;
    fail(path_, "there is no tensor " + in_quotes(name) + ": choose a file that fits this model");
  }

  /// The tensor of that name. Throws tenon::error if there is none or its shape is another.
  [[nodiscard]] tensor_entry const& at(std::string_view name, std::span<std::size_t const> shape) const {
    auto const& entry = at(name);
    if (std::ranges::equal(entry.shape, shape)) return entry;
    fail(path_, "tensor " + in_quotes(name) + " has shape " + shape_text(entry.shape) + " instead of " +
                    shape_text(shape) + ": choose a file that fits this model");
  }

  /// Copies a tensor of this file as floats, from F32, F16, BF16 (exact) or F64 (rounded). Throws
  /// tenon::error, with `out` in any state, if its type is another, `out` has another number of elements, or
  /// a value is not finite as a float.
  void copy_to(tensor_entry const& entry, std::span<float> out) const {
    auto const tensor = "tensor " + in_quotes(entry.name);
    if (!is_floating(entry.type)) {
      fail(path_, tensor + " has dtype " + std::string(dtype_name(entry.type)) +
                      ", not a floating one: choose a file that fits this model");
    }
    auto const count = entry.bytes.size() / dtype_bytes(entry.type);
    if (out.size() != count) {
      fail(path_, tensor + " has " + std::to_string(count) + " values instead of " +
                      std::to_string(out.size()) + ": choose a file that fits this model");
    }
    convert_to_float(entry.type, entry.bytes, out);
    if (auto const index = find_non_finite(out)) {
      fail(path_, tensor + " holds NaN, infinity or a value too large for float at index " +
                      std::to_string(*index) + ": choose another file or train it again");
    }
  }

  /// The same into a new vector.
  [[nodiscard]] std::vector<float> floats(tensor_entry const& entry) const {
    std::vector<float> values(entry.bytes.size() / dtype_bytes(entry.type));
    copy_to(entry, values);
    return values;
  }

 private:
  // Raw storage: setting a large model's bytes to zero first would double the time to read it.
  safetensors_file(std::filesystem::path path, metadata_map metadata, std::size_t bytes)
      : path_(std::move(path)),
        metadata_(std::move(metadata)),
        data_(tenon::detail::allocate_aligned<std::byte>(bytes)) {}

  std::filesystem::path path_;
  metadata_map metadata_;
  tenon::detail::aligned_memory<std::byte> data_;
  std::vector<tensor_entry> tensors_;
  std::map<std::string, std::size_t, std::less<>> index_;
};

/// One tensor to be written: row-major, little-endian bytes, as many as `shape` and `type` need.
struct tensor_source {
  std::string name;
  dtype type;
  std::vector<std::size_t> shape;
  std::span<std::byte const> bytes;
};

/// Saves tensors with `write_atomically`. The header names them in the given order; in the data the wide
/// types come first, so that every tensor is aligned to its own elements. The same input gives the same
/// bytes. Throws tenon::error as `write_atomically` does, and if a name is taken twice or not UTF-8, or a
/// tensor has another number of bytes than its shape needs.
TENON_COLD inline void write_safetensors(std::filesystem::path const& path,
                                         std::span<tensor_source const> tensors,
                                         metadata_map const& metadata = {}) {
  std::vector<std::size_t> order(tensors.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::ranges::sort(order, {}, [&](std::size_t i) { return std::pair(8 - dtype_bytes(tensors[i].type), i); });
  std::vector<std::size_t> begins(tensors.size());
  std::size_t end = 0;
  for (auto const i : order) begins[i] = std::exchange(end, end + tensors[i].bytes.size());

  std::string header = "{";
  auto const separate = [&] { header += header.ends_with('{') ? "" : ","; };
  if (!metadata.empty()) {
    header += detail::json_string(path, detail::metadata_key) + ":{";
    for (auto const& [key, value] : metadata) {
      separate();
      header += detail::json_string(path, key) + ':' + detail::json_string(path, value);
    }
    header += '}';
  }
  std::set<std::string_view> names{detail::metadata_key};
  for (std::size_t i = 0; i < tensors.size(); ++i) {
    auto const& tensor = tensors[i];
    if (!names.insert(tensor.name).second)
      fail(path, "cannot save: the tensor name " + in_quotes(tensor.name) + " is taken: give each its own");
    if (tensor_bytes(tensor.type, tensor.shape) != tensor.bytes.size() ||
        tensor.shape.size() > detail::max_rank) {
      fail(path, "cannot save: tensor " + in_quotes(tensor.name) + " has " +
                     std::to_string(tensor.bytes.size()) +
                     " bytes, which do not fit its shape: give one value for each element");
    }
    separate();
    header += detail::json_string(path, tensor.name) + ":{\"dtype\":\"";
    header += dtype_name(tensor.type);
    header += "\",\"shape\":[";
    for (std::size_t axis = 0; axis < tensor.shape.size(); ++axis)
      header += (axis == 0 ? "" : ",") + std::to_string(tensor.shape[axis]);
    header += "],\"data_offsets\":[" + std::to_string(begins[i]) + ',' +
              std::to_string(begins[i] + tensor.bytes.size()) + "]}";
  }
  header += '}';
  header.resize((header.size() + 7) / 8 * 8, ' ');  // the data starts at a multiple of 8
  if (header.size() > detail::max_header_bytes)
    fail(path, "cannot save: the header would exceed 100 MB: save fewer tensors or less metadata");

  std::uint64_t const length = header.size();
  write_atomically(path, [&](file_sink& sink) {
    sink.write(std::as_bytes(std::span(&length, 1)));
    sink.write(header);
    for (auto const i : order) sink.write(tensors[i].bytes);
  });
}

}  // namespace tenon::io
