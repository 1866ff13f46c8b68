#include "gpu/cuda/dnn/descriptor.hpp"

#include <array>
#include <cstdio>

#include "runtime/base/error.hpp"

namespace troupe::gpu::cuda::dnn {
namespace {

std::string number(int value) {
  return std::to_string(value);
}

void check_call(cudnnStatus_t status, const std::string& call) {
  if (status != CUDNN_STATUS_SUCCESS) fail(status, call, last_words());
}

}  // namespace

struct Descriptor::State {
  explicit State(cudnnBackendDescriptorType_t kind) : type{kind} {
    check_call(cudnnBackendCreateDescriptor(kind, &raw),
               "cudnnBackendCreateDescriptor(" + number(kind) + ")");
  }
  State(const State&) = delete;
  State& operator=(const State&) = delete;
  ~State() { cudnnBackendDestroyDescriptor(raw); }

  cudnnBackendDescriptorType_t type;
  cudnnBackendDescriptor_t raw = nullptr;
  std::string text;
  std::vector<Descriptor> parts;
};

Descriptor::Descriptor(cudnnBackendDescriptorType_t type) : state_{std::make_shared<State>(type)} {}

void Descriptor::set(cudnnBackendAttributeName_t name, cudnnBackendAttributeType_t type,
                     std::int64_t count, const void* values) {
  check_call(cudnnBackendSetAttribute(state_->raw, name, type, count, values),
             "cudnnBackendSetAttribute(" + number(state_->type) + ", " + number(name) + ")");
}

Descriptor& Descriptor::set(cudnnBackendAttributeName_t name, std::span<const Descriptor> values) {
  std::vector<cudnnBackendDescriptor_t> raws;
  std::string text;
  for (const Descriptor& value : values) {
    raws.push_back(value.raw());
    state_->parts.push_back(value);
    if (!text.empty()) text += ',';
    text += value.text();
  }
  set(name, CUDNN_TYPE_BACKEND_DESCRIPTOR, static_cast<std::int64_t>(raws.size()), raws.data());
  note(name, text);
  return *this;
}

Descriptor& Descriptor::set_text(cudnnBackendAttributeName_t name, std::string_view text) {
  const std::string ended{text};  // cuDNN wants the zero behind it, too
  set(name, CUDNN_TYPE_CHAR, static_cast<std::int64_t>(ended.size() + 1), ended.c_str());
  return *this;
}

void Descriptor::note(cudnnBackendAttributeName_t name, const std::string& values) {
  if (!state_->text.empty()) state_->text += ';';
  state_->text += number(name) + "=" + values;
}

cudnnStatus_t Descriptor::try_finish() {
  return cudnnBackendFinalize(state_->raw);
}

Descriptor& Descriptor::finish() {
  check_call(try_finish(), "cudnnBackendFinalize(" + number(state_->type) + ")");
  return *this;
}

std::int64_t Descriptor::count(cudnnBackendAttributeName_t name,
                               cudnnBackendAttributeType_t type) const {
  std::int64_t count = 0;
  check_call(cudnnBackendGetAttribute(state_->raw, name, type, 0, &count, nullptr),
             "cudnnBackendGetAttribute(" + number(state_->type) + ", " + number(name) + ")");
  return count;
}

std::size_t Descriptor::get(cudnnBackendAttributeName_t name, cudnnBackendAttributeType_t type,
                            std::int64_t most, void* values) const {
  std::int64_t count = 0;
  if (most > 0) {
    check_call(cudnnBackendGetAttribute(state_->raw, name, type, most, &count, values),
               "cudnnBackendGetAttribute(" + number(state_->type) + ", " + number(name) + ")");
  }
  return static_cast<std::size_t>(count < most ? count : most);
}

std::string Descriptor::get_text(cudnnBackendAttributeName_t name) const {
  const std::vector<char> characters = get_all<char>(name);
  std::string text{characters.begin(), characters.end()};
  return text.substr(0, text.find('\0'));
}

std::vector<Descriptor> Descriptor::get_descriptors(cudnnBackendAttributeName_t name,
                                                    cudnnBackendDescriptorType_t type) const {
  // The first count is an upper bound; the second tells how many were filled.
  std::vector<Descriptor> values;
  std::vector<cudnnBackendDescriptor_t> raws;
  for (std::int64_t left = count(name, CUDNN_TYPE_BACKEND_DESCRIPTOR); left > 0; --left) {
    values.emplace_back(type);
    raws.push_back(values.back().raw());
  }
  const std::size_t filled =
      get(name, CUDNN_TYPE_BACKEND_DESCRIPTOR, static_cast<std::int64_t>(raws.size()), raws.data());
  values.erase(values.begin() + static_cast<std::ptrdiff_t>(filled), values.end());
  return values;
}

void Descriptor::missing(cudnnBackendAttributeName_t name) {
  throw Error{ErrorCode::bug, "cuda: cudnnBackendGetAttribute: expected one value of attribute " +
                                  number(name) + ", got none"};
}

std::string Descriptor::text_of(double value) {
  std::array<char, 32> text{};
  std::snprintf(text.data(), text.size(), "%a", value);  // all bits
  return text.data();
}

std::string Descriptor::text() const {
  return number(state_->type) + "{" + state_->text + "}";
}

cudnnBackendDescriptor_t Descriptor::raw() const {
  return state_->raw;
}

std::string last_words() {
  std::array<char, 512> words{};
  cudnnGetLastErrorString(words.data(), words.size());
  return one_line(words.data());
}

}  // namespace troupe::gpu::cuda::dnn
