#include "actors/pipeline/feedback_link.hpp"

#include <capnp/message.h>

#include <algorithm>
#include <charconv>
#include <chrono>
#include <deque>
#include <map>
#include <optional>
#include <string_view>
#include <utility>
#include <vector>

#include "actors/deployer/servable.hpp"
#include "runtime/actor/context.hpp"
#include "runtime/telemetry/log.hpp"
#include "serialization/frame_reader.hpp"
#include "serialization/make_frame.hpp"
#include "serialization/schema/feedback.capnp.h"

namespace troupe::actors {
namespace {

using namespace runtime;
using namespace std::chrono_literals;
using serialization::make_frame;
using serialization::read_head;

constexpr Duration answer_within = 10s;
constexpr Duration try_again_after = 200ms;
constexpr int most_tries = 20;  // of one batch
constexpr std::size_t most_batch_rows = 1024;
constexpr std::size_t most_batch_bytes = std::size_t{8} << 20;
constexpr std::size_t most_rows = 20'000;  // that wait, or are on their way
constexpr std::size_t most_bytes = std::size_t{64} << 20;
constexpr std::size_t most_feedback = 4096;  // that waits for its prediction
constexpr std::size_t most_id_bytes = 64;    // what the store takes

// What clients are told; the log says more, a file's path for instance.
constexpr const char* refuses =
    "feedback cannot be stored now: its store is full, held by another program, or of other rows";
constexpr const char* is_away = "feedback cannot be stored now: whoever keeps it is not there";

std::int64_t microseconds_now() {
  return std::chrono::duration_cast<std::chrono::microseconds>(
             std::chrono::system_clock::now().time_since_epoch())
      .count();
}

class FeedbackLink final : public FeedbackSink {
 public:
  FeedbackLink(Context& context, const std::string& path)
      : context_{context}, to_{context.ref(path)} {}

  void record(std::vector<PredictionRecord> predictions) override {
    for (PredictionRecord& prediction : predictions) enqueue(std::move(prediction));
    send_next();
  }

  void feedback(Feedback feedback, Done done) override {
    if (feedback.label && feedback.rating)
      return done(FeedbackResult::invalid, "expected a label or a rating, got both");
    if (const auto at = unrecorded_.find(feedback.id); at != unrecorded_.end()) {
      if (refused_) return done(FeedbackResult::later, refuses);
      if (waiting_ >= most_feedback)
        return done(FeedbackResult::later, "too much feedback waits for its prediction");
      ++waiting_;
      at->second.emplace_back(std::move(feedback), std::move(done));
      return;
    }
    send(feedback, std::move(done));
  }

 private:
  struct Row {
    std::string id, version;
    std::int64_t time_us = 0;
    bool bytes = false;  // of u8
    std::vector<std::byte> inputs;
    std::vector<float> outputs;

    std::size_t size() const { return inputs.size() + outputs.size() * sizeof(float); }
    /// Whether both go into one message.
    bool like(const Row& other) const {
      return version == other.version && bytes == other.bytes &&
             inputs.size() == other.inputs.size() && outputs.size() == other.outputs.size();
    }
  };
  using Said = std::vector<std::pair<Feedback, Done>>;

  void enqueue(PredictionRecord&& prediction) {
    const ServableInfo* const info = prediction.info;
    const bool fits = info != nullptr && info->inputs.size() == 1 &&
                      (info->inputs[0].datatype == "UINT8" || info->inputs[0].datatype == "FP32") &&
                      !prediction.outputs.empty() && prediction.id.size() <= most_id_bytes;
    if (!fits) {
      if (!std::exchange(told_of_misfit_, true))
        context_.log().warning(
            "predictions are not kept for feedback: of models with one input of "
            "UINT8 or FP32 only");
      return;
    }
    if (!names_ || info->class_names != *names_) names_ = info->class_names;
    Row row{std::move(prediction.id),     std::move(prediction.version),
            microseconds_now(),           info->inputs[0].datatype == "UINT8",
            std::move(prediction.inputs), std::move(prediction.outputs)};
    if (row.size() > most_batch_bytes) return;
    while (!rows_.empty() && (rows_.size() >= most_rows || bytes_ + row.size() > most_bytes)) {
      give_up(rows_.front());
      bytes_ -= rows_.front().size();
      rows_.pop_front();
    }
    bytes_ += row.size();
    unrecorded_.try_emplace(row.id);
    rows_.push_back(std::move(row));
  }

  /// What was said of it is for the feedback actor to judge.
  void settle(const std::string& id) {
    const auto at = unrecorded_.find(id);
    if (at == unrecorded_.end()) return;
    Said said = std::move(at->second);
    unrecorded_.erase(at);
    waiting_ -= said.size();
    for (auto& [feedback, done] : said) send(feedback, std::move(done));
  }

  /// The store is full, say. Predictions are tried again for a while, but nobody is kept waiting for that.
  void refuse(const std::string& why) {
    if (!std::exchange(refused_, true))
      context_.log().warning("predictions are not kept for feedback", {{"why", why}});
    waiting_ = 0;
    for (auto& [id, said] : unrecorded_)
      for (auto& [feedback, done] : std::exchange(said, {})) done(FeedbackResult::later, refuses);
  }

  void give_up(const Row& row) {
    if (given_up_++ % 1000 == 0)
      context_.log().warning(
          "predictions were not kept for feedback: their queue is full, or they "
          "were refused",
          {{"given up", given_up_}});
    settle(row.id);
  }

  void send_next() {
    if (!batch_.empty() || rows_.empty()) return;
    std::size_t bytes = 0;
    while (!rows_.empty() && batch_.size() < most_batch_rows &&
           (batch_.empty() || (rows_.front().like(batch_.front()) &&
                               bytes + rows_.front().size() <= most_batch_bytes))) {
      bytes += rows_.front().size();
      batch_.push_back(std::move(rows_.front()));
      rows_.pop_front();
    }
    bytes_ -= bytes;
    tries_ = 0;
    send_batch();
  }

  void send_batch() {
    std::vector<std::byte> inputs;
    std::vector<float> outputs;
    for (const Row& row : batch_) {
      inputs.insert(inputs.end(), row.inputs.begin(), row.inputs.end());
      outputs.insert(outputs.end(), row.outputs.begin(), row.outputs.end());
    }
    const Frame frame = make_frame<wire::RecordPredictions>(
        [&](wire::RecordPredictions::Builder head) {
          head.setVersion(batch_.front().version);
          head.setType(batch_.front().bytes ? wire::RecordPredictions::RowType::U8
                                            : wire::RecordPredictions::RowType::F32);
          auto rows = head.initRows(static_cast<unsigned>(batch_.size()));
          for (unsigned i = 0; i < rows.size(); ++i) {
            const std::vector<float>& out = batch_[i].outputs;
            const auto best = std::ranges::max_element(out);
            rows[i].setId(batch_[i].id);
            rows[i].setTimeMicroseconds(batch_[i].time_us);
            rows[i].setPredicted(static_cast<std::uint32_t>(best - out.begin()));
            rows[i].setConfidence(static_cast<double>(*best));
          }
          head.setInputs(0);
          head.setOutputs(1);
        },
        inputs, outputs);
    context_.ask<wire::RecordPredictions>(to_, frame, answer_within, [this](const Answer& answer) {
      if (answer.ok()) {
        if (std::exchange(refused_, false))
          context_.log().info("predictions are kept for feedback again",
                              {{"not kept until now", given_up_}});
      } else if (answer.failure().kind == FailureKind::refused) {
        refuse(answer.failure().text);
      }
      if (!answer.ok() && ++tries_ < most_tries) {
        // Recording again what was recorded does no harm.
        context_.after(try_again_after, [this] { send_batch(); });
        return;
      }
      if (!answer.ok()) {
        given_up_ += batch_.size();
        if (!refused_)
          context_.log().warning("predictions were not kept for feedback",
                                 {{"rows", batch_.size()}, {"why", answer.failure().text}});
      }
      const std::vector<Row> settled = std::exchange(batch_, {});
      for (const Row& row : settled) settle(row.id);
      send_next();
    });
  }

  /// The class that a label names. None: no such; `known` false: it cannot be said yet.
  std::optional<std::int64_t> class_of(std::string_view label, bool& known) const {
    known = true;
    if (names_) {
      const auto at = std::ranges::find(*names_, label);
      if (at != names_->end()) return at - names_->begin();
    }
    std::int64_t number = 0;
    const char* const end = label.data() + label.size();
    const auto [stop, error] = std::from_chars(label.data(), end, number);
    if (error == std::errc{} && stop == end && number >= 0) return number;
    known = names_.has_value();
    return {};
  }

  void send(const Feedback& feedback, Done done) {
    std::optional<std::int64_t> label;
    if (feedback.label) {
      bool known = true;
      label = class_of(*feedback.label, known);
      if (!known)
        return done(FeedbackResult::later, "the classes' names come with the next prediction");
      if (!label)
        return done(FeedbackResult::invalid, "expected a class, by its name or number, got \"" +
                                                 feedback.label->substr(0, 60) + '"');
    }
    const Frame frame = make_frame<wire::AddFeedback>([&](wire::AddFeedback::Builder head) {
      head.setId(feedback.id);
      head.setTimeMicroseconds(microseconds_now());
      if (label) {
        head.setLabel(*label);
      } else {
        head.setRating(feedback.rating.value_or(-1));
      }
    });
    context_.ask<wire::AddFeedback>(
        to_, frame, answer_within, [this, feedback, done = std::move(done)](const Answer& answer) {
          if (!answer.ok()) {
            // What it refuses it tells of itself.
            if (answer.failure().kind == FailureKind::refused)
              return done(FeedbackResult::later, refuses);
            context_.log().warning("feedback was not kept", {{"why", answer.failure().text}});
            return done(FeedbackResult::later, is_away);
          }
          auto result = wire::FeedbackAdded::Result::INVALID;
          read_head<wire::FeedbackAdded>(
              answer.frame(), [&](wire::FeedbackAdded::Reader head) { result = head.getResult(); });
          switch (result) {
            case wire::FeedbackAdded::Result::ACCEPTED:
            case wire::FeedbackAdded::Result::KNOWN:
              return done(FeedbackResult::ok, {});
            case wire::FeedbackAdded::Result::UNKNOWN:
              return done(FeedbackResult::unknown,
                          "expected the id of a prediction that is kept, got \"" +
                              feedback.id.substr(0, 80) + '"');
            case wire::FeedbackAdded::Result::REPEATED:
              return done(FeedbackResult::repeated, {});
            case wire::FeedbackAdded::Result::INVALID:
              break;
          }
          done(FeedbackResult::invalid,
               "expected a class of the model, or a rating from 0 to 1, got " +
                   (feedback.label ? '"' + feedback.label->substr(0, 60) + '"'
                                   : std::to_string(feedback.rating.value_or(0))));
        });
  }

  Context& context_;
  const Ref to_;
  std::deque<Row> rows_;  // that wait
  std::size_t bytes_ = 0;
  std::vector<Row> batch_;  // on its way
  int tries_ = 0;
  std::map<std::string, Said>
      unrecorded_;           // by id: what was said of those that wait or are on their way
  std::size_t waiting_ = 0;  // in there
  std::optional<std::vector<std::string>> names_;  // of classes; none: no prediction was seen yet
  std::uint64_t given_up_ = 0;
  bool refused_ = false;  // the last predictions were not recorded
  bool told_of_misfit_ = false;
};

}  // namespace

std::unique_ptr<FeedbackSink> make_feedback_link(Context& context, const std::string& path) {
  return std::make_unique<FeedbackLink>(context, path);
}

}  // namespace troupe::actors
