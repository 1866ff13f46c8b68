#include "actors/deployer/dispatcher.hpp"

#include <algorithm>
#include <cstring>
#include <iterator>
#include <optional>

#include "actors/deployer/infer_response.hpp"
#include "actors/deployer/serving_messages.hpp"

namespace troupe::actors {

using runtime::Answer;
using runtime::FailureKind;

Dispatcher::Dispatcher(DispatcherOptions options, Ports ports)
    : options_{options}, ports_{std::move(ports)}, balancer_{options.balance} {}

void Dispatcher::submit(InferJob job) {
  const TimePoint now = ports_.now();
  const std::uint64_t id = ++last_id_;
  Request request;
  request.left = job.request.count;
  request.due = later(now, options_.timeout);
  request.outputs = std::make_shared<std::vector<std::byte>>(
      static_cast<std::size_t>(job.request.count) * job.version->out_bytes);
  const ServedVersion& version = *job.version;
  const std::int64_t most =
      std::max<std::int64_t>(1, std::min(options_.max_batch, version.max_rows));
  batchers_.try_emplace(version.info.version, most, options_.max_delay)
      .first->second.add(id, job.request.count, now);
  due_.emplace(request.due, id);
  request.job = std::make_shared<InferJob>(std::move(job));
  requests_.emplace(id, std::move(request));
  pump();
}

void Dispatcher::wake() {
  wake_ = TimePoint::max();
  expire(ports_.now());
  pump();
}

void Dispatcher::add(std::uint64_t replica, const std::string& version) {
  balancer_.add(replica);
  versions_[replica].insert(version);
  pump();
}

void Dispatcher::remove(std::uint64_t replica, const std::string& version) {
  const auto at = versions_.find(replica);
  if (at != versions_.end()) at->second.erase(version);
}

void Dispatcher::remove(std::uint64_t replica) {
  balancer_.remove(replica);
  versions_.erase(replica);
}

void Dispatcher::pump() {
  const TimePoint now = ports_.now();
  for (auto at = batchers_.begin(); at != batchers_.end();) {
    while (send_one(at->second, at->first, now)) {
    }
    at = at->second.empty() ? batchers_.erase(at) : std::next(at);
  }
  set_wake(now);
}

bool Dispatcher::send_one(Batcher& batcher, const std::string& version, TimePoint now) {
  const std::optional<TimePoint> due = batcher.due();
  if (!due || *due > now) return false;
  const std::int64_t expected = std::min(batcher.rows(), options_.max_batch);
  const std::optional<std::uint64_t> replica = balancer_.assign(expected, [&](std::uint64_t id) {
    const auto at = versions_.find(id);
    return at != versions_.end() && at->second.contains(version);
  });
  if (!replica) return false;
  Batch batch;
  batch.replica = *replica;
  batch.pieces = batcher.take(now, [&](std::uint64_t id) { return requests_.contains(id); });
  for (const Piece& piece : batch.pieces) batch.rows += piece.count;
  if (batch.pieces.empty()) {  // nobody waits for those rows any more
    balancer_.done(*replica, expected, std::nullopt);
    return true;
  }
  balancer_.shrink(*replica, expected - batch.rows);

  TimePoint last = now;
  for (const Piece& piece : batch.pieces) {
    Request& request = requests_.at(piece.request);
    request.computing = true;
    last = std::max(last, request.due);
    batch.version = request.job->version;
  }
  const std::size_t row_bytes = batch.version->in_bytes;
  runtime::Frame frame =
      predict_frame(version, batch.rows, static_cast<std::size_t>(batch.rows) * row_bytes,
                    [&](std::span<std::byte> to) {
                      for (const Piece& piece : batch.pieces) {
                        const std::size_t bytes = static_cast<std::size_t>(piece.count) * row_bytes;
                        std::memcpy(to.data(),
                                    requests_.at(piece.request).job->request.rows.data() +
                                        static_cast<std::size_t>(piece.first) * row_bytes,
                                    bytes);
                        to = to.subspan(bytes);
                      }
                    });
  ports_.sent(batch.rows);
  ports_.ask(*replica, std::move(frame), last - now,
             [this, batch = std::move(batch)](const Answer& answer) {
               answered(batch, answer);
               pump();
             });
  return true;
}

void Dispatcher::answered(const Batch& batch, const Answer& answer) {
  if (!answer.ok()) {
    balancer_.done(batch.replica, batch.rows, std::nullopt);
    switch (answer.failure().kind) {
      case FailureKind::ended:
      case FailureKind::not_running:
      case FailureKind::dropped:
        remove(batch.replica);
        return again(batch, true);
      case FailureKind::timeout:
        return;  // so did its requests
      case FailureKind::refused:
        for (const Piece& piece : batch.pieces)
          fail(piece.request,
               error_response(500, "the model could not compute: " + answer.failure().text));
        return;
    }
  }
  std::optional<PredictedMessage> predicted;
  std::span<const std::byte> rows;
  try {
    predicted = read_predicted(answer.frame());
    rows = answer.frame().payload(0);
  } catch (const std::exception&) {  // from another process, say: as good as no answer
    balancer_.done(batch.replica, batch.rows, std::nullopt);
    return again(batch, true);
  }
  if (predicted->not_loaded) {
    balancer_.done(batch.replica, batch.rows, std::nullopt);
    remove(batch.replica, batch.version->info.version);
    return again(batch, false);
  }
  balancer_.done(batch.replica, batch.rows,
                 Duration{static_cast<std::int64_t>(predicted->nanoseconds)});
  if (rows.size() != static_cast<std::size_t>(batch.rows) * batch.version->out_bytes)
    return again(batch, true);
  computed(batch, rows);
}

void Dispatcher::computed(const Batch& batch, std::span<const std::byte> rows) {
  const std::size_t row_bytes = batch.version->out_bytes;
  for (const Piece& piece : batch.pieces) {
    const std::size_t bytes = static_cast<std::size_t>(piece.count) * row_bytes;
    const auto at = requests_.find(piece.request);
    if (at != requests_.end()) {
      std::memcpy(at->second.outputs->data() + static_cast<std::size_t>(piece.first) * row_bytes,
                  rows.data(), bytes);
      at->second.left -= piece.count;
      if (at->second.left == 0) finish(piece.request);
    }
    rows = rows.subspan(bytes);
  }
}

void Dispatcher::again(const Batch& batch, bool its_fault) {
  std::vector<Piece> pieces;
  for (const Piece& piece : batch.pieces) {
    const auto at = requests_.find(piece.request);
    if (at == requests_.end()) continue;
    at->second.computing = false;
    if (its_fault && ++at->second.attempts >= max_attempts)
      fail(piece.request, overloaded_response("the replicas that computed this request ended"));
    else
      pieces.push_back(piece);
  }
  const ServedVersion& version = *batch.version;
  const std::int64_t most =
      std::max<std::int64_t>(1, std::min(options_.max_batch, version.max_rows));
  batchers_.try_emplace(version.info.version, most, options_.max_delay)
      .first->second.put_back(pieces);
}

void Dispatcher::finish(std::uint64_t id) {
  const auto at = requests_.find(id);
  const std::shared_ptr<InferJob> job = at->second.job;
  const auto outputs = at->second.outputs;
  due_.erase({at->second.due, id});
  requests_.erase(at);
  ports_.predicted(*job, *outputs);
  Respond respond = std::move(job->respond);
  // The job, with its place in the queue, lasts until the response has been built.
  respond([job, outputs] {
    const InferRequest& request = job->request;
    HttpResponse response =
        infer_response(job->version->info, request.id.empty() ? job->prediction_id : request.id,
                       request.outputs, request.count, *outputs);
    response.headers.emplace_back("X-Troupe-Prediction-Id", job->prediction_id);
    return response;
  });
}

void Dispatcher::fail(std::uint64_t id, HttpResponse response) {
  const auto at = requests_.find(id);
  if (at == requests_.end()) return;
  const std::shared_ptr<InferJob> job = at->second.job;
  due_.erase({at->second.due, id});
  requests_.erase(at);
  job->respond(std::move(response));
}

void Dispatcher::expire(TimePoint now) {
  while (!due_.empty() && due_.begin()->first <= now) {
    const std::uint64_t id = due_.begin()->second;
    if (requests_.at(id).computing)
      fail(id, error_response(504, "the model did not compute this request in its time"));
    else
      fail(id, overloaded_response("no replica was free in this request's time"));
  }
}

void Dispatcher::set_wake(TimePoint now) {
  TimePoint next = due_.empty() ? TimePoint::max() : due_.begin()->first;
  // A batch that is due already waits for a replica, not for time.
  for (const auto& [version, batcher] : batchers_)
    if (const auto due = batcher.due(); due && *due > now) next = std::min(next, *due);
  if (next >= wake_) return;
  wake_ = next;
  ports_.wake_after(next - now);
}

}  // namespace troupe::actors
