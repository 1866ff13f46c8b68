#pragma once

#include "actors/feedback/feedback_store.hpp"
#include "tests/support/doctest_std.hpp"
#include "tests/support/temporary_folder.hpp"

namespace troupe::test {

/// A prediction of `predicted` among four classes for a row of four bytes that its number decides.
struct MadePrediction {
  explicit MadePrediction(std::int64_t number, std::int64_t of_class = 0, std::string its_id = {})
      : id{its_id.empty() ? "p" + std::to_string(number) : std::move(its_id)}, predicted{of_class} {
    for (std::size_t i = 0; i < input.size(); ++i)
      input[i] = static_cast<std::byte>(number * 7 + static_cast<std::int64_t>(i));
    outputs[static_cast<std::size_t>(predicted)] = 0.7F;
  }
  actors::Prediction view() const {
    actors::Prediction view;
    view.id = id;
    view.time_us = 1'000'000;
    view.model = "m";
    view.version = "v1";
    view.type = actors::RowType::u8;
    view.input = input;
    view.outputs = outputs;
    view.predicted = predicted;
    view.confidence = 0.7;
    return view;
  }

  std::string id;
  std::array<std::byte, 4> input{};
  std::array<float, 4> outputs{0.1F, 0.1F, 0.1F, 0.1F};
  std::int64_t predicted;
};

inline std::size_t add(actors::FeedbackStore& store, std::int64_t first, std::int64_t last,
                       std::int64_t of_class = 0) {
  std::vector<MadePrediction> made;
  for (std::int64_t i = first; i <= last; ++i) made.emplace_back(i, of_class);
  std::vector<actors::Prediction> views;
  for (const MadePrediction& one : made) views.push_back(one.view());
  const std::vector<bool> added = store.add_predictions(views);
  return static_cast<std::size_t>(std::count(added.begin(), added.end(), true));
}

inline actors::Verdict label(std::string id, std::int64_t label) {
  return {std::move(id), label, {}, 5};
}
inline actors::Verdict rating(std::string id, double rating) {
  return {std::move(id), {}, rating, 5};
}

}  // namespace troupe::test
