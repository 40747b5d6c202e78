// SPDX-License-Identifier: BSL-1.0
// A parameter block on a GPU: weights, optimiser's state, and the stream on which all its sessions work one
// after the other, so that none reads what another is writing. What is newer, the host's copy or the GPU's,
// is copied when the other side next needs it.
#pragma once
#include <cstddef>

#include "../../program/parameter_block.hpp"
#include "../check.cuh"

namespace tenon::cuda {

class device_parameters final : public parameter_mirror {
 public:
  device_parameters(std::byte* values, std::size_t bytes)
      : host_values_{values}, bytes_{bytes}, values_{allocate_on_device(bytes, "parameters")} {
    cudaStream_t stream = nullptr;
    check(cudaStreamCreateWithFlags(&stream, cudaStreamNonBlocking), "cudaStreamCreate", "parameters");
    stream_.reset(stream);
  }

  /// The block's copy on the GPU, made if there is none.
  static device_parameters& of(parameter_block& block) {
    if (block.mirror() == nullptr) {
      auto const values = block.values();
      block.mirror(tenon::detail::owned<parameter_mirror>(
          new device_parameters(reinterpret_cast<std::byte*>(values.data()), block.bytes())));
    }
    return static_cast<device_parameters&>(*block.mirror());
  }

  std::byte* values() { return values_.get(); }
  std::byte* state() { return state_.get(); }
  cudaStream_t stream() const { return stream_.get(); }

  void make_state(std::byte* host, std::size_t bytes) {
    if (state_ != nullptr && state_bytes_ >= bytes) return;
    finish();
    host_state_ = host;
    state_ = allocate_on_device(bytes, "the optimiser's state");
    state_bytes_ = bytes;
    host_is_newer_ = true;
  }

  /// Before a run, which `updates` the block or not: brings the host's changes to the GPU.
  void needed_on_device(bool updates) {
    if (host_is_newer_) {
      finish();
      copy(values_.get(), host_values_, bytes_, cudaMemcpyHostToDevice);
      if (state_bytes_ > 0) copy(state_.get(), host_state_, state_bytes_, cudaMemcpyHostToDevice);
      host_is_newer_ = false;
    }
    device_is_newer_ |= updates;
  }

  void needed_on_host(bool written) override {
    if (device_is_newer_) {
      finish();
      copy(host_values_, values_.get(), bytes_, cudaMemcpyDeviceToHost);
      if (state_bytes_ > 0) copy(host_state_, state_.get(), state_bytes_, cudaMemcpyDeviceToHost);
      device_is_newer_ = false;
    }
    host_is_newer_ |= written;
  }

 private:
  void finish() { check(cudaStreamSynchronize(stream_.get()), "cudaStreamSynchronize", "parameters"); }
  /// On the block's own stream, which no copy on another one would wait for; done when it returns.
  void copy(std::byte* to, std::byte const* from, std::size_t bytes, cudaMemcpyKind kind) {
    check(cudaMemcpyAsync(to, from, bytes, kind, stream_.get()), "cudaMemcpyAsync", "parameters");
    finish();
  }

  std::byte* host_values_;
  std::byte* host_state_ = nullptr;
  std::size_t bytes_, state_bytes_ = 0;
  owned_stream stream_;
  device_memory values_, state_;
  bool host_is_newer_ = true, device_is_newer_ = false;
};

}  // namespace tenon::cuda
