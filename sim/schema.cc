#include "sim/schema.h"

#include "sim/core/error.h"

namespace rehearsal {

namespace {

std::size_t index_of(const std::string& name, const std::vector<std::string>& known,
                     const std::string& kind, const std::string& where) {
  for (std::size_t i = 0; i < known.size(); ++i)
    if (known[i] == name) return i;
  std::string message = (where.empty() ? "" : where + ": ") + "unknown " + kind + " '" + name + "'";
  const std::string near = nearest_name(name, known);
  if (!near.empty()) message += "; did you mean '" + near + "'?";
  message += " Known: ";
  for (std::size_t i = 0; i < known.size(); ++i) message += (i > 0 ? ", " : "") + known[i];
  throw Error(ErrorKind::kInput, message);
}

}  // namespace

std::size_t Schema::feature_index(const std::string& name, const std::string& where) const {
  std::vector<std::string> names;
  for (const Feature& feature : features) names.push_back(feature.name);
  return index_of(name, names, "feature", where);
}

std::size_t Schema::module_index(const std::string& name, const std::string& where) const {
  return index_of(name, modules, "module", where);
}

}  // namespace rehearsal
