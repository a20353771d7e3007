#pragma once

#include <string>
#include <string_view>
#include <unordered_map>

#include "sim/batch.h"
#include "sim/schema.h"

namespace rehearsal {

/// Requests of a service as text, one JSON object a line, and the answers to them:
///   {"id": "a7", "context": {"device": "mobile", "taste_0": 0.3, ...},
///    "modules": [{"module": "for_you", "items": [17, 4]}, ...]}
///   {"id": "a7", "page": [{"module": "for_you", "items": [4, 17]}, ...], "pscore": 0.25}
/// "context" has every feature of the schema: a category by the name of its value, anything else as
/// a finite number. "modules" are those that may be shown, each with the items it retrieved, by
/// their number in the catalogue; where the schema has features of candidates, "features":
/// {"times_played": [2, 0]} gives them item by item, and a policy that reads them refuses a request
/// without. "user", "session" and "round" say where a stochastic policy's
/// draws come from; without "user" they come from a hash of "id", so that a request that is sent
/// again, anywhere, gets the same page.
class RequestLines {
 public:
  /// Args: schema: must outlive this.
  explicit RequestLines(const Schema& schema);

  /// Puts a request behind those of `batch`. Args: id: set to the request's "id" as JSON, or to
  /// "null" where it cannot be told.
  /// Raises: Error(kInput) naming the key; `batch` is then as it was.
  void read(std::string_view line, RequestBatch& batch, std::string& id) const;

  /// The answer to round i, without an end of line.
  std::string answer(const std::string& id, const PageBatch& pages, std::size_t i,
                     double pscore) const;

  /// The answer to a request that cannot be answered.
  static std::string refusal(const std::string& id, std::size_t line, const std::string& why);

 private:
  struct Parsed;
  const Schema& schema_;
  std::vector<std::string> feature_names_;
  std::unordered_map<std::string, std::size_t> features_;
  std::unordered_map<std::string, std::uint16_t> modules_;
};

}  // namespace rehearsal
