#include <yaml-cpp/yaml.h>

#include "policies/policies.h"
#include "sim/core/error.h"
#include "sim/log/log.h"
#include "sim/log/schema_file.h"

namespace rehearsal {

namespace {

constexpr const char* kConfigFile = "policy.yaml";
constexpr const char* kStateFile = "state.h5";
constexpr const char* kSchemaFile = "catalogue.h5";
// In policy.yaml beside the policy's own keys.
constexpr const char* kParts = "parts";
constexpr const char* kState = "state";

/// The policy's mapping with those of its parts inside.
YAML::Node mapping_of(const Policy& policy, const std::string& name, const std::string& yaml) {
  if (yaml.empty())
    throw Error(
        ErrorKind::kInput,
        "the policy '" + name + "' was not made from a configuration, so it cannot be saved");
  YAML::Node node = YAML::Load(yaml);
  for (const auto& [part, part_policy] : policy.parts())
    node[kParts][part] = mapping_of(*part_policy, part, part_policy->config());
  return node;
}

std::shared_ptr<Policy> make_from(const YAML::Node& node, const Source& source,
                                  const Schema& schema) {
  if (!node.IsMap()) refuse_at(node, source, "expected a mapping, found " + seen(node));
  PolicyContext context{schema, Rng(0)};
  YAML::Node own(YAML::NodeType::Map);
  for (const auto& pair : node) {
    const std::string key = pair.first.Scalar();
    if (key == kState) continue;
    if (key != kParts) {
      own.force_insert(pair.first, pair.second);
      continue;
    }
    const Source at = source.child(kParts);
    if (!pair.second.IsMap())
      refuse_at(pair.second, at, "expected a mapping, found " + seen(pair.second));
    for (const auto& part : pair.second)
      context.others[part.first.Scalar()] =
          make_from(part.second, at.child(part.first.Scalar()), schema);
  }
  return make_policy(own, source, context);
}

}  // namespace

void save_policy(const Policy& policy, const std::string& yaml,
                 const std::filesystem::path& folder) {
  YAML::Node node = mapping_of(policy, "", yaml);
  const Arrays state = policy.state();
  std::error_code problem;
  std::filesystem::create_directories(folder, problem);
  if (problem)
    throw Error(ErrorKind::kRuntime,
                "cannot create the folder " + folder.string() + ": " + problem.message());
  if (!state.empty()) {
    node[kState] = kStateFile;
    save_arrays(folder / kStateFile, state);
  }
  // Last: a folder without it is not a policy.
  write_text_atomically(folder / kConfigFile, YAML::Dump(node) + "\n");
}

std::shared_ptr<Policy> load_policy(const std::filesystem::path& folder, const Schema& schema) {
  const std::filesystem::path file = folder / kConfigFile;
  const std::string text = read_text(file);
  YAML::Node node;
  try {
    node = YAML::Load(text);
  } catch (const YAML::Exception& error) {
    throw Error(ErrorKind::kInput, file.string() + ": not YAML: " + error.what());
  }
  const Source source{file.string(), ""};
  std::shared_ptr<Policy> policy = make_from(node, source, schema);
  if (!node[kState].IsDefined()) return policy;
  const std::filesystem::path state = folder / kStateFile;
  const Arrays arrays = load_arrays(state);
  try {
    policy->set_state(arrays);
  } catch (const Error& error) {
    throw Error(error.kind(), state.string() + ": " + error.what());
  }
  return policy;
}

void save_policy_schema(const Schema& schema, const std::filesystem::path& folder,
                        const std::filesystem::path& shared) {
  const std::filesystem::path file = folder / kSchemaFile;
  std::error_code problem;
  if (!shared.empty()) {
    // Files are replaced, never changed in place: what is linked stays as it is.
    std::filesystem::remove(file, problem);
    std::filesystem::create_hard_link(shared / kSchemaFile, file, problem);
    if (!problem) return;
  }
  save_schema(file, schema);
}

ServedPolicy load_served_policy(const std::filesystem::path& folder) {
  const std::filesystem::path file = folder / kSchemaFile;
  std::error_code problem;
  if (!std::filesystem::exists(folder / kConfigFile, problem))
    throw Error(
        ErrorKind::kInput,
        folder.string() + ": is not the folder of a saved policy: it has no " + kConfigFile);
  if (!std::filesystem::exists(file, problem))
    throw Error(ErrorKind::kInput,
                file.string() +
                    ": is not there: the policy cannot be served without its features, "
                    "modules and items; save it again with this version");
  ServedPolicy served{std::make_unique<const Schema>(load_schema(file)), nullptr};
  served.policy = load_policy(folder, *served.schema);
  return served;
}

}  // namespace rehearsal
