// A plugin with one type or two, or one that the loader must refuse.
#include "runtime/plugin.hpp"
#include "runtime/registry.hpp"
#include "tests/support/no_actor.hpp"

#ifndef FAKE_NO_ENTRY
namespace {

void add_types(troupe::runtime::Registry& registry) {
  registry.add({"from_plugin", "Comes from a plugin.", {}, troupe::test::no_actor});
  troupe::runtime::ShortForm form;
  form.keys = {{"plugged", "Makes an actor of the plugin."}};
  form.expand = [](const troupe::runtime::Sections&, const troupe::runtime::Registry&) {
    return troupe::runtime::Expanded{R"([{"name": "made", "type": "from_plugin"}])"};
  };
  registry.add_short_form(form);
#ifdef FAKE_TAKEN
  registry.add({"taken", "Is there already.", {}, troupe::test::no_actor});
#endif
}

}  // namespace

#if defined(FAKE_ABI) || defined(FAKE_VERSION)
#ifndef FAKE_ABI
#define FAKE_ABI troupe::runtime::plugin_abi
#endif
#ifndef FAKE_VERSION
#define FAKE_VERSION troupe::runtime::plugin_version
#endif
extern "C" [[gnu::visibility("default")]] const troupe::runtime::PluginEntry* troupe_plugin() {
  static constexpr troupe::runtime::PluginEntry entry{FAKE_ABI, FAKE_VERSION, add_types};
  return &entry;
}
#else
TROUPE_PLUGIN(add_types)
#endif
#endif
