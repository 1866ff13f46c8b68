#include "serialization/manifest.hpp"

#include <capnp/message.h>
#include <kj/exception.h>

#include <algorithm>
#include <array>
#include <functional>
#include <iterator>

#include "runtime/base/error.hpp"
#include "serialization/manifest_envelope.hpp"
#include "serialization/message.hpp"
#include "serialization/schema/checkpoint.capnp.h"

namespace troupe::serialization {
namespace {

capnp::Data::Reader as_data(std::span<const std::byte> bytes) {
  return {reinterpret_cast<const kj::byte*>(bytes.data()), bytes.size()};
}

capnp::Text::Reader as_text(const std::string& string) {
  return {string.c_str(), string.size()};
}

void encode(const TrainingRecord& record, wire::Manifest::Builder out) {
  out.setConfig(as_text(record.config));
  out.setStep(record.step);
  out.setSeed(record.seed);
  out.setDataFingerprint(as_data(record.data_fingerprint));
  out.setLedgerBytes(record.ledger_bytes);
  auto machine = out.initMachine(static_cast<unsigned>(record.machine.size()));
  for (unsigned i = 0; i < machine.size(); ++i) {
    machine[i].setKey(as_text(record.machine[i].key));
    machine[i].setValue(as_text(record.machine[i].value));
  }
  auto metrics = out.initMetrics(static_cast<unsigned>(record.metrics.size()));
  for (unsigned i = 0; i < metrics.size(); ++i) {
    metrics[i].setName(as_text(record.metrics[i].name));
    metrics[i].setStep(record.metrics[i].step);
    metrics[i].setValue(record.metrics[i].value);
  }
}

void encode(const Manifest::Tensor& tensor, wire::Manifest::Tensor::Builder out) {
  out.setName(as_text(tensor.name));
  out.setDtype(static_cast<std::uint8_t>(tensor.dtype));
  auto dims = out.initDims(static_cast<unsigned>(tensor.shape.rank()));
  for (unsigned i = 0; i < dims.size(); ++i) dims.set(i, tensor.shape.dims()[i]);
  out.setOffset(tensor.offset);
  out.setSizeBytes(tensor.size_bytes);
  out.setHash(as_data(tensor.hash));
}

/// Takes a message's fields apart, and names the one that is wrong.
class Decoder {
 public:
  Decoder(std::size_t message_bytes, const std::string& where)
      : message_bytes_{message_bytes}, where_{where} {}

  Manifest manifest(wire::Manifest::Reader in) const {
    Manifest manifest;
    TrainingRecord& record = manifest.record;
    record.config = string(in.getConfig());
    record.step = in.getStep();
    record.seed = in.getSeed();
    record.data_fingerprint = digest<32>("dataFingerprint", in.getDataFingerprint());
    for (const auto fact : checked("machine", in.getMachine())) {
      record.machine.push_back({string(fact.getKey()), string(fact.getValue())});
    }
    for (const auto metric : checked("metrics", in.getMetrics())) {
      record.metrics.push_back({string(metric.getName()), metric.getStep(), metric.getValue()});
    }
    record.ledger_bytes = in.getLedgerBytes();
    for (const auto entry : checked("tensors", in.getTensors())) {
      manifest.tensors.push_back(tensor(entry));
    }
    const auto& tensors = manifest.tensors;
    const auto unsorted =
        std::ranges::adjacent_find(tensors, std::greater_equal{}, &Manifest::Tensor::name);
    if (unsorted != tensors.end()) {
      refuse("tensors",
             "names in order, got " + unsorted->name + " before " + std::next(unsorted)->name);
    }
    manifest.state_hash = digest<32>("stateHash", in.getStateHash());
    return manifest;
  }

 private:
  [[noreturn]] void refuse(const std::string& field, const std::string& expected) const {
    throw Error{ErrorCode::corrupted, where_ + ": " + field + ": expected " + expected};
  }

  static std::string string(capnp::Text::Reader text) { return {text.begin(), text.size()}; }

  template <std::size_t size>
  std::array<std::byte, size> digest(const std::string& field, capnp::Data::Reader bytes) const {
    if (bytes.size() != size) {
      refuse(field, std::to_string(size) + " bytes, got " + std::to_string(bytes.size()));
    }
    std::array<std::byte, size> digest;
    std::ranges::copy(std::as_bytes(std::span{bytes.begin(), size}), digest.begin());
    return digest;
  }

  /// An element takes two words or more, but a list may claim elements of none.
  template <class List>
  List checked(const std::string& field, List list) const {
    if (list.size() > message_bytes_ / 16) {
      refuse(field, "no more than the message holds, got " + std::to_string(list.size()));
    }
    return list;
  }

  Manifest::Tensor tensor(wire::Manifest::Tensor::Reader in) const {
    Manifest::Tensor tensor;
    tensor.name = string(in.getName());
    const std::string field = "tensor " + tensor.name;
    tensor.dtype = static_cast<gpu::DType>(in.getDtype());
    if (size_bytes(tensor.dtype) == 0) {
      refuse(field, "a dtype from 1 to 6, got " + std::to_string(in.getDtype()));
    }
    const auto dims = in.getDims();
    if (dims.size() > gpu::Shape::max_rank) {
      refuse(field, "at most 6 dimensions, got " + std::to_string(dims.size()));
    }
    std::vector<std::int64_t> shape;
    for (const std::int64_t dim : dims) shape.push_back(dim);
    try {
      tensor.shape = gpu::Shape{std::span<const std::int64_t>{shape}};
    } catch (const Error& error) {
      throw Error{ErrorCode::corrupted, where_ + ": " + field + ": " + error.what()};
    }
    tensor.offset = in.getOffset();
    tensor.size_bytes = in.getSizeBytes();
    tensor.hash = digest<16>(field + ": hash", in.getHash());
    return tensor;
  }

  std::size_t message_bytes_;
  const std::string& where_;
};

}  // namespace

std::vector<std::byte> encode_manifest(const Manifest& manifest) {
  try {
    capnp::MallocMessageBuilder message;
    auto out = message.initRoot<wire::Manifest>();
    encode(manifest.record, out);
    auto tensors = out.initTensors(static_cast<unsigned>(manifest.tensors.size()));
    for (unsigned i = 0; i < tensors.size(); ++i) encode(manifest.tensors[i], tensors[i]);
    out.setStateHash(as_data(manifest.state_hash));
    return wrap_manifest(flat_message(message));
  } catch (const kj::Exception& exception) {
    throw Error{ErrorCode::bad_input,
                std::string{"manifest: expected texts and lists that a message can hold, got \""} +
                    exception.getDescription().cStr() + '"'};
  }
}

Manifest decode_manifest(std::span<const std::byte> bytes, const std::string& where) {
  const std::span<const std::byte> message = unwrap_manifest(bytes, where);
  Manifest manifest;
  read_message(message, where, [&](capnp::MessageReader& reader) {
    manifest = Decoder{message.size(), where}.manifest(reader.getRoot<wire::Manifest>());
  });
  return manifest;
}

}  // namespace troupe::serialization
