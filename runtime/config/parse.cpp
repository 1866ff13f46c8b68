#include "runtime/config/parse.hpp"

#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/exceptions.h>
#include <yaml-cpp/mark.h>
#include <yaml-cpp/parser.h>

#include <algorithm>
#include <map>
#include <memory>
#include <set>
#include <sstream>
#include <utility>
#include <vector>

#include "runtime/config/variables.hpp"

namespace troupe::runtime::config {
namespace {

/// Ends the parsing, from within the parser.
struct Refused {
  Mark mark;
  std::string what;
};

/// Builds nodes from the parser's events. The parser recurses no deeper than the nodes that are open, and stops
/// at what is thrown here.
class Builder final : public YAML::EventHandler {
 public:
  Builder(std::size_t source, const Environment& environment, Budget& budget, Problems& problems)
      : source_{source}, environment_{environment}, budget_{budget}, problems_{problems} {}

  NodePtr root() const { return root_; }
  /// Of the list or map that is being read.
  std::optional<Mark> innermost() const {
    return open_.empty() ? std::nullopt : std::optional{open_.back().node.mark};
  }

  void OnDocumentStart(const YAML::Mark& mark) override {
    if (root_) refuse(mark, "expected one YAML document, got a second one");
  }
  void OnDocumentEnd() override {}

  void OnNull(const YAML::Mark& mark, YAML::anchor_t anchor) override {
    charge(mark, 1, 0);
    finish({.kind = Node::Kind::nothing, .mark = here(mark)}, anchor);
  }

  void OnScalar(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                const std::string& value) override {
    check_tag(mark, tag);
    Node node{.kind = Node::Kind::scalar, .mark = here(mark), .text = value};
    if (!expects_key() && value.find("${") != std::string::npos) {
      Replaced replaced = replace_variables(value, environment_, budget_.text_bytes);
      node.text = std::move(replaced.text);
      if (replaced.problem) {
        problems_.add(node.mark, *replaced.problem);
        node.faulty = true;
      }
    }
    node.text_bytes = node.text.size();
    charge(mark, 1, node.text_bytes);
    finish(std::move(node), anchor);
  }

  void OnAlias(const YAML::Mark& mark, YAML::anchor_t anchor) override {
    const auto found = anchors_.find(anchor);
    if (found == anchors_.end()) refuse(mark, "the alias stands inside of what it names");
    const NodePtr& named = found->second;
    charge(mark, named->nodes, named->text_bytes);
    if (open_.size() + named->height > most_depth) refuse_depth(mark);
    attach(named, here(mark));
  }

  void OnSequenceStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                       YAML::EmitterStyle::value) override {
    start(Node::Kind::list, mark, tag, anchor);
  }
  void OnSequenceEnd() override { end(); }
  void OnMapStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                  YAML::EmitterStyle::value) override {
    start(Node::Kind::map, mark, tag, anchor);
  }
  void OnMapEnd() override { end(); }

 private:
  struct Open {
    Node node;
    YAML::anchor_t anchor = YAML::NullAnchor;
    bool has_key = false;  // of a map: the next node is this key's value
    bool key_is_faulty = false;
    std::string key = {};
    Mark key_mark = {};
    std::set<std::string> keys = {};
  };

  Mark here(const YAML::Mark& mark) const { return {source_, mark.line + 1, mark.column + 1}; }
  [[noreturn]] void refuse(const YAML::Mark& mark, std::string what) const {
    throw Refused{here(mark), std::move(what)};
  }
  [[noreturn]] void refuse_depth(const YAML::Mark& mark) const {
    refuse(mark, "expected at most " + std::to_string(most_depth) + " levels of nesting");
  }

  void check_tag(const YAML::Mark& mark, const std::string& tag) {
    if (tag != "" && tag != "?" && tag != "!")
      problems_.add(here(mark), "tags have no meaning here, got " + shown(tag));
  }

  void charge(const YAML::Mark& mark, std::size_t nodes, std::size_t text_bytes) {
    if (nodes > budget_.nodes)
      refuse(mark,
             "expected at most 100000 keys, values and lists, those that aliases name "
             "counted each time");
    if (text_bytes > budget_.text_bytes)
      refuse(mark, "expected at most 16 MiB of text, that which aliases name counted each time");
    budget_.nodes -= nodes;
    budget_.text_bytes -= text_bytes;
  }

  bool expects_key() const {
    return !open_.empty() && open_.back().node.kind == Node::Kind::map && !open_.back().has_key;
  }

  void start(Node::Kind kind, const YAML::Mark& mark, const std::string& tag,
             YAML::anchor_t anchor) {
    if (open_.size() >= most_depth) refuse_depth(mark);
    check_tag(mark, tag);
    charge(mark, 1, 0);
    open_.push_back({.node = {.kind = kind, .mark = here(mark)}, .anchor = anchor});
  }

  void end() {
    Open done = std::move(open_.back());
    open_.pop_back();
    finish(std::move(done.node), done.anchor);
  }

  void finish(Node node, YAML::anchor_t anchor) {
    const Mark mark = node.mark;
    auto shared = std::make_shared<const Node>(std::move(node));
    if (anchor != YAML::NullAnchor) anchors_[anchor] = shared;
    attach(shared, mark);
  }

  void attach(const NodePtr& node, const Mark& mark) {
    if (open_.empty()) {
      root_ = node;
      return;
    }
    Open& parent = open_.back();
    parent.node.nodes += node->nodes;
    parent.node.text_bytes += node->text_bytes;
    parent.node.height = std::max(parent.node.height, node->height + 1);
    if (parent.node.kind == Node::Kind::list) {
      parent.node.items.push_back(node);
    } else if (!parent.has_key) {
      take_key(parent, *node, mark);
    } else {
      parent.has_key = false;
      if (!parent.key_is_faulty)
        parent.node.entries.push_back({std::move(parent.key), parent.key_mark, node});
    }
  }

  void take_key(Open& parent, const Node& node, const Mark& mark) {
    parent.has_key = true;
    parent.key_mark = mark;
    parent.key = node.text;
    parent.key_is_faulty = true;
    if (node.kind != Node::Kind::scalar)
      problems_.add(mark, "expected a text as the key, got " + shown(node));
    else if (!parent.keys.insert(node.text).second)
      problems_.add(mark, "the key " + shown(node.text) + " is there already");
    else
      parent.key_is_faulty = false;
  }

  std::size_t source_;
  const Environment& environment_;
  Budget& budget_;
  Problems& problems_;
  std::vector<Open> open_;
  std::map<YAML::anchor_t, NodePtr> anchors_;
  NodePtr root_;
};

/// What the parser must not see: it would guess an encoding, or take long over many collections at once.
void check_bytes(std::string_view text, std::size_t source) {
  if (text.size() > most_file_bytes)
    throw Refused{{source, 0, 0},
                  "expected at most 4 MiB, got " + std::to_string(text.size()) + " bytes"};
  if (!is_utf8(text)) throw Refused{{source, 0, 0}, "expected UTF-8"};
  constexpr std::size_t most_marks = 400'000;  // four for each node that a file may have
  Mark mark{source, 1, 1};
  std::size_t marks = 0;
  for (const char c : text) {
    if ((c >= 0 && c < 0x20 && c != '\n' && c != '\r' && c != '\t') || c == 0x7f)
      throw Refused{mark, "expected text, got a control byte"};
    if (std::string_view{"[]{},?:&*!|>%"}.find(c) != std::string_view::npos && ++marks > most_marks)
      throw Refused{mark, "expected at most 400000 of the characters []{},?:&*!|>%"};
    ++mark.column;
    if (c == '\n') mark = {source, mark.line + 1, 1};
  }
}

}  // namespace

NodePtr parse(std::string_view text, std::size_t source, const Environment& environment,
              Budget& budget, Problems& problems) {
  Builder builder{source, environment, budget, problems};
  try {
    check_bytes(text, source);
    std::istringstream stream{std::string{text}};
    YAML::Parser parser{stream};
    while (parser.HandleNextDocument(builder)) continue;
    if (builder.root()) return builder.root();
    return std::make_shared<const Node>(Node{.mark = {source, 1, 1}});
  } catch (const Refused& refused) {
    problems.add(refused.mark, refused.what);
  } catch (const YAML::Exception& error) {
    Mark mark{source, std::max(error.mark.line + 1, 1), std::max(error.mark.column + 1, 1)};
    // At the end of the text the parser has lost its place.
    if (error.msg == YAML::ErrorMsg::END_OF_SEQ_FLOW ||
        error.msg == YAML::ErrorMsg::END_OF_MAP_FLOW)
      mark = builder.innermost().value_or(mark);
    problems.add(mark, "YAML: " + error.msg);
  }
  return nullptr;
}

}  // namespace troupe::runtime::config
