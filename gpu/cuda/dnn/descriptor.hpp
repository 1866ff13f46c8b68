#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

#include <cudnn.h>

#include "gpu/cuda/library_status.hpp"

/// cuDNN's graph API has one kind of object: a descriptor, to which attributes are set one by one, and which is then
/// finished and read only. What is here makes that safe to use from C++ and says what was set, for keys and errors.
namespace troupe::gpu::cuda::dnn {

class Descriptor;

namespace detail {

/// What the C API calls the type of an attribute that is a T.
template <class T>
constexpr cudnnBackendAttributeType_t attribute_type() {
  if constexpr (std::is_same_v<T, cudnnHandle_t>) return CUDNN_TYPE_HANDLE;
  if constexpr (std::is_same_v<T, cudnnDataType_t>) return CUDNN_TYPE_DATA_TYPE;
  if constexpr (std::is_same_v<T, bool>) return CUDNN_TYPE_BOOLEAN;
  if constexpr (std::is_same_v<T, std::int64_t>) return CUDNN_TYPE_INT64;
  if constexpr (std::is_same_v<T, float>) return CUDNN_TYPE_FLOAT;
  if constexpr (std::is_same_v<T, void*>) return CUDNN_TYPE_VOID_PTR;
  if constexpr (std::is_same_v<T, cudnnConvolutionMode_t>) return CUDNN_TYPE_CONVOLUTION_MODE;
  if constexpr (std::is_same_v<T, cudnnBackendHeurMode_t>) return CUDNN_TYPE_HEUR_MODE;
  if constexpr (std::is_same_v<T, cudnnBackendKnobType_t>) return CUDNN_TYPE_KNOB_TYPE;
  if constexpr (std::is_same_v<T, cudnnNanPropagation_t>) return CUDNN_TYPE_NAN_PROPOGATION;
  if constexpr (std::is_same_v<T, cudnnBackendNumericalNote_t>) return CUDNN_TYPE_NUMERICAL_NOTE;
  if constexpr (std::is_same_v<T, cudnnPointwiseMode_t>) return CUDNN_TYPE_POINTWISE_MODE;
  if constexpr (std::is_same_v<T, cudnnBackendBehaviorNote_t>) return CUDNN_TYPE_BEHAVIOR_NOTE;
  if constexpr (std::is_same_v<T, cudnnResampleMode_t>) return CUDNN_TYPE_RESAMPLE_MODE;
  if constexpr (std::is_same_v<T, cudnnPaddingMode_t>) return CUDNN_TYPE_PADDING_MODE;
  if constexpr (std::is_same_v<T, char>) return CUDNN_TYPE_CHAR;
  if constexpr (std::is_same_v<T, cudnnFraction_t>) return CUDNN_TYPE_FRACTION;
  if constexpr (std::is_same_v<T, cudnnBackendNormMode_t>) return CUDNN_TYPE_NORM_MODE;
  if constexpr (std::is_same_v<T, cudnnBackendNormFwdPhase_t>) return CUDNN_TYPE_NORM_FWD_PHASE;
}

}  // namespace detail

/// One descriptor; copies are the same one. It keeps alive the descriptors that were set to it.
/// Every call throws Error of the status (gpu/cuda/status.hpp), with cuDNN's last words on it.
class Descriptor {
 public:
  explicit Descriptor(cudnnBackendDescriptorType_t type);

  template <class T>
  Descriptor& set(cudnnBackendAttributeName_t name, std::span<const T> values) {
    set(name, detail::attribute_type<T>(), static_cast<std::int64_t>(values.size()), values.data());
    if constexpr (!std::is_pointer_v<T>) note(name, text_of(values));
    return *this;
  }
  template <class T>
  Descriptor& set(cudnnBackendAttributeName_t name, const std::vector<T>& values) {
    return set(name, std::span<const T>{values});
  }
  template <class T>
  Descriptor& set(cudnnBackendAttributeName_t name, const T& value) {
    return set(name, std::span<const T>{&value, 1});
  }
  Descriptor& set(cudnnBackendAttributeName_t name, std::span<const Descriptor> values);
  Descriptor& set(cudnnBackendAttributeName_t name, const std::vector<Descriptor>& values) {
    return set(name, std::span<const Descriptor>{values});
  }
  Descriptor& set(cudnnBackendAttributeName_t name, const Descriptor& value) {
    return set(name, std::span<const Descriptor>{&value, 1});
  }
  Descriptor& set_text(cudnnBackendAttributeName_t name, std::string_view text);
  /// Checks and fixes what was set.
  Descriptor& finish();
  /// The same, as a value: cuDNN refuses what it cannot do at this call.
  cudnnStatus_t try_finish();

  /// All values of an attribute of a finished descriptor.
  template <class T>
  std::vector<T> get_all(cudnnBackendAttributeName_t name) const {
    const std::int64_t most = count(name, detail::attribute_type<T>());
    std::vector<T> values(static_cast<std::size_t>(most));
    values.resize(get(name, detail::attribute_type<T>(), most, values.data()));
    return values;
  }
  /// The one value. @throws Error bug if there is none.
  template <class T>
  T get(cudnnBackendAttributeName_t name) const {
    T value{};
    if (get(name, detail::attribute_type<T>(), 1, &value) != 1) missing(name);
    return value;
  }
  /// Text, as in a JSON representation.
  std::string get_text(cudnnBackendAttributeName_t name) const;
  /// Descriptors of this `type`.
  std::vector<Descriptor> get_descriptors(cudnnBackendAttributeName_t name,
                                          cudnnBackendDescriptorType_t type) const;

  /// All that was set, handles, addresses and texts left out: equal texts stand for equal descriptors. Numbers are those of
  /// the C API, as in "17{901=0;902=8,3,32,32}".
  std::string text() const;
  cudnnBackendDescriptor_t raw() const;

 private:
  struct State;

  void set(cudnnBackendAttributeName_t name, cudnnBackendAttributeType_t type, std::int64_t count,
           const void* values);
  void note(cudnnBackendAttributeName_t name, const std::string& values);
  std::int64_t count(cudnnBackendAttributeName_t name, cudnnBackendAttributeType_t type) const;
  std::size_t get(cudnnBackendAttributeName_t name, cudnnBackendAttributeType_t type,
                  std::int64_t most, void* values) const;
  [[noreturn]] static void missing(cudnnBackendAttributeName_t name);
  static std::string text_of(double value);
  template <class T>
  static std::string text_of(std::span<const T> values) {
    std::string text;
    for (const T& value : values) {
      if (!text.empty()) text += ',';
      if constexpr (std::is_same_v<T, float>) {
        text += text_of(static_cast<double>(value));
      } else if constexpr (std::is_same_v<T, cudnnFraction_t>) {
        text += std::to_string(value.numerator) + "/" + std::to_string(value.denominator);
      } else {
        text += std::to_string(static_cast<std::int64_t>(value));
      }
    }
    return text;
  }

  std::shared_ptr<State> state_;
};

/// What cuDNN said last on this thread, in one line; empty if nothing.
std::string last_words();

}  // namespace troupe::gpu::cuda::dnn
